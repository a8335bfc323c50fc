package sabir_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// cutter passes connections on, and cuts them.
type cutter struct {
	ln    net.Listener
	kind  string // unix or tcp
	to    string
	mu    sync.Mutex
	conns []net.Conn
	cuts  atomic.Int32
}

func newCutter(t *testing.T, to string) (*cutter, string) {
	path := filepath.Join(shortDir(t), "s.sock")
	return newCutterAt(t, "unix", path, to), path
}

func newCutterAt(t *testing.T, kind, at, to string) *cutter {
	ln, err := net.Listen(kind, at)
	if err != nil {
		t.Fatal(err)
	}
	x := &cutter{ln: ln, kind: kind, to: to}
	go x.run()
	t.Cleanup(func() { ln.Close(); x.cut() })
	return x
}

func (x *cutter) run() {
	for {
		near, err := x.ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial(x.kind, x.to)
		if err != nil {
			near.Close()
			continue
		}
		x.mu.Lock()
		x.conns = append(x.conns, near, far)
		x.mu.Unlock()
		go func() { io.Copy(near, far); near.Close() }()
		go func() { io.Copy(far, near); far.Close() }()
	}
}

func (x *cutter) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.conns {
		c.Close()
	}
	x.conns = nil
	x.cuts.Add(1)
}

// A connection that is cut, again and again, loses nothing: all items come, in
// order, once.
// clause: S12, S15
func TestResume(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		svc := sabir.NewService("chat", "1", "")
		topic := sabir.NewTopic[number, sabir.None](svc, "said")
		r := newRestartable(t, svc)
		x, path := newCutter(t, r.path)
		resume(t, x, topic, dial(t, path, sabir.DialOptions{CBOR: cbor}))
	})
}

// resume watches through cuts.
func resume(t *testing.T, x *cutter, topic *sabir.Topic[number, sabir.None], c *sabir.Client) {
	const total = 300
	next, downs := 1, 0
	up := make(chan struct{}, 4)
	for e, err := range sabir.Watch[number](t.Context(), c, "chat.said", nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Lost != 0 {
			t.Fatalf("lost %d", e.Lost)
		}
		switch e.Kind {
		case sabir.Down:
			downs++
		case sabir.Up:
			if up <- struct{}{}; downs > 0 {
				continue
			}
			go func() {
				for n := 1; n <= total; n++ {
					switch n % 100 {
					case 1:
						<-up // else a cut would be of nothing
					case 50:
						x.cut()
					}
					topic.Publish(sabir.None{}, number{n})
					time.Sleep(time.Millisecond)
				}
			}()
		case sabir.Changed:
			if e.Value.N != next {
				t.Fatalf("expected %d, got %d", next, e.Value.N)
			}
			next++
		}
		if next > total {
			break
		}
	}
	if downs != 3 {
		t.Errorf("%d of 3 cuts were seen", downs)
	}
}

// A service that starts anew has forgotten: the loss is told, its size is not
// known, and what it has published since is not lost.
func TestRestart(t *testing.T) {
	make := func() (*sabir.Service, *sabir.Topic[number, sabir.None], *sabir.Table[number, sabir.None]) {
		svc := sabir.NewService("chat", "1", "")
		return svc, sabir.NewTopic[number, sabir.None](svc, "said"), sabir.NewTable[number, sabir.None](svc, "rows")
	}
	svc, topic, _ := make()
	r := newRestartable(t, svc)
	c := dial(t, r.path, sabir.DialOptions{})
	next, stop := iter.Pull2(sabir.Watch[number](t.Context(), c, "chat.said", nil, nil))
	defer stop()
	expect := func(kind sabir.EventKind, n int, lost int64) sabir.Event[number] {
		t.Helper()
		e, err, ok := next()
		if err != nil || !ok || e.Kind != kind || e.Value.N != n || e.Lost != lost {
			t.Fatalf("got %+v, %v", e, err)
		}
		return e
	}
	expect(sabir.Up, 0, 0)
	topic.Publish(sabir.None{}, number{1})
	expect(sabir.Changed, 1, 0)
	r.end()
	svc, topic, _ = make()
	topic.Keep(sabir.None{})
	topic.Publish(sabir.None{}, number{2})
	r.start(svc)
	if e := expect(sabir.Down, 0, 0); e.Err == nil {
		t.Error("Down without a reason")
	}
	expect(sabir.Changed, 2, -1)
	expect(sabir.Up, 0, 0)
	topic.Publish(sabir.None{}, number{3})
	expect(sabir.Changed, 3, 0)
}

