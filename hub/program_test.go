package hub_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
)

// program makes a service of a description and a script for sh.
func program(t *testing.T, description, script string, opts *hub.ProgramOptions) *hub.Program {
	t.Helper()
	f, err := idl.Parse("t.sabir", []byte(description))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	if opts == nil {
		opts = &hub.ProgramOptions{}
	}
	opts.Log = quiet
	p, err := hub.NewProgram(&f.Service, []string{"sh", file}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// A call that is cancelled takes its command along, and what that has started.
func TestProgramEndsWithItsCall(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	p := program(t, "service s 1\nmethod wait()", `trap "" TERM
echo $$ >>`+pids+`
sleep 100 &
echo $! >>`+pids+`
wait
wait`, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := sabir.Do[sabir.None](ctx, p, "s.wait", nil)
		done <- err
	}()
	var all []string
	for deadline := time.Now().Add(10 * time.Second); len(all) < 2; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(pids)
		all = strings.Fields(string(text))
		if time.Now().After(deadline) {
			t.Fatal("the command does not start")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, text := range all {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d is still there", pid)
			}
		}
	}
}

// alive reports whether a process runs; one that has ended and waits for its
// parent to look does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// Over the limit nothing is started.
func TestProgramRunsSoManyAtOnce(t *testing.T) {
	begun := filepath.Join(t.TempDir(), "begun")
	p := program(t, "service s 1\nmethod wait()", "touch "+begun+"; sleep 100", &hub.ProgramOptions{Processes: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := sabir.Do[sabir.None](ctx, p, "s.wait", nil)
		done <- err
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(begun); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the command does not start")
		}
	}
	if _, err := sabir.Do[sabir.None](t.Context(), p, "s.wait", nil); !errors.Is(err, sabir.ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
}

// What a command prints is judged like what a peer sends.
func TestProgramIsJudged(t *testing.T) {
	const description = `service s 1
method n() -> (n: int(max=9))
method two() -> (a: int, b: string)
method many() -> stream int
method big() -> (text: string)
method bytes() -> stream bytes
method gone() ! Lost
method odd() ! Lost
error Lost { where: string }
`
	p := program(t, description, `case $1 in
n) echo 10 ;;
two) echo '{"a":1,"b":"x","c":2}' ;;
many) echo 1; echo two ;;
big) head -c 5000000 /dev/zero | tr '\0' x ;;
bytes) printf 'a\nb\0c' ;;
gone) echo 'Lost {"where":7}' >&2; exit 1 ;;
odd) echo 'Lost' >&2; exit 0 ;;
esac`, nil)
	ctx := t.Context()
	for method, want := range map[string]string{
		"s.n": "at most 9", "s.two": "unknown", "s.many": "not strict JSON", "s.big": "more than", "s.gone": "expected a string",
	} {
		_, err := sabir.Do[sabir.Body](ctx, p, method, nil)
		var answer *sabir.Error
		if err == nil || errors.As(err, &answer) {
			t.Errorf("%s: got %v, which is no failure of the service", method, err)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, expected %s", method, err, want)
		}
	}
	if _, err := sabir.Do[sabir.None](ctx, p, "s.odd", nil); err != nil {
		t.Errorf("status 0: %v", err)
	}
	var all []byte
	for piece, err := range sabir.Items[[]byte](ctx, p, "s.bytes", nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, piece...)
	}
	if string(all) != "a\nb\x00c" {
		t.Errorf("got %q", all)
	}
}

// A state is what was printed last, for as long as somebody listens.
func TestProgramState(t *testing.T) {
	p := program(t, "service s 1\nstate n: int", "for i in 1 2 3; do echo $i; done; sleep 100", nil)
	dir := shortDir(t)
	serve(t, filepath.Join(dir, "s.sock"), p)
	c := dial(t, dir, "s")
	if n, err := sabir.Do[int](t.Context(), c, "s.n", nil); err != nil || n < 1 || n > 3 {
		t.Errorf("got %d, %v", n, err)
	}
	up, newest := false, 0
	for e, err := range sabir.Watch[int](t.Context(), c, "s.n", nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		up = up || e.Kind == sabir.Up
		if e.Kind == sabir.Changed {
			newest = e.Value
		}
		if up && newest == 3 {
			break
		}
	}
}
