package sabir_test

import (
	"context"
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