// Calls that meet a service which is stopping, and surely did not run, go to the next
// one, all of them.
//
// clause: M10, O9
func TestDrainingForAll(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	const calls = 10
	go func() {
		for next := false; ; next = true {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				far := &farEnd{transport.NewConn(conn, transport.Peer{}), bufio.NewScanner(conn)}
				if next {
					for id, _ := far.request(); id != nil; id, _ = far.request() {
						fmt.Fprintf(far, `{"id":%s,"result":{}}`+"\n", id)
					}
					return
				}
				said := `{"method":"rpc.goaway","params":{}}` + "\n"
				for range calls {
					id, _ := far.request()
					said += fmt.Sprintf(`{"id":%s,"error":{"code":-32005,"message":"stopping","data":{"name":"rpc.Draining","params":{}}}}`+"\n", id)
				}
				io.WriteString(far, said)
			}()
		}
	}()
	c := dial(t, path, sabir.DialOptions{})
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			if _, err := sabir.Do[sabir.None](t.Context(), c, "s.x", nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// A call after a restart that the client has not heard of yet surely was not sent on the
// old connection, and so goes over a new one.
//
// clause: O7, M10
func TestCallAfterARestart(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		svc := sabir.NewService("s", "1", "")
		sabir.Method(svc, "do", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
		r := newRestartable(t, svc)
		for range 20 {
			c := dial(t, r.path, sabir.DialOptions{CBOR: cbor})
			for range 2 {
				if _, err := sabir.Do[sabir.None](t.Context(), c, "s.do", nil); err != nil {
					t.Fatal(err)
				}
				r.end()
				r.start(svc)
			}
			if _, err := sabir.Do[sabir.None](t.Context(), c, "s.do", nil); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	})
}

// Why a subscription is not there yet is told each time that it is another reason, and not at each try.
func TestStillDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reasons := []string{
			"gone", "nobody there, again in 2s", "nobody there, again in 3s", "kept out", "kept out", "nobody there, again in 30s", "",
			"gone", "",
		}
		h := sabir.HandlerFunc(func(_ context.Context, _ *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
			if reasons[0] == "gone" || reasons[0] == "" {
				if err := sink.Live(sabir.Live{}); err != nil {
					return sabir.Body{}, err
				}
			}
			why := reasons[0]
			reasons = reasons[1:]
			return sabir.Body{}, sabir.Unavailable("%s", why)
		})
		kinds := map[sabir.EventKind]string{sabir.Up: "up", sabir.Down: "down", sabir.StillDown: "still down"}
		var told []string
		for e, err := range sabir.Watch[sabir.Body](t.Context(), h, "a.b", nil, nil) {
			if err != nil {
				t.Fatal(err)
			}
			text := kinds[e.Kind]
			if e.Err != nil {
				text += ": " + e.Err.(*sabir.Error).Message
			}
			told = append(told, text)
			if len(reasons) == 0 {
				break
			}
		}
		want := []string{
			"up", "down: gone", "still down: nobody there, again in 2s", "still down: kept out", "still down: nobody there, again in 30s",
			"up", "down: ", "up", "down: gone", "up", "down: ",
		}
		if !slices.Equal(told, want) {
			t.Errorf("got  %q\nwant %q", told, want)
		}
	})
}
