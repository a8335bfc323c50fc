package sabir_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
)

type text struct{ Text string }
type named struct{ Name string }
type number struct{ N int }

// restartable is a service on a socket that can be stopped and started.
type restartable struct {
	t      *testing.T
	path   string
	limits sabir.Limits // from the next start on
	log    *slog.Logger // likewise; nil: quiet
	stop   context.CancelFunc
	done   chan error
}

func newRestartable(t *testing.T, h sabir.Handler) *restartable {
	r := &restartable{t: t, path: filepath.Join(shortDir(t), "s.sock")}
	r.start(h)
	t.Cleanup(r.end)
	return r
}

func (r *restartable) start(h sabir.Handler) {
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: r.path}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop, r.done = stop, make(chan error, 1)
	go func() {
		r.done <- sabir.Serve(ctx, ln, h, &sabir.ServeOptions{Log: cmp.Or(r.log, quiet), Grace: time.Millisecond, Limits: r.limits})
	}()
}

func (r *restartable) end() {
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	if err := <-r.done; err != nil {
		r.t.Error(err)
	}
}

func dial(t *testing.T, path string, opts sabir.DialOptions) *sabir.Client {
	t.Helper()
	opts.Log = quiet
	c, err := sabir.Dial(t.Context(), path, &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func encodings(t *testing.T, f func(t *testing.T, cbor bool)) {
	for _, cbor := range []bool{false, true} {
		t.Run(map[bool]string{false: "json", true: "cbor"}[cbor], func(t *testing.T) { f(t, cbor) })
	}
}

// Many goroutines share a client, some of which give up, others leave streams.
func TestShared(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		r := newRestartable(t, probe.New())
		c := dial(t, r.path, sabir.DialOptions{CBOR: cbor})
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				for j := range 50 {
					want := fmt.Sprint(i, j)
					switch j % 5 {
					case 0: // gives up
						ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
						_, err := sabir.Do[struct{}](ctx, c, "probe.wait", named{want})
						cancel()
						if !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("gave up and got %v", err)
						}
					case 1: // leaves a stream
						n := 0
						for v, err := range sabir.Items[number](t.Context(), c, "probe.count", map[string]any{"to": 1000}) {
							if n++; err != nil || v.N != n {
								t.Errorf("item %d is %v, %v", n, v, err)
							}
							if n == 7+i {
								break
							}
						}
					case 2: // calls out of a stream, on the same connection
						for v, err := range sabir.Items[number](t.Context(), c, "probe.count", map[string]any{"to": 3}) {
							if err != nil {
								t.Error(err)
							}
							want := fmt.Sprint(v.N)
							if got, err := sabir.Do[text](t.Context(), c, "probe.echo", text{want}); err != nil || got.Text != want {
								t.Errorf("expected %q, got %q, %v", want, got.Text, err)
							}
						}
					default:
						if got, err := sabir.Do[text](t.Context(), c, "probe.echo", text{want}); err != nil || got.Text != want {
							t.Errorf("expected %q, got %q, %v", want, got.Text, err)
						}
					}
				}
			})
		}
		all.Wait()
	})
}

