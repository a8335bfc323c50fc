package sabir_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// A program may call from as many goroutines as it likes: what a service refuses
// because too much of one connection is under way waits until there is less.
// clause: E4
func TestManyAtOnce(t *testing.T) {
	var d depot
	svc := d.service()
	sabir.Method(svc, "ask", func(context.Context, parcel) (parcel, error) {
		time.Sleep(time.Millisecond)
		return parcel{}, nil
	})
	for name, of := range map[string]struct {
		method      string
		size, times int
	}{
		"calls":         {"depot.ask", 0, 600},
		"bytes there":   {"depot.ask", 1 << 20, 64},
		"bytes back":    {"depot.turn", 1 << 20, 64},
		"few and large": {"depot.slow", 2900 << 10, 12},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, serveUnix(t, svc), sabir.DialOptions{CBOR: true})
			data := make([]byte, of.size)
			var all sync.WaitGroup
			for range of.times {
				all.Go(func() {
					got, err := sabir.Do[parcel](context.Background(), c, of.method, parcel{Data: data})
					if err != nil || of.method != "depot.ask" && len(got.Data) != of.size {
						t.Error(len(got.Data), err)
					}
				})
			}
			all.Wait()
		})
	}
}

// Where those that are under way may be meant to wait for days, a call is refused
// after a second in which none was answered, or when its context ends.
func TestTurnsAreNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		sabir.Method(svc, "forever", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
			<-ctx.Done()
			return sabir.None{}, ctx.Err()
		})
		c := inBubble(svc, sabir.Limits{InFlight: 4})
		ctx, stop := context.WithCancel(context.Background())
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { sabir.Do[sabir.None](ctx, c, "slow.forever", nil) })
		}
		time.Sleep(time.Second)
		start := time.Now()
		if _, err := sabir.Do[sabir.None](context.Background(), c, "slow.sleep", map[string]any{"for": 0.0}); !errors.Is(err, sabir.ErrBusy) {
			t.Error(err)
		}
		if d := time.Since(start); d < time.Second || d > 1100*time.Millisecond {
			t.Errorf("refused after %v", d)
		}
		short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		if _, err := sabir.Do[sabir.None](short, c, "slow.sleep", map[string]any{"for": 0.0}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		stop()
		all.Wait()
		synctest.Wait() // for the handlers, whose places they are
		if _, err := sabir.Do[sabir.None](context.Background(), c, "slow.sleep", map[string]any{"for": 0.0}); err != nil {
			t.Error(err)
		}
		c.Close()
	})
}

// As long as others are answered, everyone has his turn, in the order in which
// they were refused, however long that takes.
func TestTurnsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []int
		svc := sabir.NewService("slow", "1", "")
		sabir.Method(svc, "add", func(_ context.Context, in number) (sabir.None, error) {
			time.Sleep(900 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			order = append(order, in.N)
			return sabir.None{}, nil
		})
		c := inBubble(svc, sabir.Limits{InFlight: 1})
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if _, err := sabir.Do[sabir.None](context.Background(), c, "slow.add", number{i}); err != nil {
					t.Error(i, err)
				}
			})
			time.Sleep(10 * time.Millisecond)
		}
		all.Wait()
		for i, n := range order {
			if i != n {
				t.Fatal(order)
			}
		}
		c.Close()
	})
}

// What a handler refuses itself comes back as it is when nothing else is under way,
// and so do refusals that other calls have nothing to do with.
func TestRefusalsOfHandlers(t *testing.T) {
	var calls atomic.Int32
	svc := sabir.NewService("jobs", "1", "")
	for _, limit := range []string{"queue", "jobs"} {
		sabir.Method(svc, limit, func(context.Context, sabir.None) (sabir.None, error) {
			calls.Add(1)
			return sabir.None{}, sabir.Busy(limit, "no more than that")
		})
	}
	c := sabir.InProcess(svc, nil)
	defer c.Close()
	for limit, most := range map[string]int32{"queue": 2, "jobs": 1} { // others of ours might just have been answered
		calls.Store(0)
		if _, err := sabir.Do[sabir.None](context.Background(), c, "jobs."+limit, nil); !errors.Is(err, sabir.ErrBusy) || calls.Load() > most {
			t.Errorf("%s: %v, called %d times", limit, err, calls.Load())
		}
	}
}

