package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be run again as another process, which some faults need: SABIR_TEST_HELPER names
// the part it plays, and its arguments are the helper's.
func TestMain(m *testing.M) {
	switch os.Getenv("SABIR_TEST_HELPER") {
	case "":
		os.Exit(m.Run())
	case "listen":
		helperListen(os.Args[1])
	case "short":
		helperShort(os.Args[1])
	case "send":
		helperSend(os.Args[1])
	case "who":
		helperWho(os.Args[1])
	case "stubborn":
		helperStubborn()
	}
	os.Exit(0)
}

// helperListen listens on a path under the umask in SABIR_TEST_UMASK, says how that went in one line, and stays
// until its stdin ends or it is killed.
func helperListen(path string) {
	if mask, err := strconv.ParseInt(os.Getenv("SABIR_TEST_UMASK"), 8, 32); err == nil {
		syscall.Umask(int(mask))
	}
	l, err := Listen(Address{Scheme: "unix", Path: path}, nil)
	var inUse *InUseError
	switch {
	case errors.As(err, &inUse):
		fmt.Println("in use")
		return
	case err != nil:
		fmt.Println(err)
		return
	}
	info, _ := os.Lstat(path)
	fmt.Println("listening", info.Mode(), "born", l.socket.Mode())
	io.Copy(io.Discard, os.Stdin)
	l.Close()
}

// helperShort runs out of descriptors, tries to accept, and frees them a little later.
func helperShort(path string) {
	l, err := Listen(Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 32, Max: 32})
	var hoard []*os.File
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			break
		}
		hoard = append(hoard, f)
	}
	l.Short(func(err error) { fmt.Println("short of", err) })
	fmt.Println("listening without descriptors")
	time.AfterFunc(60*time.Millisecond, func() {
		for _, f := range hoard {
			f.Close()
		}
	})
	c, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	io.Copy(c, c)
	c.Close()
	l.Close()
}

// helperSend says goodbye and is gone.
func helperSend(path string) {
	c, err := Dial(context.Background(), Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		os.Exit(1)
	}
	c.Write([]byte("bye"))
}

// helperStubborn does not care for the end of its stdin, nor for SIGTERM.
func helperStubborn() {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("here")
	time.Sleep(time.Minute)
}

// helperWho listens for everybody, connects to itself, and says who comes.
func helperWho(path string) {
	l, err := Listen(Address{Scheme: "unix", Path: path}, &ListenOptions{Mode: 0o666})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("listening")
	go func() {
		c, err := Dial(context.Background(), Address{Scheme: "unix", Path: path}, nil)
		if err == nil {
			io.Copy(io.Discard, c)
		}
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Println(c.Peer().Known, c.Peer().UID)
		defer c.Close()
	}
}

// helper is a command that runs this binary as role.
func helper(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	// The race detector would hold every helper back for a second at its end.
	cmd.Env = append(os.Environ(), "SABIR_TEST_HELPER="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	return cmd
}

// checkLeaks compares goroutines and descriptors before and after the test.
func checkLeaks(t *testing.T) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	t.Cleanup(func() {
		// Those that were told to end may need an instant; a leak stays.
		for range 100 {
			if runtime.NumGoroutine() <= goroutines && openFiles(t) <= files {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		stacks := make([]byte, 1<<16)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Errorf("goroutines %d → %d, files %d → %d\n%s", goroutines, runtime.NumGoroutine(), files, openFiles(t), stacks)
	})
}

func openFiles(t *testing.T) int {
	files, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		// The runtime opens its poller once and keeps it, and so does pulse its timer.
		target, _ := os.Readlink("/proc/self/fd/" + f.Name())
		if !strings.HasPrefix(target, "anon_inode:[event") && target != "anon_inode:[timerfd]" {
			n++
		}
	}
	return n
}

// helperCmd is a helper with its stdin in hand.
type helperCmd struct {
	*exec.Cmd
	stdin io.WriteCloser
}
