package sabir_test

import (
	"context"
	"iter"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/sabir-ipc/sabir"
)

// A typed call allocates its context, which a handler may keep, and what params
// and results hold; for the rest of both ends, nothing.
func TestAllocations(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		svc := sabir.NewService("s", "1", "")
		sabir.Method(svc, "nothing", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
		sabir.Method(svc, "number", func(_ context.Context, in number) (number, error) { return in, nil })
		c := sabir.InProcess(svc, &sabir.DialOptions{CBOR: cbor})
		defer c.Close()
		if n := fewest(func() { sabir.Do[sabir.None](context.Background(), c, "s.nothing", nil) }); n != 1 {
			t.Errorf("%v allocations for nothing", n)
		}
		in := &number{7} // then there is one for what the handler takes and gives, and one for the result
		if n := fewest(func() { sabir.Do[number](context.Background(), c, "s.number", in) }); n != 3 {
			t.Errorf("%v allocations for a number", n)
		}
	})
}

// Of an item there is nothing left but what it holds: here no memory at all,
// neither for itself nor for where it was written and read on the way.
func TestItemAllocations(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	sabir.Stream(svc, "numbers", func(context.Context, sabir.None) (iter.Seq2[number, error], error) {
		return func(yield func(number, error) bool) {
			for n := 0; yield(number{n}, nil); n++ {
			}
		}, nil
	})
	path := serveUnix(t, svc)
	encodings(t, func(t *testing.T, cbor bool) {
		c := dial(t, path, sabir.DialOptions{CBOR: cbor})
		const few, many = 10_000, 40_000
		var before, after runtime.MemStats
		times, bytes := uint64(math.MaxUint64), uint64(math.MaxUint64) // in the best of several runs, as for fewest
		n, runs := 0, 0
		for _, err := range sabir.Items[number](t.Context(), c, "s.numbers", nil) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == few {
				runtime.ReadMemStats(&before)
			}
			if n == few+many {
				runtime.ReadMemStats(&after)
				times, bytes = min(times, after.Mallocs-before.Mallocs), min(bytes, after.TotalAlloc-before.TotalAlloc)
				before, n = after, few
				if runs++; runs == 5 {
					break
				}
			}
		}
		if times > many/10 || bytes > 100*many {
			t.Errorf("%d allocations and %d bytes for %d items", times, bytes, many)
		}
	})
}

// So it is where many calls are under way: what is written and read together
// takes buffers that go round, and who can be cancelled costs those who do not read
// nothing. What is left are 300 bytes for the call and two copies of the text, the
// handler's and the caller's; the race detector, which takes things out of pools,
// doubles that, and on a busy machine, where handlers are taken for slow, the params
// are copied. It was four times as much.
func TestCrowdAllocations(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	sabir.Method(svc, "echo", func(_ context.Context, in text) (text, error) { return in, nil })
	path := serveUnix(t, svc)
	encodings(t, func(t *testing.T, cbor bool) {
		c := dial(t, path, sabir.DialOptions{CBOR: cbor})
		for _, size := range []int{0, 10_000} {
			in := text{strings.Repeat("x", size)}
			const callers, few, many = 500, 2, 10
			each := func(calls int) uint64 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				var all sync.WaitGroup
				for range callers {
					all.Go(func() {
						for range calls {
							if _, err := sabir.Do[text](t.Context(), c, "s.echo", &in); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				runtime.ReadMemStats(&after)
				return (after.TotalAlloc - before.TotalAlloc) / callers / uint64(calls)
			}
			each(few)
			bytes := min(each(many), each(many), each(many))
			if bytes > uint64(800+7*size) {
				t.Errorf("%d bytes for each call with %d of text", bytes, size)
			}
		}
	})
}

// fewest counts the allocations of f in the best of many runs: the race detector
// and the collector take things out of pools at random.
func fewest(f func()) float64 {
	n := testing.AllocsPerRun(1, f)
	for range 200 {
		n = min(n, testing.AllocsPerRun(1, f))
	}
	return n
}

// What a handler may keep of a call outlasts it; the call itself is another's
// by then.
func TestContextOutlastsItsCall(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	var kept []context.Context
	sabir.Method(svc, "keep", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		kept = append(kept, ctx)
		return sabir.None{}, nil
	})
	c := sabir.InProcess(svc, nil)
	defer c.Close()
	for range 3 {
		if _, err := sabir.Do[sabir.None](t.Context(), c, "s.keep", nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, ctx := range kept {
		if who := sabir.CallerOf(ctx); who.Level != sabir.AccessAdmin || who.Peer.Transport != "inproc" || ctx.Err() == nil {
			t.Errorf("%+v, %v", who, ctx.Err())
		}
	}
}