// clause: O7
func TestUnanswered(t *testing.T) {
	svc := probe.New()
	r := newRestartable(t, svc)
	c := dial(t, r.path, sabir.DialOptions{})
	failed := make(chan error)
	go func() {
		_, err := sabir.Do[struct{}](t.Context(), c, "probe.wait", named{"x"})
		failed <- err
	}()
	waitFor(t, func() bool { return inFlight(t, r.path) > 1 })
	r.end()
	if err := <-failed; !errors.Is(err, sabir.ErrCancelled) && !errors.Is(err, sabir.ErrOutcomeUnknown) {
		t.Errorf("in flight: %v", err)
	}
	_, err := sabir.Do[text](t.Context(), c, "probe.echo", text{"x"})
	if !errors.Is(err, sabir.ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
	r.start(svc)
	if got, err := sabir.Do[text](t.Context(), c, "probe.echo", text{"x"}); err != nil || got.Text != "x" {
		t.Errorf("back again: %v", err)
	}
}

func inFlight(t *testing.T, path string) int {
	c := dial(t, path, sabir.DialOptions{})
	out, err := sabir.Do[struct{ InFlight int }](t.Context(), c, "rpc.stats", nil)
	if err != nil {
		t.Fatal(err)
	}
	return out.InFlight
}

func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

// A call whose context ends while its connection is being lost ends with its context.
func TestEndedAndUnanswered(t *testing.T) {
	near, far := transport.Pipe()
	c := sabir.NewClient(near, nil)
	c.Close()
	far.Close()
	err := sabir.Notify(&soonOver{Context: context.Background()}, c, "a.b", nil)
	if !errors.Is(err, sabir.ErrUnavailable) {
		t.Error(err)
	}
	near, far = transport.Pipe()
	c = sabir.NewClient(near, nil)
	defer c.Close()
	far.Close()
	for err = nil; err == nil || errors.Is(err, sabir.ErrOutcomeUnknown); { // until it has noticed
		err = sabir.Notify(context.Background(), c, "a.b", nil)
	}
	if err = sabir.Notify(&soonOver{Context: context.Background()}, c, "a.b", nil); err != context.DeadlineExceeded {
		t.Error(err)
	}
}

// soonOver is over once somebody has asked.
type soonOver struct {
	context.Context
	asked atomic.Bool
}

func (c *soonOver) Err() error {
	if c.asked.Swap(true) {
		return context.DeadlineExceeded
	}
	return nil
}

// What was sent and not answered is repeated if it may be, and only then.
// clause: M10
func TestRepeat(t *testing.T) {
	var x *cutter
	var safe, unsafe atomic.Int32
	svc := sabir.NewService("s", "1", "")
	once := func(count *atomic.Int32) func(context.Context, sabir.None) (sabir.None, error) {
		return func(ctx context.Context, _ sabir.None) (sabir.None, error) {
			if count.Add(1) == 1 {
				x.cut()
				<-ctx.Done()
			}
			return sabir.None{}, ctx.Err()
		}
	}
	sabir.Method(svc, "safe", once(&safe), sabir.Idempotent)
	sabir.Method(svc, "unsafe", once(&unsafe))
	r := newRestartable(t, svc)
	var path string
	x, path = newCutter(t, r.path)
	c := dial(t, path, sabir.DialOptions{})
	if _, err := sabir.Do[sabir.None](t.Context(), c, "s.safe", nil); err != nil || safe.Load() != 2 {
		t.Errorf("safe: %v after %d runs", err, safe.Load())
	}
	if _, err := sabir.Do[sabir.None](t.Context(), c, "s.unsafe", nil); !errors.Is(err, sabir.ErrOutcomeUnknown) || unsafe.Load() != 1 {
		t.Errorf("unsafe: %v after %d runs", err, unsafe.Load())
	}
}

// Peers are symmetric: the service calls the client that calls it.
func TestPeers(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		svc := sabir.NewService("asker", "1", "")
		sabir.Method(svc, "ask", func(ctx context.Context, in number) (text, error) {
			peer, ok := sabir.PeerOf(ctx)
			if !ok {
				return text{}, errors.New("no peer")
			}
			if in.N > 0 { // there and back again
				return sabir.Do[text](ctx, peer, "answerer.pass", number{in.N - 1})
			}
			out := ""
			for v, err := range sabir.Items[text](ctx, peer, "answerer.all", nil) {
				if err != nil {
					return text{}, err
				}
				out += v.Text
			}
			return text{out}, nil
		})
		var c *sabir.Client
		answers := sabir.NewService("answerer", "1", "")
		sabir.Method(answers, "pass", func(ctx context.Context, in number) (text, error) {
			return sabir.Do[text](ctx, c, "asker.ask", in)
		})
		sabir.Stream(answers, "all", func(context.Context, sabir.None) (iter.Seq2[text, error], error) {
			return func(yield func(text, error) bool) {
				for _, s := range []string{"a", "b", "c"} {
					if !yield(text{s}, nil) {
						return
					}
				}
			}, nil
		})
		r := newRestartable(t, svc)
		c = dial(t, r.path, sabir.DialOptions{CBOR: cbor, Handler: answers})
		for i := range 20 {
			got, err := sabir.Do[text](t.Context(), c, "asker.ask", number{i % 5})
			if err != nil || got.Text != "abc" {
				t.Fatalf("got %q, %v", got.Text, err)
			}
		}
	})
}

