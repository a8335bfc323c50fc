package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func dialExec(t *testing.T, stderr io.Writer, words ...string) *Conn {
	t.Helper()
	c, err := Dial(context.Background(), Address{Scheme: "exec", Command: words}, &DialOptions{Stderr: stderr})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reaped fails if the child is still there, be it as a zombie.
func reaped(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("process %d: %v", pid, err)
	}
}

func TestExecCat(t *testing.T) {
	checkLeaks(t)
	c := dialExec(t, nil, "cat")
	defer c.Close()
	p := c.Peer()
	if p.Transport != "exec" || p.Known || p.UID != nobody || p.PID == 0 {
		t.Errorf("peer %+v", p)
	}
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	c.Write([]byte("hello"))
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(c); string(text) != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if gone, known := c.HungUp(); gone || known {
		t.Errorf("gone %v, known %v", gone, known)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	reaped(t, p.PID)
}

func TestExecCloseUnblocksRead(t *testing.T) {
	checkLeaks(t)
	c := dialExec(t, nil, "cat")
	read := make(chan error)
	go func() { _, err := c.Read(make([]byte, 1)); read <- err }()
	time.Sleep(10 * time.Millisecond) // lets Read block; without it the test is weaker, not wrong
	c.Close()
	if err := <-read; !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestExecMissing(t *testing.T) {
	checkLeaks(t)
	for words, want := range map[string]string{
		"no-such-program-here -x": "exec:no-such-program-here -x: executable file not found in $PATH",
		"/nonexistent/program":    "exec:/nonexistent/program: no such file or directory",
		"/etc/passwd":             "exec:/etc/passwd: permission denied",
	} {
		_, err := Dial(context.Background(), Address{Scheme: "exec", Command: strings.Fields(words)}, nil)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestExecFails(t *testing.T) {
	checkLeaks(t)
	var stderr bytes.Buffer
	c := dialExec(t, &stderr, "sh", "-c", "echo no >&2; exit 3")
	_, err := c.Read(make([]byte, 1))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || err.Error() != "exec:sh -c 'echo no >&2; exit 3': exit status 3" {
		t.Errorf("read: %v", err)
	}
	if _, err := c.Write([]byte("x")); !errors.As(err, &exit) {
		t.Errorf("write: %v", err)
	}
	c.Close()
	if stderr.String() != "no\n" {
		t.Errorf("stderr %q", &stderr)
	}
}

// A child that closes its output and lives on is at its end for us, and no failure.
func TestExecClosesOutput(t *testing.T) {
	checkLeaks(t)
	c := dialExec(t, nil, "sh", "-c", "exec >&-; cat >&2")
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%v", err)
	}
	c.Close()
	reaped(t, c.Peer().PID)
}

func TestExecStubborn(t *testing.T) {
	checkLeaks(t)
	t.Setenv("SABIR_TEST_HELPER", "stubborn")
	c, err := start("exec:stubborn", []string{os.Args[0]}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	c.patience = 50 * time.Millisecond
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil { // "here\n": it ignores SIGTERM by now
		t.Fatal(err)
	}
	begin := time.Now()
	c.Close()
	if d := time.Since(begin); d < 100*time.Millisecond || d > 5*time.Second {
		t.Errorf("took %v", d)
	}
	if c.status == nil || c.status.Error() != "signal: killed" {
		t.Errorf("%v", c.status)
	}
	reaped(t, c.cmd.Process.Pid)

	c, err = start("exec:sleep", []string{"sleep", "60"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	c.patience = 50 * time.Millisecond
	c.Close()
	if c.status == nil || c.status.Error() != "signal: terminated" {
		t.Errorf("%v", c.status)
	}
}

func TestSSH(t *testing.T) {
	checkLeaks(t)
	fake := filepath.Join(shortDir(t), "ssh")
	script := "#!/bin/sh\nfor a; do printf '[%s]' \"$a\"; done\n"
	if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"ssh:far":                 "[-T][--][far][sabir][pipe]",
		"ssh:me@far/lounge-work":  "[-T][--][me@far][sabir][pipe][lounge-work]",
		"ssh:[2001:db8::1]/alpha": "[-T][--][2001:db8::1][sabir][pipe][alpha]",
	} {
		addr, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Dial(context.Background(), addr, &DialOptions{Env: Env{SSH: fake}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); string(got) != want || err != nil {
			t.Errorf("%s ran ssh %s, %v", text, got, err)
		}
		if c.Peer().Transport != "ssh" {
			t.Errorf("peer %+v", c.Peer())
		}
		c.Close()
	}
	for _, addr := range []Address{
		{Scheme: "ssh", Host: "-oProxyCommand=touch /tmp/x"},
		{Scheme: "ssh", Host: "me@-oProxyCommand=x"},
		{Scheme: "ssh", Host: "far", Service: "x; touch /tmp/x"},
		{Scheme: "ssh", Host: "far", Service: "-x"},
	} {
		var fault *AddressError
		if _, err := Dial(context.Background(), addr, &DialOptions{Env: Env{SSH: fake}}); !errors.As(err, &fault) {
			t.Errorf("%+v: %v", addr, err)
		}
	}
}