// A handler that refuses by a limit of the protocol's is not asked for ever.
func TestRefusalsOfHandlersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		svc := sabir.NewService("jobs", "1", "")
		sabir.Method(svc, "add", func(context.Context, sabir.None) (sabir.None, error) {
			calls.Add(1)
			return sabir.None{}, sabir.Busy("queue", "the jobs are too many")
		})
		sabir.Method(svc, "other", func(context.Context, sabir.None) (sabir.None, error) {
			time.Sleep(100 * time.Millisecond)
			return sabir.None{}, nil
		})
		c := inBubble(svc, sabir.Limits{})
		ctx, stop := context.WithCancel(context.Background())
		var others sync.WaitGroup
		for range 2 {
			others.Go(func() {
				for ctx.Err() == nil {
					sabir.Do[sabir.None](ctx, c, "jobs.other", nil)
				}
			})
		}
		time.Sleep(time.Second)
		if _, err := sabir.Do[sabir.None](context.Background(), c, "jobs.add", nil); !errors.Is(err, sabir.ErrBusy) || calls.Load() > 101 {
			t.Errorf("%v after %d calls", err, calls.Load())
		}
		stop()
		others.Wait()
		c.Close()
		time.Sleep(time.Second) // the last handlers
	})
}

// Calls that were given up make room too.
func TestTurnAfterGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		sabir.Method(svc, "forever", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
			<-ctx.Done()
			return sabir.None{}, ctx.Err()
		})
		c := inBubble(svc, sabir.Limits{InFlight: 1})
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		go sabir.Do[sabir.None](ctx, c, "slow.forever", nil)
		time.Sleep(100 * time.Millisecond)
		begun := time.Now()
		_, err := sabir.Do[sabir.None](context.Background(), c, "slow.sleep", map[string]any{"for": 0.0})
		if err != nil || time.Since(begun) > 250*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		c.Close()
	})
}

// A call that may have run is not sent again because its connection ended for being
// too much.
// clause: M10, B6
func TestCallsOfCrowdedConnection(t *testing.T) {
	var paid atomic.Int32
	svc := sabir.NewService("bank", "1", "")
	started := make(chan struct{}, 1)
	sabir.Method(svc, "pay", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		paid.Add(1)
		started <- struct{}{}
		<-ctx.Done()
		return sabir.None{}, ctx.Err()
	})
	sabir.Method(svc, "hold", func(ctx context.Context, _ parcel) (sabir.None, error) {
		<-ctx.Done()
		return sabir.None{}, ctx.Err()
	})
	path := serveUnix(t, svc)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var others sync.WaitGroup
	for range 3 { // of the same caller, who may have 32 MiB received and not done with
		other := dial(t, path, sabir.DialOptions{CBOR: true})
		for range 10 {
			others.Go(func() {
				sabir.Do[sabir.None](ctx, other, "bank.hold", parcel{Data: make([]byte, 1<<20)})
			})
		}
	}
	c := dial(t, path, sabir.DialOptions{CBOR: true})
	for { // until they are there, and this call
		counts, err := sabir.Do[struct{ InFlight int }](ctx, c, "rpc.stats", nil)
		if err != nil {
			t.Fatal(err)
		}
		if counts.InFlight > 30 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	others.Go(func() {
		if _, err := sabir.Do[sabir.None](ctx, c, "bank.pay", nil); !errors.Is(err, sabir.ErrOutcomeUnknown) {
			t.Errorf("paid: %v", err)
		}
	})
	<-started
	if _, err := sabir.Do[sabir.None](ctx, c, "bank.hold", parcel{Data: make([]byte, 4<<20-1000)}); !errors.Is(err, sabir.ErrOutcomeUnknown) {
		t.Errorf("the one too many: %v", err)
	}
	if n := paid.Load(); n != 1 {
		t.Errorf("paid %d times", n)
	}
	stop()
	others.Wait()
}

// Large calls of a client wait for each other before they are more than a service
// takes of one caller.
// clause: B6
func TestManyUploads(t *testing.T) {
	var d depot
	c := dial(t, serveUnix(t, d.service()), sabir.DialOptions{CBOR: true})
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if _, err := sabir.Do[parcel](context.Background(), c, "depot.slow", parcel{Data: make([]byte, 3<<20)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// inBubble is a client of a service at the other end of a pipe.
func inBubble(h sabir.Handler, limits sabir.Limits) *sabir.Client {
	near, far := transport.Pipe()
	go sabir.ServeConn(context.Background(), far, h, &sabir.ServeOptions{Log: quiet, Limits: limits})
	return sabir.NewClient(near, &sabir.DialOptions{Log: quiet})
}
