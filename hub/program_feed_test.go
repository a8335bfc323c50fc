package hub_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
)

// runs returns how often a script has begun, by the letters that each run has
// added to a file.
func runs(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// watch listens to a member until stop, which returns when it has heard no more.
func watch[T any](t *testing.T, h sabir.Handler, method string, params any, opts *sabir.WatchOptions, c sabir.Caller) (events chan sabir.Event[T], stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(sabir.WithCaller(t.Context(), c))
	events = make(chan sabir.Event[T], 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range sabir.Watch[T](ctx, h, method, params, opts) {
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("%s: %v", method, err)
				}
				return
			}
			events <- e
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return events, stop
}

// next returns the next item of what watch listens to.
func next[T any](t *testing.T, events chan sabir.Event[T]) sabir.Event[T] {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case e := <-events:
			if e.Kind != sabir.Up {
				return e
			}
		case <-late:
			t.Fatal("no item")
		}
	}
}

var ann, bob = sabir.Caller{Name: "ann", Level: sabir.AccessWrite}, sabir.Caller{Name: "bob", Level: sabir.AccessRead}

const talker = `echo "$SABIR_MEMBER:$SABIR_CALLER:$SABIR_LEVEL" >>$RUNS
for i in 1 2 3; do echo $i; done
until [ -e $RUNS.go ]; do sleep 0.01; done
echo 4
sleep 100`

// The command of a topic runs once for all who listen, if it is common, and
// what it has printed can be asked for.
func TestProgramTopicHistory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs")
	t.Setenv("RUNS", file)
	p := program(t, "service s 1\ntopic common: int  common\ntopic own: int", talker, nil)
	first, stop := watch[int](t, p, "s.common", nil, nil, ann)
	e := next(t, first)
	for n := 1; n < 3; n++ {
		e = next(t, first)
	}
	if e.Value != 3 || e.Seq != 3 {
		t.Errorf("the third: %+v", e)
	}
	stop()
	again, _ := watch[int](t, p, "s.common", nil, &sabir.WatchOptions{Since: &sabir.Position{Epoch: e.Epoch, Seq: 1}}, bob)
	for n := 2; n <= 4; n++ {
		if e := next(t, again); e.Value != n || e.Seq != int64(n) || e.Lost != 0 {
			t.Errorf("since 1: %+v, not %d", e, n)
		}
		if n == 3 {
			os.WriteFile(file+".go", nil, 0o600)
		}
	}
	if got := runs(t, file); got != "common::read\n" {
		t.Errorf("ran as %q", got)
	}
	poll, err := sabir.Do[struct {
		Seq   int
		Items []int
	}](t.Context(), p, "s.own", nil) // by this process
	if err != nil || len(poll.Items) == 0 || poll.Items[0] != 1 {
		t.Errorf("plain: %+v, %v", poll, err)
	}
	next(t, first1(watch[int](t, p, "s.own", nil, &sabir.WatchOptions{Since: &sabir.Position{Epoch: "x"}}, ann)))
	next(t, first1(watch[int](t, p, "s.own", nil, &sabir.WatchOptions{Since: &sabir.Position{Epoch: "x"}}, bob)))
	if got := strings.Count(runs(t, file), "own:"); got != 3 {
		t.Errorf("own ran %d times for three callers:\n%s", got, runs(t, file))
	}
}

// Users whom the kernel names are told apart, by the command too: two with the same level had one run between them.
func TestProgramOfUsers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runs")
	t.Setenv("RUNS", file)
	p := program(t, "service s 1\ntopic own: int\nmethod who() -> (name: string)", `
case $1 in
who) echo "$SABIR_CALLER" ;;
own) echo "$SABIR_CALLER" >>$RUNS; echo 1; sleep 100 ;;
esac`, nil)
	user := func(uid uint32) sabir.Caller {
		return sabir.Caller{Level: sabir.AccessRead, Peer: transport.Peer{Transport: "unix", Known: true, UID: uid}}
	}
	for _, c := range []sabir.Caller{user(1000), user(1001), user(1000)} {
		next(t, first1(watch[int](t, p, "s.own", nil, &sabir.WatchOptions{Since: &sabir.Position{Epoch: "x"}}, c)))
	}
	if got := runs(t, file); got != "uid 1000\nuid 1001\n" {
		t.Errorf("ran as %q", got)
	}
	c := user(1001)
	c.Level = sabir.AccessWrite
	in, err := sabir.Do[struct{ Name string }](sabir.WithCaller(t.Context(), c), p, "s.who", nil)
	if err != nil || in.Name != "uid 1001" {
		t.Errorf("%+v, %v", in, err)
	}
}

