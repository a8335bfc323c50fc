package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inTime is a command that is killed if it takes too long.
func inTime(t *testing.T, name string, args ...string) *exec.Cmd {
	limit, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	return exec.CommandContext(limit, name, args...)
}

// One Ctrl-C ends a command that waits for a person, and the terminal shows what is typed after it.
func TestInterruptedQuestion(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", sandbox(t))
	for question, words := range map[string][]string{
		"password of ann: ":    {"passwd", "lounge", "ann"},
		"on the other machine": {"join"},
	} {
		tab := newTab(t, nil, "sabir", words...)
		tab.sees(question)
		tab.cooks()
		tab.keys.WriteString("\x03")
		if status := tab.exit(); status != 130 {
			t.Errorf("%q: exit status %d", words, status)
		}
		state, err := unix.IoctlGetTermios(int(tab.keys.Fd()), unix.TCGETS)
		if err != nil || state.Lflag&unix.ECHO == 0 {
			t.Errorf("%q leaves a terminal that shows nothing: %v", words, err)
		}
	}
}

// So does a signal a command that reads a pipe.
func TestInterruptedPipe(t *testing.T) {
	sandbox(t)
	shell := inTime(t, "sabir", "shell")
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "version\n")
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	shell.Process.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, out)
	shell.Wait()
	if status := shell.ProcessState.ExitCode(); status != 143 {
		t.Errorf("exit status %d", status)
	}
}

// And one that waits for who would write into a pipe of its arguments.
func TestInterruptedArgument(t *testing.T) {
	dir := sandbox(t)
	before, _, _ := sayers()
	offer(t, "a", before)
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"-a", "a", "call", "a.say", "text=@" + fifo}, stdio{in: strings.NewReader(""), out: io.Discard, errout: io.Discard, getenv: os.Getenv})
	}()
	select {
	case status := <-ended:
		t.Fatalf("exit status %d before anybody wrote", status)
	case <-time.After(100 * time.Millisecond): // it takes about five to be there
	}
	cancel(interruption{syscall.SIGINT})
	if status := <-ended; status != 130 {
		t.Errorf("exit status %d", status)
	}
}

// Nor does a command wait for who does not read its output, once it is to end.
func TestInterruptedOutput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	o := &outlet{ctx, w}
	wrote := make(chan error)
	go func() {
		_, err := o.Write(make([]byte, 1<<20))
		wrote <- err
	}()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel(interruption{syscall.SIGINT})
	if err := <-wrote; !errors.Is(err, interruption{syscall.SIGINT}) {
		t.Error(err)
	}
	io.CopyN(io.Discard, r, 1<<20-1)
	if n, err := o.Write([]byte("the end")); n != 7 || err != nil {
		t.Errorf("what can be written at once is not: %v", err)
	}
}

// What listens takes a terminal that is closed as the wish to end, and leaves no socket; with nohup it goes on.
func TestHangUp(t *testing.T) {
	dir := sandbox(t)
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP) // what is ignored here, as under nohup, those that we start ignore too
	defer signal.Stop(hangUps)
	for script, ends := range map[string]bool{"exec sabir demo": true, `trap "" HUP; exec sabir demo`: false} {
		demo := inTime(t, "sh", "-c", script)
		out, err := demo.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := demo.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		demo.Process.Signal(syscall.SIGHUP)
		if !ends {
			if out, err := exec.Command("sabir", "call", "lounge.status").CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", script, err, out)
			}
			demo.Process.Signal(syscall.SIGTERM)
		}
		io.Copy(io.Discard, out)
		if err := demo.Wait(); err != nil {
			t.Errorf("%s: %v", script, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "lounge.sock")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s leaves its socket: %v", script, err)
		}
	}
}

// Who watches for a command that has read enough ends with it, also where nothing more happens.
func TestWatchUnread(t *testing.T) {
	sandbox(t)
	demo := newTab(t, nil, "sabir", "demo")
	demo.sees("attic")
	if out, err := exec.Command("sabir", "call", "lounge.join", "dev", "ann").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	watch := inTime(t, "sabir", "watch", "lounge.users", "dev")
	watch.Stdout = w
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	watch.Wait()
	if status := watch.ProcessState.ExitCode(); status != exitPipe {
		t.Errorf("exit status %d", status)
	}
}
