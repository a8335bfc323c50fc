package attacks_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// partEnv has the test binary be another process, which plays a part; exeEnv is where a copy of it is.
const (
	partEnv = "SABIR_TEST_PART"
	exeEnv  = "SABIR_TEST_EXE"
)

func play(part string) {
	switch part {
	case "daemon":
		playDaemon(os.Args[1])
	case "caller":
		playCaller(os.Args[1], os.Args[2:])
	case "listener":
		playListener(os.Args[1])
	case "squatter":
		playSquatter(os.Args[1], os.Args[2])
	case "hub":
		go endWithTest()
		playHub(os.Args[1], os.Args[2:])
	case "good service":
		go endWithTest()
		playGoodService(os.Args[1])
	case "good client":
		go endWithTest()
		playGoodClient(os.Args[1], 300)
	case "bad service":
		go endWithTest()
		playBadService(os.Args[1])
	case "bad client":
		go endWithTest()
		playBadClient(os.Args[1])
	case "stuck service":
		go endWithTest()
		playStuckService(os.Args[1])
	case "flood":
		go endWithTest()
		playFlood(os.Args[1], os.Args[2])
	case "timed client":
		playTimedClient(os.Args[1], 300)
	case "locker":
		playLocker(os.Args[1])
	default:
		fmt.Println("no part", part)
	}
}

// actor is another process. What it says is a line each; it ends with the test.
type actor struct {
	*exec.Cmd
	t     *testing.T
	stdin io.WriteCloser
	out   *bufio.Scanner
}

func start(t *testing.T, part string, attr *syscall.SysProcAttr, args ...string) *actor {
	t.Helper()
	return startWith(t, part, attr, nil, args...)
}

// startWith hands it a file, as descriptor 3.
func startWith(t *testing.T, part string, attr *syscall.SysProcAttr, file *os.File, args ...string) *actor {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if copied := os.Getenv(exeEnv); copied != "" {
		exe = copied
	}
	a := &actor{Cmd: exec.Command(exe, args...), t: t}
	a.Env = append(os.Environ(), partEnv+"="+part, "GORACE=atexit_sleep_ms=0")
	if testing.Verbose() {
		a.Stderr = os.Stderr
	}
	a.SysProcAttr = attr
	if file != nil {
		a.ExtraFiles = []*os.File{file}
	}
	a.stdin, err = a.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := a.StdoutPipe()
	if err == nil {
		a.out = bufio.NewScanner(stdout)
		err = a.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Process.Kill(); a.Wait() })
	return a
}

func (a *actor) hear() string {
	a.t.Helper()
	if !a.out.Scan() {
		a.t.Fatal("the other process has ended: ", a.out.Err())
	}
	return a.out.Text()
}

// playLocker takes a lock and keeps it until its stdin ends.
func playLocker(name string) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	fmt.Println("locked", err)
	io.Copy(io.Discard, os.Stdin)
}