func first1[A, B any](a A, _ B) A { return a }

// Interest in a topic ends some time after its last listener, and its command
// with it; that of a state at once; all with Close.
func TestProgramFeedsEnd(t *testing.T) {
	for _, test := range []struct {
		name, member string
		linger       time.Duration
		end          func(p *hub.Program)
	}{
		{"interest", "topic", time.Millisecond, func(*hub.Program) {}},
		{"state", "state", time.Hour, func(*hub.Program) {}},
		{"table", "table", time.Hour, func(*hub.Program) {}},
		{"close", "topic", time.Hour, func(p *hub.Program) { p.Close() }},
		{"room", "topic", time.Hour, func(p *hub.Program) {
			if _, err := sabir.Do[sabir.None](t.Context(), p, "s.nothing", nil); err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			gone := filepath.Join(t.TempDir(), "gone")
			p := program(t, "service s 1\nmethod nothing()\ntopic topic: int  common\nstate state: int\ntable table: int", `
trap "touch `+gone+`; exit" TERM
case $1 in
table) echo '{"key":"a","value":1}'; echo ;;
nothing) exit ;;
*) echo 1 ;;
esac
while :; do sleep 0.01; done`, &hub.ProgramOptions{Processes: 1})
			p.Linger(test.linger)
			events, stop := watch[int](t, p, "s."+test.member, nil, nil, ann)
			next(t, events)
			stop()
			test.end(p)
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				if _, err := os.Stat(gone); err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatal("the command goes on")
				}
			}
			p.Close()
			if _, err := sabir.Do[any](t.Context(), p, "s."+test.member, nil); !errors.Is(err, sabir.ErrUnavailable) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

// A table is the rows that were listed last. A command that ends was to go on,
// but a plain request has what it has said.
func TestProgramTable(t *testing.T) {
	p := program(t, `service s 1
table all(room: string): { n: int } ! Lost
table ends: int
table no: int
table fails: int ! Lost
error Lost {}
`, `case $1 in
all) echo '{"key":"a","value":{"n":1}}'; echo '{"key":"b","value":{"n":2}}'; echo; echo '{"key":"'$SABIR_PARAM_ROOM'","value":{"n":3}}'
	echo '{"key":"b","gone":true}'; echo; sleep 100 ;;
ends) echo '{"key":"a","value":1}' ;;
no) echo '{"key":"a","value":1,"gone":true}' ;;
fails) echo '{"key":"a","value":1}'; echo Lost >&2; exit 1 ;;
esac`, nil)
	type n struct{ N int }
	rows := make(map[string]n)
	events, _ := watch[n](t, p, "s.all", map[string]any{"room": "dev"}, nil, ann)
	for {
		e := next(t, events)
		if e.Kind == sabir.Gone {
			delete(rows, e.Key)
		} else {
			rows[e.Key] = e.Value
		}
		if len(rows) == 1 && rows["dev"].N == 3 {
			break
		}
	}
	got, err := sabir.Do[[]sabir.Row[n]](sabir.WithCaller(t.Context(), ann), p, "s.all", map[string]any{"room": "dev"})
	if err != nil || len(got) != 1 || got[0].Key != "dev" {
		t.Errorf("one who comes later gets %v, %v", got, err)
	}
	ends, err := sabir.Do[[]sabir.Row[int]](t.Context(), p, "s.ends", nil)
	if err != nil || len(ends) != 1 || ends[0].Value != 1 {
		t.Errorf("a command that ends: %v, %v", ends, err)
	}
	for method, want := range map[string]string{"s.no": "expected {", "s.fails": "Lost"} {
		if _, err := sabir.Do[any](t.Context(), p, method, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %s", method, err, want)
		}
	}
	for _, err := range sabir.Watch[int](t.Context(), p, "s.ends", nil, nil) {
		if err != nil {
			if !strings.Contains(err.Error(), "has ended") {
				t.Error(err)
			}
			return
		}
	}
}
