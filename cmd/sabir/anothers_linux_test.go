package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Who may not use the socket of a service has not its credentials either: what was made was in a file of his own,
// that nobody reads, and the list was empty.
func TestCredentialsOfAnother(t *testing.T) {
	home, err := os.MkdirTemp("", "sabir-another")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	path := filepath.Join(home, "lounge.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	state := filepath.Join(home, "state")
	for _, err := range []error{os.Chmod(path, 0), os.Mkdir(state, 0o700), os.Chmod(home, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	attr := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // to whom nothing is closed
		const nobody = 65534
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(state, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range []string{"token new lounge", "token ls lounge", "token revoke lounge 2ab", "passwd lounge ann"} {
		cmd := inTime(t, "sabir", strings.Fields(words)...)
		cmd.Path, cmd.Err, cmd.ExtraFiles, cmd.SysProcAttr = "/proc/self/fd/3", nil, []*os.File{self}, attr
		cmd.Env = []string{"SABIR_DIR=" + home, "XDG_STATE_HOME=" + state, "GORACE=atexit_sleep_ms=0"}
		cmd.Stdin = strings.NewReader("a password\n")
		out, err := cmd.CombinedOutput()
		if _, failed := err.(*exec.ExitError); !failed || !strings.Contains(string(out), "the service is another user's\nsabir: hint: try as that user") {
			t.Errorf("sabir %s: %v: %s", words, err, out)
		}
	}
	if made, err := os.ReadDir(state); err != nil || len(made) > 0 {
		t.Errorf("it has made %v, %v", made, err)
	}
}
