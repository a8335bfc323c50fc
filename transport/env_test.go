package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// plainEnv has private directories of its own for everything, and no session.
func plainEnv(t *testing.T) Env {
	base := shortDir(t)
	e := Env{TempDir: filepath.Join(base, "tmp"), SystemDir: filepath.Join(base, "system"), UID: 4711}
	if err := os.Mkdir(e.TempDir, 0o700); err != nil {
		t.Fatal(err)
	}
	return e
}

// shortDir is a t.TempDir whose sockets fit into a socket address, and which the umask cannot spoil.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// clause: A1
func TestDirs(t *testing.T) {
	e := plainEnv(t)
	private := filepath.Join(e.TempDir, "sabir-4711")
	cwd, _ := os.Getwd()
	tests := []struct {
		name   string
		change func(e *Env)
		want   []string
	}{
		{"no session", func(e *Env) {}, []string{private, e.SystemDir}},
		{"session", func(e *Env) { e.RuntimeDir = "/run/user/1" }, []string{"/run/user/1/sabir", e.SystemDir}},
		{"relative session", func(e *Env) { e.RuntimeDir = "run" }, []string{private, e.SystemDir}},
		{"SABIR_DIR", func(e *Env) { e.RuntimeDir, e.Dir = "/run/user/1", "/d" }, []string{"/d"}},
		{"relative SABIR_DIR", func(e *Env) { e.Dir = "d" }, []string{filepath.Join(cwd, "d")}},
	}
	for _, test := range tests {
		e := e
		test.change(&e)
		if got, err := e.Dirs(); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
	t.Setenv("SABIR_DIR", "/from/the/environment")
	if got, err := (Env{}).Dirs(); err != nil || !reflect.DeepEqual(got, []string{"/from/the/environment"}) {
		t.Errorf("zero Env: %q, %v", got, err)
	}
	t.Setenv("SABIR_DIR", "")
	t.Setenv("XDG_RUNTIME_DIR", "")
	if os.Getuid() == 0 {
		if got, err := (Env{}).Dirs(); err != nil || !reflect.DeepEqual(got, []string{"/run/sabir"}) {
			t.Errorf("root without a session: %q, %v", got, err)
		}
	}
}

// What anybody could have put at TempDir/sabir-UID is refused by everyone who would trust it.
// clause: A2
func TestTempDirRefused(t *testing.T) {
	me := os.Getuid()
	user := me
	if me == 0 {
		user = 4711 // root has no such directory
	}
	tests := []struct {
		name   string
		uid    int
		make   func(path string) error
		reason string
	}{
		{"file", user, func(p string) error { return os.WriteFile(p, nil, 0o600) }, "is a file, not a directory"},
		{"symlink", user, func(p string) error { return os.Symlink(os.TempDir(), p) }, "is a symbolic link, not a directory"},
		{"another's", me + 1, func(p string) error { return os.Mkdir(p, 0o700) }, fmt.Sprintf("belongs to uid %d, not to uid %d", me, me+1)},
		{"open", user, func(p string) error {
			return errors.Join(os.Mkdir(p, 0o700), os.Chmod(p, 0o750), chown(p, user))
		}, "is open to other users (mode 0750, must be 0700)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := plainEnv(t)
			e.UID = test.uid
			path := e.filled().tempDir()
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			_, dirsErr := e.Dirs()
			_, lookupErr := e.Lookup("lounge")
			_, listErr := e.Sockets()
			_, listenErr := Listen(Address{Scheme: "name", Name: "lounge"}, &ListenOptions{Env: e})
			for _, err := range []error{dirsErr, lookupErr, listErr, listenErr} {
				var refused *RefusedError
				if !errors.As(err, &refused) || err.Error() != path+": "+test.reason {
					t.Errorf("%v, want %s: %s", err, path, test.reason)
				}
			}
		})
	}
}

// chown gives path to uid where we may, which is as root; others own it already.
func chown(path string, uid int) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(path, uid, -1)
}

