package hub_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// Case 56: what a call through a hub takes while another service there is slow and has a hundred calls under way, beside
// what it takes without, in turn. The figures are the 99th percentiles and their ratio.
func BenchmarkBesideSlow(b *testing.B) {
	dir := run(b, hub.Options{})
	slow, quick := sabir.NewService("slow", "1", ""), sabir.NewService("quick", "1", "")
	sabir.Method(slow, "nothing", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		select {
		case <-time.After(500*time.Millisecond + rand.N(time.Second)): // else all would be answered at the same time
		case <-ctx.Done():
		}
		return sabir.None{}, nil
	})
	sabir.Method(quick, "nothing", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
	offer(b, dir, slow)
	offer(b, dir, quick)
	call := func(c *sabir.Client, ctx context.Context, method string) error {
		_, err := sabir.Do[sabir.None](ctx, c, method, nil)
		return err
	}
	connect := func() *sabir.Client {
		c, err := sabir.Dial(b.Context(), filepath.Join(dir, "hub.sock"), &sabir.DialOptions{Log: quiet})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		return c
	}
	mine, others := connect(), connect()

	var took [2][]time.Duration // alone, beside
	for b.Loop() {
		for beside := range took {
			ctx, stop := context.WithCancel(b.Context())
			var all sync.WaitGroup
			for range 100 * beside {
				all.Go(func() {
					for ctx.Err() == nil {
						call(others, ctx, "slow.nothing")
					}
				})
			}
			time.Sleep(100 * time.Millisecond) // until they are under way
			for range 2000 {
				began := time.Now()
				if err := call(mine, b.Context(), "quick.nothing"); err != nil {
					b.Fatal(err)
				}
				took[beside] = append(took[beside], time.Since(began))
				time.Sleep(50 * time.Microsecond) // a caller, and no flood
			}
			stop()
			all.Wait()
		}
	}
	var p99 [2]float64
	for i := range took {
		slices.Sort(took[i])
		p99[i] = float64(took[i][len(took[i])*99/100].Microseconds())
	}
	b.ReportMetric(p99[0], "p99-alone-µs")
	b.ReportMetric(p99[1], "p99-beside-µs")
	b.ReportMetric(p99[1]/p99[0], "ratio")
}
