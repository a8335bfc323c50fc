package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A lifeline is a pipe that nobody writes to. Whatever the scripts start
// inherits its reading end, also from their shells, and ends when the writing
// end is gone, which only the tests have: so nothing is left of tests that were
// killed, as by a time limit.
const lifelineEnv = "SABIR_TEST_LIFELINE"

// newLifeline returns what a child finds in lifelineEnv.
func newLifeline() (env string, cut func(), err error) {
	read, hold, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	defer read.Close()
	fd, err := syscall.Dup(int(read.Fd())) // unlike read it is inherited
	return fmt.Sprintf("%d:%d", fd, os.Getpid()), func() { hold.Close(); syscall.Close(fd) }, err
}

// guarded is a command that heeds the lifeline. A shell that runs it would try
// it again and again, and so is ended first.
func guarded(run func()) func() {
	return func() {
		var fd, tests int
		if _, err := fmt.Sscanf(os.Getenv(lifelineEnv), "%d:%d", &fd, &tests); err == nil {
			parent := os.Getppid()
			go func() {
				var b [1]byte
				for {
					n, err := syscall.Read(fd, b[:])
					if n == 0 && !errors.Is(err, syscall.EINTR) {
						break
					}
				}
				if parent != tests && parent == os.Getppid() {
					syscall.Kill(parent, syscall.SIGKILL)
				}
				os.Exit(1)
			}()
		}
		run()
	}
}

func TestLifeline(t *testing.T) {
	env, cut, err := newLifeline()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sabir") // the names of t.TempDir are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	shell := exec.Command("sh", "-c", "while :; do sabir demo -q || sleep 0.01; done")
	shell.Env = append(os.Environ(), lifelineEnv+"="+env, "SABIR_DIR="+dir)
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "lounge.sock")
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no socket")
		}
	}
	cut()
	ended := make(chan error)
	go func() { ended <- shell.Wait() }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		shell.Process.Kill()
		t.Error("the shell lives on")
	}
}
