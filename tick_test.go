package sabir_test

import (
	"sync"
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
