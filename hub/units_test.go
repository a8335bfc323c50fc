package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// The daemon that unit files of these tests start is this program again.
func TestMain(m *testing.M) {
	if os.Getenv("SABIR_TEST_DAEMON") == "" || len(os.Args) < 2 || os.Args[1] != "clock" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := sabir.ListenAndServe(ctx, "clock", clock(), nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type (
	process struct{ PID, UID int }
	waiting struct {
		Seconds float64 `sabir:",optional"`
	}
)

func clock() *sabir.Service {
	s := sabir.NewService("clock", "1.0", "Tells who it is.\nAnd more.")
	sabir.Method(s, "who", func(context.Context, sabir.None) (process, error) {
		return process{os.Getpid(), os.Getuid()}, nil
	}, sabir.Readonly)
	sabir.Method(s, "wait", func(ctx context.Context, in waiting) (sabir.None, error) {
		select {
		case <-time.After(time.Duration(in.Seconds * float64(time.Second))):
			return sabir.None{}, nil
		case <-ctx.Done():
			return sabir.None{}, ctx.Err()
		}
	})
	sabir.Method(s, "die", func(context.Context, sabir.None) (sabir.None, error) {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}, sabir.Needs(sabir.AccessAdmin))
	sabir.NewState[process, sabir.None](s, "state")
	return s
}

const clockText = `// Tells who it is.
service clock 1.0

// Who runs.
method who() -> (pid: int, uid: int)  readonly
method wait(seconds: ?float)
method die()  access=admin
// Never set.
state state: Process

type Process { pid: int, uid: int }
`

// unit writes a unit file, and the description beside it.
func unit(t *testing.T, dir, name, text string) {
	t.Helper()
	t.Setenv("SABIR_TEST_DAEMON", "1")
	text = strings.ReplaceAll(text, "$CLOCK", fmt.Sprintf("%q, %q", os.Args[0], "clock"))
	for file, text := range map[string]string{name + ".toml": text, "clock.sabir": clockText} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func who(t *testing.T, c sabir.Handler) process {
	t.Helper()
	p, err := sabir.Do[process](t.Context(), c, "clock.who", nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// there reports whether a process is.
func there(pid int) bool { return syscall.Kill(pid, 0) == nil }

// gone waits until a process is not there any more.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); there(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// A service is started by its first call, once for all who call, and stopped
// when nobody has called for a while.
//
// clause: U10
func TestUnitStartsAndStops(t *testing.T) {
	units := t.TempDir()
	unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\nidle = \"300ms\"\n")
	dir := run(t, hub.Options{Units: []string{units}})
	c := dial(t, dir, "clock")
	row := func() hub.Service {
		rows, err := sabir.Do[[]sabir.Row[hub.Service]](t.Context(), dial(t, dir, "hub"), "hub.services", nil)
		if err != nil || len(rows) != 1 || rows[0].Key != "clock" {
			t.Fatalf("%v, %v", rows, err)
		}
		return rows[0].Value
	}
	if r := row(); r.PID != nil || r.Members != 4 || r.Doc != "Tells who it is." || r.Unit == nil {
		t.Errorf("before: %+v", r)
	}
	for _, refused := range []string{"clock.none", "clock.state"} { // nothing is started for what cannot be
		_, err := sabir.Do[process](t.Context(), c, refused, map[string]any{})
		if refused == "clock.none" && !errors.Is(err, sabir.ErrMethodNotFound) {
			t.Errorf("%s: %v", refused, err)
		}
		if refused == "clock.none" && row().PID != nil {
			t.Error("started for a member that there is not")
		}
	}
	var all sync.WaitGroup
	pids := make(chan int, 20)
	for i := range 20 {
		name := []string{"clock", "hub"}[i%2]
		all.Go(func() { pids <- who(t, dial(t, dir, name)).PID })
	}
	all.Wait()
	first := <-pids
	for range 19 {
		if pid := <-pids; pid != first {
			t.Fatalf("two processes: %d and %d", first, pid)
		}
	}
	if r := row(); r.PID == nil || *r.PID != first {
		t.Errorf("while it runs: %+v", r)
	}
	// A call that is longer than the idle time keeps it.
	if _, err := sabir.Do[sabir.None](t.Context(), c, "clock.wait", waiting{0.6}); err != nil {
		t.Error(err)
	}
	if pid := who(t, c).PID; pid != first {
		t.Errorf("another process after a long call: %d, %d before", pid, first)
	}
	gone(t, first)
	if pid := who(t, c).PID; pid == first || !there(pid) {
		t.Errorf("process %d after it was idle, %d before", pid, first)
	}
}

// A service that dies under a call is started again by the next.
//
// clause: U5, U10
func TestUnitDies(t *testing.T) {
	units := t.TempDir()
	unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\n")
	dir := run(t, hub.Options{Units: []string{units}})
	c := dial(t, dir, "clock")
	before := who(t, c).PID
	if _, err := sabir.Do[sabir.None](t.Context(), c, "clock.die", nil); !errors.Is(err, sabir.ErrOutcomeUnknown) {
		t.Errorf("under the call: %v", err)
	}
	gone(t, before)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		p, err := sabir.Do[process](t.Context(), c, "clock.who", nil)
		if err == nil {
			if p.PID == before {
				t.Error("the dead one answers")
			}
			break
		}
		if !errors.Is(err, sabir.ErrUnavailable) || !strings.Contains(err.Error(), "clock does not run: signal: killed") {
			t.Fatalf("meanwhile: %v", err)
		}
		if time.Now().After(deadline) {
			t.Fatal("it never came back")
		}
	}
}

// Who calls a service that fails is told why, in its own words, and is not what
// makes the machine start it a thousand times a second.
//
// clause: U10
func TestUnitFails(t *testing.T) {
	units := t.TempDir()
	count := filepath.Join(t.TempDir(), "count")
	unit(t, units, "clock", fmt.Sprintf("command = [\"sh\", \"-c\", \"echo run >>%s; for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3\"]\ndescription = \"clock.sabir\"\n", count))
	dir := run(t, hub.Options{Units: []string{units}})
	c := dial(t, dir, "clock")
	_, err := sabir.Do[process](t.Context(), c, "clock.who", nil)
	if !errors.Is(err, sabir.ErrUnavailable) || !strings.Contains(err.Error(), "clock does not run: exit status 3") ||
		!strings.HasSuffix(err.Error(), "it said:\nline 3\nline 4\nline 5\nline 6\nline 7") {
		t.Errorf("got %v", err)
	}
	for range 200 {
		if _, err := sabir.Do[process](t.Context(), c, "clock.who", nil); !errors.Is(err, sabir.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if runs, _ := os.ReadFile(count); bytes.Count(runs, []byte("run")) > 3 {
		t.Errorf("started %d times for 201 calls", bytes.Count(runs, []byte("run")))
	}
	unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\n")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err = sabir.Do[process](t.Context(), dial(t, dir, "hub"), "clock.who", nil); err == nil {
			return
		}
		sabir.Do[any](t.Context(), dial(t, dir, "hub"), "rpc.describe", nil) // has the directories read
		if time.Now().After(deadline) {
			t.Fatalf("mended, and still: %v", err)
		}
	}
}

// Mistakes in unit files are told with their place, and hurt nobody else.
func TestUnitFaults(t *testing.T) {
	units := t.TempDir()
	var log bytes.Buffer
	for name, text := range map[string]string{
		"a": "command = [\"true\"\n", "b": "command = []\n", "c": "command = [\"true\"]\nidel = \"5s\"\n",
		"d": "command = [\"true\"]\nidle = \"soon\"\n", "e": "command = [\"true\"]\ndescription = \"none.sabir\"\n",
		"f": "command = [\"true\"]\ndescription = \"clock.sabir\"\n", "h": "command = [\"true\"]\n", "hub": "command = [\"true\"]\n", "Bad": "command = [\"true\"]\n",
		"i": "command = \"true\"\n", "g": "command = [\"true\"]\nuser = \"no-such-user\"\n", "clock": "command = [$CLOCK]\ndescription = \"clock.sabir\"\n",
		"j": "service = \"clock\"\ncommand = [\"true\"]\ndescription = \"clock.sabir\"\n",
	} {
		unit(t, units, name, text)
	}
	var mu sync.Mutex
	dir := shortDir(t)
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	o := serveOptions(dir, func() { close(ready) })
	o.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
	go func() {
		done <- hub.Serve(ctx, &hub.Options{Units: []string{filepath.Join(units, "none"), units}, Serve: o})
	}()
	<-ready
	p := who(t, dial(t, dir, "clock"))
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if there(p.PID) {
		t.Error("a service outlives its hub")
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{
		`a.toml:1: expected a comma`, `b.toml:1: command: expected a list`, `c.toml:2: unknown key idel; there are service, command`,
		`d.toml:2: idle: expected a time`, `e.toml:2: description: `, `f.toml:2: description: `, `describes the service clock, not f`,
		`h.toml: description: expected a file .sabir`, `hub.toml: service: \"hub\" is no name`, `Bad.toml: service: \"Bad\" is no name`, `g.toml:2: user: unknown user`,
		`i.toml: line 1 (last key \"command\"): `, `command is a list, as [\"weatherd\", \"--quiet\"], the others are texts`,
		`j.toml: service: clock has `,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", log.String())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// A name that a unit has is offered by nobody else, and one that is offered is
// no unit's.
func TestUnitNames(t *testing.T) {
	units := t.TempDir()
	unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\n")
	dir := run(t, hub.Options{Units: []string{units}})
	err := sabir.Export(t.Context(), filepath.Join(dir, "hub.sock"), clock(), &sabir.ExportOptions{DialOptions: sabir.DialOptions{Log: quiet}})
	if !errors.As(err, new(sabir.Taken)) {
		t.Errorf("offered beside a unit: %v", err)
	}
}

// A hub of root runs services as others.
func TestUnitUser(t *testing.T) {
	units := shortDir(t) // where that user can be, and run the program
	exe := filepath.Join(units, "clockd")
	program, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = errors.Join(os.WriteFile(exe, program, 0o755), os.Chmod(units, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	unit(t, units, "clock", fmt.Sprintf("command = [%q, \"clock\"]\nuser = \"nobody\"\ndescription = \"clock.sabir\"\n", exe))
	if os.Getuid() != 0 {
		dir := run(t, hub.Options{Units: []string{units}})
		if _, err := sabir.Do[process](t.Context(), dial(t, dir, "hub"), "clock.who", nil); !errors.Is(err, sabir.ErrMethodNotFound) {
			t.Errorf("for who is not root there is no such unit: %v", err)
		}
		return
	}
	dir := run(t, hub.Options{Units: []string{units}})
	if p := who(t, dial(t, dir, "clock")); p.UID == 0 {
		t.Errorf("runs as %d", p.UID)
	}
}
