package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sabir-ipc/sabir/internal/needed"
)

// Members of a group, or all users, come in at the socket of what a command serves, with the level that was said.
func TestOpenToOthers(t *testing.T) {
	if os.Getuid() != 0 {
		needed.Missing(t, "root", errors.New("nobody else can be other users"))
	}
	home := sandbox(t)
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	description := filepath.Join(home, "a.sabir")
	text := "service a 1.0\nmethod look()  readonly  access=read\nmethod change()\n"
	for _, err := range []error{os.WriteFile(description, []byte(text), 0o644), os.Chmod(home, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	as := func(uid, gid uint32, words ...string) string {
		cmd := inTime(t, "sabir", words...)
		cmd.Path, cmd.Err, cmd.ExtraFiles = "/proc/self/fd/3", nil, []*os.File{self}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
		cmd.Env = []string{"SABIR_DIR=" + home, "XDG_STATE_HOME=/nowhere", "GORACE=atexit_sleep_ms=0"}
		out, _ := cmd.CombinedOutput()
		return strings.TrimSpace(string(out))
	}
	const group = 4711
	for _, test := range []struct {
		serve, words  string
		member, other string // what is said to them
	}{
		{"export -q --group 4711:read FILE -- true", "call a.look", "{}", "permission denied"},
		{"export -q --group 4711:read FILE -- true", "call a.change", "a.change needs access level write", "permission denied"},
		{"export -q --group 4711 FILE -- true", "call a.change", "{}", "permission denied"},
		{"export -q --group 4711 FILE -- true", "token new a", "the service is another user's", "the service is another user's"},
		{"export -q --users read FILE -- true", "call a.look", "{}", "{}"},
		{"export -q --users read FILE -- true", "call a.change", "a.change needs access level write", "a.change needs access level write"},
		{"hub -q --units /nowhere --group 4711:read", "-a hub get hub.services", "", "permission denied"},
		{"hub -q --units /nowhere --group 4711:write", "export --to hub FILE -- /bin/true", "offer a: Denied: only admins offer services here", "permission denied"},
	} {
		socket := filepath.Join(home, "a.sock")
		if strings.HasPrefix(test.serve, "hub") {
			socket = filepath.Join(home, "hub.sock")
		}
		server := inTime(t, "sabir", strings.Fields(strings.Replace(test.serve, "FILE", description, 1))...)
		server.Stderr = os.Stderr
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		for info, err := os.Stat(socket); err != nil || info.Mode().Perm() == 0o600; info, err = os.Stat(socket) {
			if t.Context().Err() != nil {
				t.Fatal("nobody listens")
			}
		}
		words := strings.Fields(strings.Replace(test.words, "FILE", description, 1))
		if said := as(group+1, group, words...); !strings.Contains(said, test.member) || test.member == "" && said != "" {
			t.Errorf("sabir %s: a member who asks %s is told %q", test.serve, test.words, said)
		}
		if said := as(group+2, group+2, words...); !strings.Contains(said, test.other) {
			t.Errorf("sabir %s: somebody else who asks %s is told %q", test.serve, test.words, said)
		}
		server.Process.Signal(os.Interrupt)
		server.Wait()
	}
}

func TestOpenToNobody(t *testing.T) {
	dir := sandbox(t)
	file := filepath.Join(dir, "a.sabir")
	if err := os.WriteFile(file, []byte("service a 1.0\nmethod look() -> (n: int)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"hub --group audio --users read":                    "--group and --users: one of them",
		"hub --group :read":                                 "--group :read: expected a group, or GROUP:LEVEL",
		"hub --group audio:all":                             "--group audio:all: expected level read, write or admin",
		"hub --users everybody":                             "--users everybody: expected level read, write or admin",
		"hub --group nobody-has-this":                       `group "nobody-has-this": no such group`,
		"export --users read --to hub " + file + " -- true": "with --to there is no socket here",
	} {
		if exit, _, said := sabirHere(t, strings.Fields(words)...); exit == 0 || !strings.Contains(said, want) {
			t.Errorf("sabir %s: exit %d: %s", words, exit, said)
		}
	}
}
