package transport

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Whatever is in the way and is not a stale socket of ours stays as it is.
// clause: A3
func TestSquattedPath(t *testing.T) {
	tests := []struct {
		name   string
		make   func(path string) error
		reason string
	}{
		{"file", func(p string) error { return os.WriteFile(p, []byte("precious"), 0o600) }, "is a file, not a socket; it was left alone"},
		{"directory", func(p string) error { return os.Mkdir(p, 0o700) }, "is a directory, not a socket; it was left alone"},
		{"fifo", func(p string) error { return syscall.Mkfifo(p, 0o600) }, "is a special file, not a socket; it was left alone"},
		{"dangling symlink", func(p string) error { return os.Symlink("nowhere", p) }, "is a symbolic link, not a socket; it was left alone"},
		{"symlink to a stale socket", func(p string) error {
			return errors.Join(stale(filepath.Join(filepath.Dir(p), "real")), os.Symlink("real", p))
		}, "is a symbolic link, not a socket; it was left alone"},
		{"datagram socket", func(p string) error {
			c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: p, Net: "unixgram"})
			if err == nil {
				t.Cleanup(func() { c.Close() })
			}
			return err
		}, "cannot be told stale (protocol wrong type for socket); it was left alone"},
	}
	if os.Getuid() == 0 { // only root can make another's socket
		tests = append(tests, struct {
			name   string
			make   func(path string) error
			reason string
		}{"another's stale socket", func(p string) error { return errors.Join(stale(p), os.Chown(p, 4711, -1)) }, "is a socket of uid 4711, not of uid 0; it was left alone"})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(shortDir(t), "x.sock")
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			_, err := Listen(Address{Scheme: "unix", Path: path}, nil)
			var refused *RefusedError
			if !errors.As(err, &refused) || err.Error() != path+": "+test.reason {
				t.Errorf("%v, want %s", err, test.reason)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it is gone: %v", err)
			}
		})
	}
}

// stale leaves a socket at path that nobody listens on.
func stale(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

func TestLockRefused(t *testing.T) {
	path := filepath.Join(shortDir(t), "x.sock")
	for reason, make := range map[string]func(string) error{
		"is a symbolic link, not a lock file": func(p string) error { return os.Symlink("target", p) },
		"is a special file, not a lock file":  func(p string) error { return syscall.Mkfifo(p, 0o600) },
	} {
		if err := make(path + ".lock"); err != nil {
			t.Fatal(err)
		}
		_, err := Listen(Address{Scheme: "unix", Path: path}, nil)
		if want := path + ".lock: " + reason; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		os.Remove(path + ".lock")
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(path), "target")); err == nil {
		t.Error("the symbolic link was followed")
	}
}

// startListener runs another process that listens on path, and returns what it says of it. Any goroutine may call it.
func startListener(t *testing.T, path string, env ...string) (cmd helperCmd, line string) {
	t.Helper()
	cmd.Cmd = helper(t, "listen", path)
	cmd.Env = append(cmd.Env, env...)
	cmd.stdin, _ = cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return cmd, ""
	}
	line, _ = bufio.NewReader(out).ReadString('\n')
	return cmd, strings.TrimSpace(line)
}

// clause: A3
func TestStaleAfterKill(t *testing.T) {
	path := filepath.Join(shortDir(t), "x.sock")
	cmd, line := startListener(t, path)
	if !strings.HasPrefix(line, "listening") {
		t.Fatal(line)
	}
	var inUse *InUseError
	_, err := Listen(Address{Scheme: "unix", Path: path}, nil)
	if !errors.As(err, &inUse) || inUse.Path != path || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("while it lives: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := Dial(context.Background(), Address{Scheme: "unix", Path: path}, nil); err == nil || err.Error() != "unix:"+path+": connection refused" {
		t.Errorf("dialling the dead: %v", err)
	}
	connect(t, listen(t, path, nil))
}

// A live daemon is found out even if its lock file was deleted.
func TestLiveWithoutLock(t *testing.T) {
	path := filepath.Join(shortDir(t), "x.sock")
	l := listen(t, path, nil)
	os.Remove(path + ".lock")
	var inUse *InUseError
	if _, err := Listen(Address{Scheme: "unix", Path: path}, nil); !errors.As(err, &inUse) {
		t.Errorf("%v", err)
	}
	connect(t, l)
}

func TestTwoAtOnce(t *testing.T) {
	dir := shortDir(t)
	for round := range 20 {
		path := filepath.Join(dir, strconv.Itoa(round)+".sock")
		if round%2 == 0 {
			if err := stale(path); err != nil {
				t.Fatal(err)
			}
		}
		type result struct {
			cmd  helperCmd
			line string
		}
		results := make(chan result)
		for range 2 {
			go func() {
				cmd, line := startListener(t, path)
				results <- result{cmd, line}
			}()
		}
		a, b := <-results, <-results
		if a.line == "in use" {
			a, b = b, a
		}
		if !strings.HasPrefix(a.line, "listening") || b.line != "in use" {
			t.Errorf("round %d: %q and %q", round, a.line, b.line)
		}
		for _, r := range []result{a, b} {
			r.cmd.stdin.Close()
			r.cmd.Wait()
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// The same race within one process, where the locks are taken and left all the time.
func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(shortDir(t), "x.sock")
	held := make(chan struct{}, 1)
	done := make(chan int)
	for range 4 {
		go func() {
			wins := 0
			for range 100 {
				l, err := Listen(Address{Scheme: "unix", Path: path}, nil)
				var inUse *InUseError
				if errors.As(err, &inUse) {
					continue
				}
				if err != nil {
					t.Error(err)
					break
				}
				select {
				case held <- struct{}{}:
				default:
					t.Error("two listeners at once")
				}
				wins++
				<-held
				l.Close()
			}
			done <- wins
		}()
	}
	wins := 0
	for range 4 {
		wins += <-done
	}
	if wins == 0 {
		t.Error("nobody ever listened")
	}
}

func TestCloseSparesAnother(t *testing.T) {
	path := filepath.Join(shortDir(t), "x.sock")
	l := listen(t, path, nil)
	os.Remove(path)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error("Close removed what was not its own")
	}
}
