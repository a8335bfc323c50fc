package sabir_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/internal/pulse"
)

// Where a call comes now and then, nothing is looked at every millisecond, at
// neither end. What other connections of this process need is over soon.
func TestCalm(t *testing.T) {
	path := serveUnix(t, probe.New())
	encodings(t, func(t *testing.T, cbor bool) {
		c := dial(t, path, sabir.DialOptions{CBOR: cbor})
		echo := func() {
			if got, err := sabir.Do[text](t.Context(), c, "probe.echo", text{"x"}); err != nil || got.Text != "x" {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		calm := 0
		waitFor(t, func() bool {
			time.Sleep(5 * time.Millisecond)
			echo()
			if calm++; pulse.Beating() {
				calm = 0
			}
			return calm == 20
		})
	})
}

// Calls come back whatever was before: silence, one now and then, or many.
func TestCalmAndStorms(t *testing.T) {
	path := serveUnix(t, probe.New())
	encodings(t, func(t *testing.T, cbor bool) {
		c := dial(t, path, sabir.DialOptions{CBOR: cbor})
		for round := range 30 {
			var all sync.WaitGroup
			for range 1 << (round % 7) {
				all.Go(func() {
					for range 1 << (round % 5) {
						if got, err := sabir.Do[text](t.Context(), c, "probe.echo", text{"x"}); err != nil || got.Text != "x" {
							t.Errorf("%+v, %v", got, err)
							return
						}
						time.Sleep(time.Duration(round%4) * time.Millisecond)
					}
				})
			}
			all.Wait()
		}
	})
}

// What follows a notification that is quick finds it done, also where there is
// little traffic. That is more than is promised; some rely on it.
func TestNotificationsInCalm(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	var at atomic.Int64
	sabir.Method(svc, "set", func(_ context.Context, in number) (sabir.None, error) {
		at.Store(int64(in.N))
		return sabir.None{}, nil
	})
	sabir.Method(svc, "get", func(context.Context, sabir.None) (number, error) { return number{int(at.Load())}, nil })
	c := dial(t, serveUnix(t, svc), sabir.DialOptions{CBOR: true})
	for i := range 50 {
		time.Sleep(3 * time.Millisecond)
		if err := sabir.Notify(t.Context(), c, "s.set", number{i}); err != nil {
			t.Fatal(err)
		}
		if got, err := sabir.Do[number](t.Context(), c, "s.get", nil); err != nil || got.N != i {
			t.Fatalf("%d: %+v, %v", i, got, err)
		}
	}
}
