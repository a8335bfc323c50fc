package sabir_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// Bursts of items come whole, whatever the connection has sent before.
func TestBursts(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		svc := sabir.NewService("s", "1", "")
		topic := sabir.NewTopic[text, sabir.None](svc, "news")
		c := dial(t, serveUnix(t, svc), sabir.DialOptions{CBOR: cbor})
		const burst = 40
		sizes := []int{1, 1000, 10, 3000, 100, 20_000, 1}
		round, n := 0, 0
		publish := func() {
			for range burst {
				topic.Publish(sabir.None{}, text{strings.Repeat("x", sizes[round])})
			}
		}
		for e, err := range sabir.Watch[text](t.Context(), c, "s.news", nil, &sabir.WatchOptions{Once: true}) {
			switch {
			case err != nil:
				t.Fatalf("round %d, item %d: %v", round, n, err)
			case e.Kind == sabir.Up:
				publish()
				continue
			case len(e.Value.Text) != sizes[round] || e.Lost != 0:
				t.Fatalf("round %d, item %d: %d bytes, %d lost", round, n, len(e.Value.Text), e.Lost)
			}
			if n++; n < burst {
				continue
			}
			if round++; round == len(sizes) {
				return
			}
			n = 0
			publish()
		}
	})
}

// More callers than may be under way, of a method that was slow once, are not
// refused while it is quick.
func TestCrowdAtOneMethod(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	var calls atomic.Int32
	sabir.Method(svc, "number", func(_ context.Context, in number) (number, error) {
		if calls.Add(1) == 1 {
			time.Sleep(20 * time.Millisecond) // many ticks
		}
		return in, nil
	})
	c := dial(t, serveUnix(t, svc), sabir.DialOptions{CBOR: true})
	if _, err := sabir.Do[number](t.Context(), c, "s.number", &number{1}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			for range 5 {
				if _, err := sabir.Do[number](t.Context(), c, "s.number", &number{1}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
