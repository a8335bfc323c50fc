package hub_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

type track struct {
	URI      string
	Title    string
	Position int
	Volume   float64
	Tags     []string
}

var aTrack = track{
	URI: "file:///music/album/track-01.oga", Title: "A title of 24 bytes, yes",
	Position: 123456789, Volume: 0.8125, Tags: []string{"rock", "live", "fav"},
}

// BenchmarkRouted is a call through a hub, all in one process: for looking at
// one part under the profiler. bench/ has the figures.
func BenchmarkRouted(b *testing.B) {
	dir := run(b, hub.Options{})
	s := sabir.NewService("bench", "1", "")
	sabir.Method(s, "echo", func(_ context.Context, m track) (track, error) { return m, nil })
	offer(b, dir, s)
	for _, callers := range []int{1, 64} {
		b.Run(map[int]string{1: "unary", 64: "flight"}[callers], func(b *testing.B) {
			c, err := sabir.Dial(b.Context(), filepath.Join(dir, "hub.sock"), &sabir.DialOptions{Log: quiet, CBOR: true})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for range b.N / callers {
						if _, err := sabir.Do[track](context.Background(), c, "bench.echo", &aTrack); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}
