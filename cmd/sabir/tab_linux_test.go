package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patient is how long anything may take on a busy machine.
const patient = time.Minute

// shellTab is a terminal in which a command runs.
type shellTab struct {
	t    *testing.T
	cmd  *exec.Cmd
	keys *os.File // what is typed

	mu    sync.Mutex
	shown strings.Builder
	news  chan struct{} // has something in it if there is more to see
	ended chan struct{}
}

// newTab runs a command in a terminal of its own, with stdout elsewhere if that is
// not nil.
func newTab(t *testing.T, stdout *os.File, name string, args ...string) *shellTab {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	tab := &shellTab{t: t, keys: master, news: make(chan struct{}, 1), ended: make(chan struct{})}
	tab.cmd = exec.Command(name, args...)
	tab.cmd.Stdin, tab.cmd.Stdout, tab.cmd.Stderr = slave, slave, slave
	if stdout != nil {
		tab.cmd.Stdout = stdout
	}
	tab.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := tab.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go tab.look()
	t.Cleanup(func() {
		tab.cmd.Process.Kill()
		<-tab.ended
		tab.cmd.Wait() // nil if it was waited for
		master.Close()
	})
	return tab
}

// look collects what the terminal shows, until nobody has it open any more.
func (tab *shellTab) look() {
	defer close(tab.ended)
	buf := make([]byte, 4096)
	for {
		n, err := tab.keys.Read(buf)
		if err != nil {
			return
		}
		tab.mu.Lock()
		tab.shown.Write(buf[:n])
		tab.mu.Unlock()
		select {
		case tab.news <- struct{}{}:
		default:
		}
	}
}

func (tab *shellTab) text() string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return tab.shown.String()
}

// sees waits until the terminal has shown something like pattern.
func (tab *shellTab) sees(pattern string) {
	tab.t.Helper()
	found := regexp.MustCompile(pattern)
	for late := time.After(patient); !found.MatchString(tab.text()); {
		select {
		case <-tab.news:
		case <-tab.ended:
			if found.MatchString(tab.text()) {
				return
			}
			tab.t.Fatalf("%q has ended without %s: %q", tab.cmd.Args, pattern, tab.text())
		case <-late:
			tab.t.Fatalf("%q never shows %s: %q", tab.cmd.Args, pattern, tab.text())
		}
	}
}

// forget leaves what was shown behind, so that sees looks at what comes.
func (tab *shellTab) forget() {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.shown.Reset()
}

// cooks waits until the terminal makes a signal of Ctrl-C, which tells nobody.
func (tab *shellTab) cooks() {
	tab.t.Helper()
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if state, err := unix.IoctlGetTermios(int(tab.keys.Fd()), unix.TCGETS); err == nil && state.Lflag&unix.ISIG != 0 {
			return
		}
	}
	tab.t.Fatalf("%q: Ctrl-C stays a key", tab.cmd.Args)
}

// exit waits for the end of the command.
func (tab *shellTab) exit() int {
	tab.t.Helper()
	select {
	case <-tab.ended:
	case <-time.After(patient):
		tab.t.Fatalf("%q does not end", tab.cmd.Args)
	}
	var status *exec.ExitError
	if err := tab.cmd.Wait(); err != nil && !errors.As(err, &status) {
		tab.t.Fatal(err)
	}
	return tab.cmd.ProcessState.ExitCode()
}
