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

// inBubble is a client of a service at the other end of a pipe.
func inBubble(h sabir.Handler, limits sabir.Limits) *sabir.Client {
	near, far := transport.Pipe()
	go sabir.ServeConn(context.Background(), far, h, &sabir.ServeOptions{Log: quiet, Limits: limits})
	return sabir.NewClient(near, &sabir.DialOptions{Log: quiet})
}
