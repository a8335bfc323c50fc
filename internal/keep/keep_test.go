package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the binary be another process that changes the file.
func TestMain(m *testing.M) {
	if path := os.Getenv("KEEP_TEST_CHANGE"); path != "" {
		for i := range 50 {
			if err := Change(path, func(old []byte) ([]byte, error) {
				return fmt.Appendf(old, "%d %d\n", os.Getpid(), i), nil
			}); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if _, _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0))
	set := func(text string) error {
		return Change(path, func([]byte) ([]byte, error) { return []byte(text), nil })
	}
	if err := set("one"); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Lstat(path); info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	data, first, err := Read(path)
	if string(data) != "one" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if err := set("one"); err != nil {
		t.Fatal(err)
	}
	if now, err := StampOf(path); now != first || err != nil {
		t.Errorf("the same content was written again: %v, %v", now, err)
	}
	if err := set("two"); err != nil {
		t.Fatal(err)
	}
	if now, err := StampOf(path); now == first || err != nil {
		t.Errorf("another content, the same stamp: %v, %v", now, err)
	}
	refusal := errors.New("no")
	if err := Change(path, func(old []byte) ([]byte, error) { return nil, refusal }); err != refusal {
		t.Error(err)
	}
	if data, _, _ := Read(path); string(data) != "two" {
		t.Errorf("a refused change left %q", data)
	}
}

// What is left of a writer that was killed is in nobody's way.
func TestTornWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := Change(path, func(old []byte) ([]byte, error) { return append(old, " and new"...), nil })
	if data, _, _ := Read(path); string(data) != "old and new" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}

// A disk that takes no more leaves the old content.
func TestNoRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".new", 0o700); err != nil { // stands in for a full disk: the file beside cannot be made
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new/x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Change(path, func([]byte) ([]byte, error) { return []byte("new"), nil }); err == nil {
		t.Error("nothing went wrong")
	}
	if data, _, err := Read(path); string(data) != "old" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}

func TestUnsafe(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if err := os.WriteFile(good, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, reason string
		make         func(path string) error
	}{
		{"link", "is a symbolic link", func(path string) error { return os.Symlink(good, path) }},
		{"dangling", "is a symbolic link", func(path string) error { return os.Symlink(good+"x", path) }},
		{"open", "is open to other users (mode 0644; chmod 600)", func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o644))
		}},
		{"fifo", "is not a regular file", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		{"dir", "is not a regular file", func(path string) error { return os.Mkdir(path, 0o700) }},
		{"locked", ".lock: is a symbolic link", func(path string) error { return os.Symlink(good, path+".lock") }},
	}
	for _, test := range tests {
		path := filepath.Join(dir, test.name)
		if err := test.make(path); err != nil {
			t.Fatal(err)
		}
		err := Change(path, func([]byte) ([]byte, error) { return []byte("new"), nil })
		var unsafe *UnsafeError
		if !errors.As(err, &unsafe) || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if data, _, _ := Read(good); string(data) != "old" {
		t.Errorf("written through a link: %q", data)
	}
	if os.Getuid() != 0 {
		return // only root can give files away
	}
	if err := os.Chown(good, 65534, -1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(good); err == nil || !strings.Contains(err.Error(), "belongs to uid 65534") {
		t.Error(err)
	}
}

func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := Dir(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := Dir(dir); err == nil || !strings.Contains(err.Error(), "is open to other users (mode 0750; chmod 700)") {
		t.Error(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(dir), link); err != nil {
		t.Fatal(err)
	}
	if err := Dir(link); err == nil || !strings.Contains(err.Error(), "is not a directory") {
		t.Error(err)
	}
}

// Four processes add fifty lines each, and none is lost.
func TestProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	var others []*exec.Cmd
	for range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "KEEP_TEST_CHANGE="+path)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		others = append(others, cmd)
	}
	for _, cmd := range others {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	data, _, err := Read(path)
	if lines := strings.Count(string(data), "\n"); lines != 200 || err != nil {
		t.Errorf("%d lines, %v", lines, err)
	}
}

// A lock that somebody never gives back is waited for and then complained of; readers do not care.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	replace := func(with string) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return []byte(with), nil }
	}
	if err := Change(path, replace("old")); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	for _, change := range []func(string, func([]byte) ([]byte, error)) error{Change, ChangeNow} {
		if err := change(path, replace("new")); !errors.As(err, &locked) || locked.Path != path {
			t.Errorf("%v", err)
		}
	}
	if data, _, err := Read(path); string(data) != "old" || err != nil {
		t.Errorf("%s, %v", data, err)
	}
	time.AfterFunc(50*time.Millisecond, unlock)
	if err := Change(path, replace("new")); err != nil {
		t.Errorf("when it is free: %v", err)
	}
}
