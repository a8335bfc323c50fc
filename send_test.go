package sabir_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// stuck is a client whose peer reads nothing until it is told to.
type stuck struct {
	*sabir.Client
	serve func(h sabir.Handler)
}

// stuckRoads are connections whose writes can be ended half way, and others.
var stuckRoads = map[string]func(t *testing.T) (near, far *transport.Conn){
	"inproc": func(*testing.T) (near, far *transport.Conn) { return transport.Pipe() },
	"unix": func(t *testing.T) (near, far *transport.Conn) {
		a, b := socketPair(t)
		return transport.NewConn(a, transport.Peer{Transport: "unix"}), transport.NewConn(b, transport.Peer{Transport: "unix"})
	},
	"no deadlines and no buffer": func(*testing.T) (near, far *transport.Conn) {
		a, b := net.Pipe()
		return transport.NewConn(struct{ io.ReadWriteCloser }{a}, transport.Peer{Transport: "stdio"}), transport.NewConn(b, transport.Peer{Transport: "stdio"})
	},
	"no deadlines": func(t *testing.T) (near, far *transport.Conn) {
		a, b := socketPair(t)
		return transport.NewConn(struct{ io.ReadWriteCloser }{a}, transport.Peer{Transport: "unix"}), transport.NewConn(b, transport.Peer{Transport: "unix"})
	},
}

func socketPair(t *testing.T) (a, b net.Conn) {
	ln, err := net.Listen("unix", shortDir(t)+"/s.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if a, err = net.Dial("unix", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func onStuckRoads(t *testing.T, test func(t *testing.T, c stuck)) {
	for name, open := range stuckRoads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := open(t)
			c := sabir.NewClient(near, &sabir.DialOptions{CBOR: true, Log: quiet})
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			test(t, stuck{c, func(h sabir.Handler) {
				go func() { done <- sabir.ServeConn(ctx, far, h, servedAs(sabir.AccessAdmin)) }()
			}})
			c.Close()
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// within makes a call that is not to take longer than its context.
func within(t *testing.T, call func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Fatalf("50 ms took %v", d)
	}
}

// A call ends with its context, also while its bytes wait for a peer that does not
// read, and what was begun is sent whole: when the peer reads, later calls are as
// they should be.
func TestCallsAtStuckPeer(t *testing.T) {
	onStuckRoads(t, func(t *testing.T, c stuck) {
		data := make([]byte, 1<<20)
		for i := range 3 {
			copy(data, bytes.Repeat([]byte{byte(i)}, len(data))) // it was ours again after each
			within(t, func(ctx context.Context) error {
				_, err := sabir.Do[parcel](ctx, c, "depot.bring", parcel{Data: data})
				return err
			})
		}
		var d depot
		c.serve(d.service())
		got, err := sabir.Do[parcel](context.Background(), c, "depot.bring", parcel{Note: "last"})
		if err != nil || got.Note != "last" {
			t.Fatal(got, err)
		}
		for _, kept := range d.kept {
			if n := len(kept); n > 0 && (n != len(data) || bytes.Count(kept, kept[:1]) != n) {
				t.Errorf("%d bytes came, and not as they were sent", n)
			}
		}
	})
}

// A client ends while its bytes wait, and nobody is left behind.
func TestClosedAtStuckPeer(t *testing.T) {
	for name, open := range stuckRoads {
		t.Run(name, func(t *testing.T) {
			near, far := open(t)
			defer far.Close()
			c := sabir.NewClient(near, &sabir.DialOptions{Log: quiet})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ended := make(chan error, 4)
			for i := range cap(ended) {
				go func() {
					ctx := ctx
					if i%2 == 0 {
						ctx = context.Background()
					}
					_, err := sabir.Do[parcel](ctx, c, "depot.bring", parcel{Data: make([]byte, 1<<20)})
					ended <- err
				}()
			}
			time.Sleep(50 * time.Millisecond)
			c.Close()
			for range cap(ended) {
				if err := <-ended; !errors.Is(err, sabir.ErrOutcomeUnknown) && !errors.Is(err, sabir.ErrUnavailable) {
					t.Error(err)
				}
			}
		})
	}
}

// Who sends more than a peer reads waits, no longer than his context, instead of
// filling the memory or ending the connection; nothing is lost.
// clause: O4
func TestNotificationsAtStuckPeer(t *testing.T) {
	onStuckRoads(t, func(t *testing.T, c stuck) {
		var sent, came atomic.Int64
		svc := sabir.NewService("log", "1", "")
		sabir.Method(svc, "add", func(context.Context, text) (sabir.None, error) { came.Add(1); return sabir.None{}, nil })
		sabir.Method(svc, "count", func(context.Context, sabir.None) (number, error) { return number{int(came.Load())}, nil })
		line := text{string(make([]byte, 1000))}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				within(t, func(ctx context.Context) error {
					for {
						if err := sabir.Notify(ctx, c, "log.add", line); err != nil {
							return err
						}
						sent.Add(1)
					}
				})
			})
		}
		all.Wait()
		if n := sent.Load(); n > 1000 { // what the kernel takes, and 64 KiB
			t.Errorf("%d KB were sent to nobody", n)
		}
		c.serve(svc)
		for range 2000 {
			if err := sabir.Notify(context.Background(), c, "log.add", line); err != nil {
				t.Fatal(err)
			}
			sent.Add(1)
		}
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // the last may be under way when it is asked
			got, err := sabir.Do[number](context.Background(), c, "log.count", nil)
			if err == nil && int64(got.N) == sent.Load() {
				break
			}
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("%d of %d came, %v", got.N, sent.Load(), err)
			}
		}
	})
}

// Those who send without end do not keep others, who only took their bytes along.
func TestCallsBesideNotifications(t *testing.T) {
	svc := sabir.NewService("log", "1", "")
	sabir.Method(svc, "add", func(context.Context, text) (sabir.None, error) {
		time.Sleep(20 * time.Microsecond)
		return sabir.None{}, nil
	})
	sabir.Method(svc, "echo", func(_ context.Context, in number) (number, error) { return in, nil })
	c := dial(t, serveUnix(t, svc), sabir.DialOptions{CBOR: true})
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for sabir.Notify(ctx, c, "log.add", text{"x"}) == nil {
			}
		})
	}
	for i := range 20 {
		if got, err := sabir.Do[number](context.Background(), c, "log.echo", number{i}); err != nil || got.N != i {
			t.Fatal(got, err)
		}
	}
	stop()
	all.Wait()
}