// One uid has so many connections and no more.
// clause: B3
func TestConnections(t *testing.T) {
	r := newRestartable(t, probe.New())
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range 1024 {
		c, err := net.Dial("unix", r.path)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	c, err := sabir.Dial(t.Context(), r.path, &sabir.DialOptions{Log: quiet})
	if err == nil {
		defer c.Close()
		_, err = sabir.Do[sabir.None](t.Context(), c, "rpc.ping", nil)
	}
	if !errors.Is(err, sabir.ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	conns[0].Close()
	waitFor(t, func() bool {
		c, err := sabir.Dial(t.Context(), r.path, &sabir.DialOptions{Log: quiet})
		if err != nil {
			return false
		}
		defer c.Close()
		_, err = sabir.Do[sabir.None](t.Context(), c, "rpc.ping", nil)
		return err == nil
	})
}

// Bodies pass as they are, line ends or not.
// clause: L1
func TestBodies(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		r := newRestartable(t, probe.New())
		c := dial(t, r.path, sabir.DialOptions{CBOR: cbor})
		params, err := sabir.JSONBody([]byte("{\r\n \"text\":\n\"x\"\n}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sabir.Do[text](t.Context(), c, "probe.echo", params); err != nil || got.Text != "x" {
			t.Errorf("got %q, %v", got.Text, err)
		}
		n := 0
		for item, err := range sabir.Items[sabir.Body](t.Context(), c, "probe.count", map[string]any{"to": 3}) {
			n++
			if json, jerr := item.JSON(); err != nil || jerr != nil || string(json) != fmt.Sprintf(`{"n":%d}`, n) {
				t.Errorf("got %s, %v, %v", json, err, jerr)
			}
		}
		if n != 3 {
			t.Errorf("%d items", n)
		}
	})
}

// Who watches by a client that is closed, or over a connection that has ended and is not
// made again, hears so and waits for nothing.
func TestWatchEndsWithItsClient(t *testing.T) {
	for name, end := range map[string]func(c *sabir.Client, far *transport.Conn){
		"closed": func(c *sabir.Client, _ *transport.Conn) { c.Close() },
		"gone":   func(_ *sabir.Client, far *transport.Conn) { far.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			svc := sabir.NewService("s", "1", "")
			sabir.NewState[number, sabir.None](svc, "now")
			near, far := transport.Pipe()
			go sabir.ServeConn(context.Background(), far, svc, &sabir.ServeOptions{Log: quiet})
			c := sabir.NewClient(near, &sabir.DialOptions{Log: quiet})
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			var told []string
			for e, err := range sabir.Watch[number](ctx, c, "s.now", nil, nil) {
				switch {
				case err != nil && !errors.Is(err, sabir.ErrUnavailable):
					told = append(told, err.Error())
				case err != nil:
					told = append(told, "nobody")
				case e.Kind == sabir.Up:
					told = append(told, "up")
					end(c, far)
				case e.Kind == sabir.Down:
					told = append(told, "down")
				}
			}
			if got := fmt.Sprint(told); got != "[up down nobody]" {
				t.Errorf("%s: %s", name, got)
			}
			c.Close()
		})
	}
}
