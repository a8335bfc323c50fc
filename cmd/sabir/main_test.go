package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sabir-ipc/sabir/internal/needed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sabir": guarded(main), "probe": guarded(probeMain)})
}

// Every script has sockets of its own, and these commands beyond testscript's:
//
//	exits N COMMAND...   runs it and expects that exit status
//	waitsock NAME        waits until somebody listens there
//	stale NAME           leaves a socket on which nobody listens
//	freeport NAME        sets $NAME to a port on which nobody listens
//	waitport PORT        waits until somebody does
//	[without:TOOL]       SABIR_SKIP says that it is missing
func TestScripts(t *testing.T) {
	lifeline, cut, err := newLifeline()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cut)
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			dir := filepath.Join(env.WorkDir, "s")
			env.Setenv("SABIR_DIR", dir)
			env.Setenv("SABIR_ADDRESS", "")
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state")) // of root it would be the machine's
			env.Setenv(lifelineEnv, lifeline)
			env.Setenv("TERM", "xterm")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command takes a second under -race
			return os.Mkdir(dir, 0o700)
		},
		Condition: func(cond string) (bool, error) {
			tool, ok := strings.CutPrefix(cond, "without:")
			if !ok {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return needed.Excused(tool), nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "waitsock": waitsock, "stale": stale, "freeport": freeport, "waitport": waitport,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func socket(ts *testscript.TestScript, name string) string {
	return filepath.Join(ts.Getenv("SABIR_DIR"), name+".sock")
}

// waitsock tries until the service that was just started is there; there is no
// other way to know.
func waitsock(ts *testscript.TestScript, neg bool, args []string) {
	await(ts, "unix", socket(ts, args[0]))
}

func waitport(ts *testscript.TestScript, neg bool, args []string) {
	await(ts, "tcp", "127.0.0.1:"+args[0])
}

func await(ts *testscript.TestScript, network, at string) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial(network, at); err == nil {
			c.Close()
			return
		}
	}
	ts.Fatalf("nobody listens on %s", at)
}

func freeport(ts *testscript.TestScript, neg bool, args []string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer ln.Close()
	ts.Setenv(args[0], strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
}

func stale(ts *testscript.TestScript, neg bool, args []string) {
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket(ts, args[0]), Net: "unix"})
	ts.Check(err)
	ln.SetUnlinkOnClose(false)
	ts.Check(ln.Close())
}
