package attacks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
)

// serveHub runs a hub for the time of the test, where everyone has one level but
// who offers services.
func serveHub(t *testing.T, level sabir.Access) (dir string) {
	t.Helper()
	dir = shortDir(t)
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- hub.Serve(ctx, &hub.Options{
			Allow: func(sabir.Caller, *idl.Service) error { return nil },
			Serve: sabir.ServeOptions{
				Env: transport.Env{Dir: dir}, Log: slog.New(slog.DiscardHandler), Grace: 100 * time.Millisecond,
				Level: func(transport.Peer) sabir.Access { return level },
				Ready: func([]transport.Address) { close(ready) },
			},
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return dir
}

// offer has h offered at a hub for the time of the test.
func offer(t *testing.T, dir string, h sabir.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	there, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- sabir.Export(ctx, filepath.Join(dir, "hub.sock"), h, &sabir.ExportOptions{
			DialOptions: sabir.DialOptions{Log: slog.New(slog.DiscardHandler)}, Offered: sync.OnceFunc(func() { close(there) }),
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-there:
	case err := <-done:
		t.Fatal(err)
	}
}

// at is a raw connection to a socket.
func at(t *testing.T, path string) *line {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return (&daemon{t: t}).line(c)
}

// Case 52: a client that would have the hub call with the hub's own rights. The
// service sees the client, with his level, and nothing that he claims.
//
// clause: U2, U4
func TestCase52ConfusedDeputy(t *testing.T) {
	dir := serveHub(t, sabir.AccessWrite)
	s := sabir.NewService("who", "1", "")
	type caller struct {
		Level string
		Hubs  int
	}
	sabir.Method(s, "am_i", func(ctx context.Context, _ sabir.None) (caller, error) {
		c := sabir.CallerOf(ctx)
		return caller{string(c.Level), len(c.Via)}, nil
	})
	sabir.Method(s, "rule", func(context.Context, sabir.None) (sabir.None, error) {
		t.Error("an admin's method was run for a writer")
		return sabir.None{}, nil
	}, sabir.Needs(sabir.AccessAdmin))
	offer(t, dir, s)
	for _, socket := range []string{"hub", "who"} {
		l := at(t, filepath.Join(dir, socket+".sock"))
		l.say(`{"id":1,"method":"who.am_i"}`)
		l.hears(`{"id":1,"result":{"level":"write","hubs":1}}`)
		for _, claim := range []string{
			`{"level":"admin","via":["x"]}`, `{"name":"root","level":"admin","via":["x"]}`, `{"uid":0,"level":"admin","via":[]}`, `{}`, `{"via":["x"],"more":1}`,
		} {
			l.say(`{"id":2,"method":"who.rule","caller":` + claim + `}`)
			l.hears(`{"id":2,"error":{"code":-32600,"message":"member \"caller\"`)
		}
		l.say(`{"id":3,"method":"who.rule"}`)
		l.hears(`{"id":3,"error":{"code":-32004,`)
		l.say(`{"id":4,"method":"rpc.auth","params":{"mechanism":"SCRAM-SHA-256","data":"n,,n=admin,r=x"}}`)
		if heard := l.hear(); !strings.Contains(heard, `"error"`) {
			t.Errorf("became somebody else: %s", heard)
		}
		l.say(`{"id":5,"method":"who.am_i"}`)
		l.hears(`{"id":5,"result":{"level":"write","hubs":1}}`)
	}
}

// Case 53: names that are the hub's, the protocol's or somebody's, and a race
// for one. The first has it.
//
// clause: U6
func TestCase53Names(t *testing.T) {
	dir := serveHub(t, sabir.AccessAdmin)
	first := at(t, filepath.Join(dir, "hub.sock"))
	export := func(name, as string) string {
		return fmt.Sprintf(`{"id":1,"method":"rpc.export","params":{"service":{"name":%q,"version":"1","members":[],"types":[],"errors":[]}%s}}`, name, as)
	}
	first.say(export("mine", ""))
	first.hears(`{"id":1,"result":{}}`)
	for _, name := range []string{"rpc", "hub", "mine", "Mine", "rpc.x", "a/../b", "", "ä"} {
		for _, line := range []string{export(name, ""), export("other", fmt.Sprintf(`,"as":%q`, name))} {
			l := at(t, filepath.Join(dir, "hub.sock"))
			l.say(line)
			if heard := l.hear(); !strings.Contains(heard, "rpc.Taken") && !strings.Contains(heard, "-32602") {
				t.Errorf("%s: %s", line, heard)
			}
			l.Close()
		}
	}
	won := make(chan string, 20)
	var all sync.WaitGroup
	lines := make([]*line, 20)
	for i := range lines {
		lines[i] = at(t, filepath.Join(dir, "hub.sock"))
	}
	for _, l := range lines {
		all.Go(func() {
			l.say(export("race", ""))
			won <- l.hear()
		})
	}
	all.Wait()
	close(won)
	n := 0
	for heard := range won {
		if strings.Contains(heard, `"result"`) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d have the name", n)
	}
}

// Case 54: a service that answers what it was not asked, twice, and too late. It
// reaches its own callers and nobody else.
//
// clause: U7, M11
func TestCase54StrayAnswers(t *testing.T) {
	dir := serveHub(t, sabir.AccessAdmin)
	offer(t, dir, probe.New())
	bad := at(t, filepath.Join(dir, "hub.sock"))
	bad.say(`{"id":"e","method":"rpc.export","params":{"service":{"name":"bad","version":"1","members":[{"kind":"method","name":"m","params":[],"result":[{"name":"n","type":{"kind":"int"}}]}],"types":[],"errors":[]}}}`)
	bad.hears(`{"id":"e","result":{}}`)
	other, mine := at(t, filepath.Join(dir, "probe.sock")), at(t, filepath.Join(dir, "bad.sock"))
	other.say(`{"id":1,"method":"probe.wait","params":{"name":"w"}}`)
	mine.say(`{"id":7,"method":"bad.m"}`)
	asked := bad.hear()
	id, _, _ := strings.Cut(strings.TrimPrefix(asked, `{"id":`), ",")
	for n := range 200 { // ids that are the hub's calls to others, and to nobody
		bad.say(fmt.Sprintf(`{"id":%d,"result":{"n":666}}`, n+1000))
		bad.say(fmt.Sprintf(`{"method":"rpc.item","params":{"id":%d,"value":666}}`, n+1000))
		bad.say(fmt.Sprintf(`{"id":"%d","result":{"n":666}}`, n))
	}
	bad.say(`{"id":` + id + `,"result":{"n":1}}`)
	bad.say(`{"id":` + id + `,"result":{"n":2}}`)
	mine.hears(`{"id":7,"result":{"n":1}}`)
	mine.say(`{"id":8,"method":"bad.m","timeout":0.05}`)
	late := bad.hear()
	id, _, _ = strings.Cut(strings.TrimPrefix(late, `{"id":`), ",")
	mine.hears(`{"id":8,"error":{"code":-32002,`)
	bad.say(`{"id":` + id + `,"result":{"n":3}}`)
	mine.say(`{"id":9,"method":"rpc.ping"}`)
	mine.hears(`{"id":9,"result":{}}`)
	other.say(`{"id":2,"method":"probe.release","params":{"name":"w"}}`)
	heard := other.hear() + other.hear() // in either order
	for _, want := range []string{`{"id":2,"result":{"waited":1}}`, `{"id":1,"result":{"released":true}}`} {
		if !strings.Contains(heard, want) {
			t.Errorf("expected %s in %s", want, heard)
		}
	}
}

// Case 55: a hub that is offered what it offers itself. A call does not go round
// for ever.
//
// clause: U3
func TestCase55Loops(t *testing.T) {
	one, two := serveHub(t, sabir.AccessAdmin), serveHub(t, sabir.AccessAdmin)
	// Each offers to the other what the other offers to it.
	desc := sabir.NewService("round", "1", "")
	sabir.Method(desc, "go", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
	for from, to := range map[string]string{one: two, two: one} {
		h := &goround{desc: desc, path: filepath.Join(from, "hub.sock")}
		t.Cleanup(func() {
			if h.front != nil {
				h.front.Close()
			}
		})
		offer(t, to, h)
	}
	c, err := sabir.Dial(t.Context(), filepath.Join(one, "hub.sock"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := sabir.Do[sabir.None](ctx, c, "round.go", nil); !errors.Is(err, sabir.ErrInvalidRequest) || !strings.Contains(err.Error(), "was here before") && !strings.Contains(err.Error(), "hubs") {
		t.Errorf("round and round: %v", err)
	}
}

// goround passes its calls to a hub that passes them back.
type goround struct {
	desc *sabir.Service
	path string

	mu    sync.Mutex
	front *hub.Front
}

func (g *goround) Describe() []*idl.Service { return g.desc.Describe() }

func (g *goround) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	g.mu.Lock()
	if g.front == nil {
		var err error
		if g.front, err = hub.NewFront(ctx, g.path, nil); err != nil {
			g.mu.Unlock()
			return sabir.Body{}, err
		}
	}
	front := g.front
	g.mu.Unlock()
	return front.Handle(ctx, call, sink)
}