// clause: A2
func TestListenDirs(t *testing.T) {
	uid := os.Getuid()
	session := func(e *Env) {
		e.RuntimeDir = filepath.Join(filepath.Dir(e.TempDir), "run")
		os.Mkdir(e.RuntimeDir, 0o700)
	}
	private := func(e *Env) { e.Dir = filepath.Join(e.TempDir, "a", "b") }
	tests := []struct {
		name    string
		change  func(e *Env)
		dir     func(e Env) string
		perm    fs.FileMode
		failure string // what the message ends with, "" for success
	}{
		{"session", session, Env.runtimeDir, 0o700, ""},
		{"SABIR_DIR", private, func(e Env) string { return e.Dir }, 0o700, ""},
		{"SABIR_DIR group-writable", func(e *Env) { private(e); os.MkdirAll(e.Dir, 0o700); os.Chmod(e.Dir, 0o770) }, nil, 0,
			"a/b: can be written by other users (mode 0770; chmod go-w)"},
		{"SABIR_DIR a symlink", func(e *Env) { e.Dir = filepath.Join(e.TempDir, "l"); os.Symlink(".", e.Dir) }, nil, 0,
			"l: is a symbolic link, not a directory"},
		{"session group-writable", func(e *Env) { session(e); os.Mkdir(e.runtimeDir(), 0o700); os.Chmod(e.runtimeDir(), 0o720) }, nil, 0,
			"run/sabir: can be written by other users (mode 0720; chmod go-w)"},
		{"session a symlink", func(e *Env) { session(e); os.Symlink(".", e.runtimeDir()) }, nil, 0,
			"run/sabir: is a symbolic link, not a directory"},
		{"no such session", func(e *Env) { e.RuntimeDir = "/nonexistent/run" }, nil, 0,
			"XDG_RUNTIME_DIR: lstat /nonexistent/run: no such file or directory"},
		{"neither", func(e *Env) {}, func(e Env) string {
			if uid == 0 {
				return e.SystemDir
			}
			return e.filled().tempDir()
		}, map[bool]fs.FileMode{true: 0o755, false: 0o700}[uid == 0], ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := plainEnv(t)
			e.UID = 0
			test.change(&e)
			l, err := Listen(Address{Scheme: "name", Name: "lounge"}, &ListenOptions{Env: e})
			if test.failure != "" {
				if err == nil || !strings.HasSuffix(err.Error(), test.failure) {
					t.Fatalf("%v, want …%s", err, test.failure)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if got := filepath.Dir(l.Address().Path); got != test.dir(e) {
				t.Errorf("listens in %s", got)
			}
			if info, _ := os.Stat(test.dir(e)); info.Mode().Perm() != test.perm {
				t.Errorf("directory is %v", info.Mode())
			}
			if path, err := e.Lookup("lounge"); err != nil || path != l.Address().Path {
				t.Errorf("Lookup: %s, %v", path, err)
			}
		})
	}
}

// clause: A1
func TestLookup(t *testing.T) {
	e := plainEnv(t)
	e.UID = 0
	e.RuntimeDir = filepath.Join(e.TempDir, "run")
	for _, path := range []string{e.RuntimeDir, e.runtimeDir(), e.SystemDir} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{
		filepath.Join(e.runtimeDir(), "hub.sock"), filepath.Join(e.runtimeDir(), "both.sock"),
		filepath.Join(e.SystemDir, "both.sock"), filepath.Join(e.SystemDir, "a-b.sock"), filepath.Join(e.SystemDir, "Bad.sock"),
	} {
		l, err := Listen(Address{Scheme: "unix", Path: path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	os.WriteFile(filepath.Join(e.SystemDir, "file.sock"), nil, 0o600)

	entries, err := e.Sockets()
	want := []Entry{
		{"a-b", filepath.Join(e.SystemDir, "a-b.sock")},
		{"both", filepath.Join(e.runtimeDir(), "both.sock")},
		{"hub", filepath.Join(e.runtimeDir(), "hub.sock")},
	}
	if err != nil || !reflect.DeepEqual(entries, want) {
		t.Errorf("Sockets: %v, %v", entries, err)
	}
	for _, entry := range want {
		if path, err := e.Lookup(entry.Name); err != nil || path != entry.Path {
			t.Errorf("Lookup(%q) = %s, %v", entry.Name, path, err)
		}
	}
	// A hub is no answer for other names yet, and a file is no socket.
	for _, name := range []string{"lounge", "file"} {
		_, err := e.Lookup(name)
		var missing *NotFoundError
		if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Lookup(%q): %v", name, err)
			continue
		}
		if want := name + ": no " + name + ".sock in " + e.runtimeDir() + " or " + e.SystemDir; err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	var fault *AddressError
	if _, err := e.Lookup("../hub"); !errors.As(err, &fault) {
		t.Errorf("Lookup of a path: %v", err)
	}
}
