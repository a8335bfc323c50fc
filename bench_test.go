package sabir_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// track is the payload of bench/, for looking at one part under the profiler.
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

func benchClient(b *testing.B, cbor bool) *sabir.Client {
	svc := sabir.NewService("bench", "1", "")
	sabir.Method(svc, "echo", func(_ context.Context, m track) (track, error) { return m, nil })
	sabir.Stream(svc, "push", func(context.Context, sabir.None) (iter.Seq2[track, error], error) {
		return func(yield func(track, error) bool) {
			for yield(aTrack, nil) {
			}
		}, nil
	})
	dir := b.TempDir()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sabir.ListenAndServe(ctx, dir+"/s.sock", svc, &sabir.ServeOptions{Log: quiet}) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	for {
		c, err := sabir.Dial(ctx, dir+"/s.sock", &sabir.DialOptions{CBOR: cbor, Log: quiet})
		if err == nil {
			b.Cleanup(func() { c.Close() })
			return c
		}
	}
}

func BenchmarkUnary(b *testing.B) {
	for _, enc := range []string{"json", "cbor"} {
		b.Run(enc, func(b *testing.B) {
			c := benchClient(b, enc == "cbor")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sabir.Do[track](context.Background(), c, "bench.echo", &aTrack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFlight(b *testing.B) {
	for _, enc := range []string{"json", "cbor"} {
		b.Run(enc, func(b *testing.B) {
			flight(b, benchClient(b, enc == "cbor"), func() (context.Context, context.CancelFunc) {
				return context.Background(), func() {}
			})
		})
	}
}

// BenchmarkContext is for calls as most programs make them, which can be cancelled
// or have a time-out.
func BenchmarkContext(b *testing.B) {
	c := benchClient(b, true)
	all, stop := context.WithCancel(context.Background())
	defer stop()
	b.Run("shared", func(b *testing.B) {
		flight(b, c, func() (context.Context, context.CancelFunc) { return all, func() {} })
	})
	b.Run("own", func(b *testing.B) {
		flight(b, c, func() (context.Context, context.CancelFunc) { return context.WithCancel(all) })
	})
	b.Run("timeout", func(b *testing.B) {
		flight(b, c, func() (context.Context, context.CancelFunc) { return context.WithTimeout(all, time.Minute) })
	})
}

// flight has 64 callers on one connection.
func flight(b *testing.B, c *sabir.Client, each func() (context.Context, context.CancelFunc)) {
	b.ReportAllocs()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range b.N / 64 {
				ctx, stop := each()
				_, err := sabir.Do[track](ctx, c, "bench.echo", &aTrack)
				stop()
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkItems(b *testing.B) {
	for _, enc := range []string{"json", "cbor"} {
		b.Run(enc, func(b *testing.B) {
			c := benchClient(b, enc == "cbor")
			b.ReportAllocs()
			n := 0
			for _, err := range sabir.Items[track](context.Background(), c, "bench.push", nil) {
				if err != nil {
					b.Fatal(err)
				}
				if n++; n >= b.N {
					break
				}
			}
		})
	}
}
