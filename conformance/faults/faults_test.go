package faults_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

var (
	howMany = flag.Int("faults", 50, "how many `N` faults to do")
	seed    = flag.Uint64("seed", 0, "which faults; 0: others each time")
)

const (
	subscribers = 3
	callers     = 2
)

// Processes are killed and stopped while items and calls are on their way, with
// a subscription for each who listens, and with one that the hub merges.
//
//	go test ./conformance/faults -run Faults -faults 1000 -timeout 1h
func TestFaults(t *testing.T) {
	for name, common := range map[string]string{"each": "", "merged": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(commonEnv, common)
			faults(t, *howMany/2)
		})
	}
}

func faults(t *testing.T, howMany int) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &history{calls: make(map[string]outcome), subscribers: make([][]seen, subscribers)}
	all := []*process{newProcess(t, "hub", dir), newProcess(t, "service", dir), newProcess(t, "user", dir)}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var using sync.WaitGroup
	var mu sync.Mutex
	for i := range subscribers {
		using.Go(func() {
			slow := time.Duration(0)
			if i == 0 {
				slow = 2 * time.Millisecond // slower than what is published
			}
			// Two come back at once; the library's own pauses would be longer than most of what is between two faults.
			err := subscribe(ctx, connect(ctx, dir), i < 2, func(e sabir.Event[number]) {
				if x, ok := seenIn(e); ok {
					h.subscribers[i] = append(h.subscribers[i], x)
				}
				time.Sleep(slow)
			})
			if err != nil {
				t.Errorf("subscriber %d: %v", i, err)
			}
		})
	}
	for i := range callers {
		using.Go(func() {
			err := calls(ctx, connect(ctx, dir), fmt.Sprint(i), func(id string, o outcome) {
				mu.Lock()
				defer mu.Unlock()
				h.calls[id] = o
			})
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	for range howMany {
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		p := all[random.IntN(len(all))]
		if random.IntN(4) == 0 {
			p.freeze(time.Duration(random.IntN(300)) * time.Millisecond)
		} else {
			p.kill(true)
		}
	}
	quietTime(t, dir)
	stop()
	using.Wait()
	for _, p := range all {
		p.cmd.Process.Signal(os.Interrupt)
		p.cmd.Wait()
	}
	was, err := gather(dir)
	if err != nil {
		t.Fatal(err)
	}
	h.published, h.runs = was.published, was.runs
	items, told, open := 0, int64(0), 0
	for i, s := range h.subscribers {
		if len(s) == 0 {
			t.Errorf("subscriber %d saw nothing", i)
		}
		for _, x := range s {
			if x.n > 0 {
				items++
			}
			if x.lost < 0 {
				open++
			}
			told += max(0, x.lost)
		}
	}
	of := make(map[outcome]int)
	for _, o := range h.calls {
		of[o]++
	}
	t.Logf("%d faults; %d published, %d items received, %d told as lost and %d times an unknown number; of %d calls %v",
		howMany, h.published, items, told, open, len(h.calls), of)
	if of[answered] == 0 {
		t.Error("no call was answered")
	}
	for _, fault := range h.faults() {
		t.Error(fault)
	}
}

// A service dies with a hundred calls under way: each is told at once that nobody
// knows what became of it, and a subscriber goes on where he was told to.
//
// clause: U5
func TestCase57DiesUnderCalls(t *testing.T) {
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	newProcess(t, "hub", dir)
	service := newProcess(t, "service", dir)
	quietTime(t, dir)
	c := connect(t.Context(), dir)
	defer c.Close()
	failed := make(chan error, 100)
	for range 100 {
		go func() {
			_, err := sabir.Do[sabir.None](t.Context(), c, "history.hang", nil)
			failed <- err
		}()
	}
	type inFlight struct{ InFlight int }
	for { // until all are under way
		now, err := sabir.Do[inFlight](t.Context(), c, "rpc.stats", nil)
		if err != nil {
			t.Fatal(err)
		}
		if now.InFlight > 100 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	service.kill(false)
	for range 100 {
		if err := <-failed; !errors.Is(err, sabir.ErrOutcomeUnknown) {
			t.Errorf("told %v", err)
		}
	}
	took := time.Since(began)
	t.Logf("all were told after %v", took)
	if took > 10*time.Second { // a second is what is meant, on a machine that does nothing else
		t.Error("that is not at once")
	}
}

// quietTime waits until all is well again: a call is answered.
func quietTime(t *testing.T, dir string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		c, err := sabir.Dial(ctx, "history", options(dir))
		if err == nil {
			_, err = sabir.Do[sabir.None](ctx, c, "rpc.ping", nil)
			c.Close()
		}
		cancel()
		if err == nil {
			time.Sleep(500 * time.Millisecond)
			return
		}
	}
	t.Fatal("the service did not come back in 30 s")
}

func options(dir string) *sabir.DialOptions {
	return &sabir.DialOptions{Log: quiet, Env: transport.Env{Dir: dir}}
}

// subscribe listens as long as ctx lasts, and goes on where it was, atOnce or when
// the library does. The error is one that a fault does not explain.
func subscribe(ctx context.Context, c *sabir.Client, atOnce bool, told func(sabir.Event[number])) error {
	if c == nil {
		return nil
	}
	defer c.Close()
	var at *sabir.Position
	for ctx.Err() == nil {
		for e, err := range sabir.Watch[number](ctx, c, "history.numbers", nil, &sabir.WatchOptions{Since: at, Window: 16, Once: atOnce}) {
			switch {
			case err != nil && ctx.Err() == nil && !passing(err):
				return err
			case err != nil:
				continue
			case e.Kind != sabir.Down:
				at = &sabir.Position{Epoch: e.Epoch, Seq: e.Seq}
			}
			told(e)
		}
		pause(ctx)
	}
	return nil
}

// passing is what a fault looks like to who is not its object. A hub that is
// new knows the service only when that has come to it.
func passing(err error) bool {
	for _, e := range []error{
		sabir.ErrUnavailable, sabir.ErrOutcomeUnknown, sabir.ErrDraining, sabir.ErrCancelled, sabir.ErrMethodNotFound,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// calls makes calls that may not be repeated, each with an id of its own, small and
// large, with more time or less. The error is one that a fault does not explain.
func calls(ctx context.Context, c *sabir.Client, who string, told func(id string, o outcome)) error {
	if c == nil {
		return nil
	}
	defer c.Close()
	pad := make([]byte, 300<<10)
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("%s-%d", who, n)
		params, patience := callID{ID: id}, 2*time.Second
		switch n % 8 {
		case 3:
			params.Pad = pad[:rand.IntN(len(pad))]
		case 5:
			patience = rand.N(20 * time.Millisecond)
		}
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		begun := time.Now()
		_, err := sabir.Do[sabir.None](short, c, "history.run", params)
		cancel()
		if took := time.Since(begun); took > patience+3*time.Second {
			return fmt.Errorf("call %s took %v, and had %v: %w", id, took, patience, err)
		}
		switch {
		case err == nil:
			told(id, answered)
		case errors.Is(err, sabir.ErrUnavailable), errors.Is(err, sabir.ErrMethodNotFound), errors.Is(err, sabir.ErrDraining):
			told(id, notRun)
			pause(ctx)
		default:
			told(id, unknown)
			if !passing(err) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, sabir.ErrDeadlineExceeded) {
				return fmt.Errorf("call %s: %w", id, err)
			}
		}
	}
	return nil
}

func pause(ctx context.Context) {
	select {
	case <-time.After(5 * time.Millisecond):
	case <-ctx.Done():
	}
}

// connect waits for the service to be there the first time.
func connect(ctx context.Context, dir string) *sabir.Client {
	for ctx.Err() == nil {
		if c, err := sabir.Dial(ctx, "history", options(dir)); err == nil {
			return c
		}
		pause(ctx)
	}
	return nil
}
