// Package service is what Sabir's peers have in common: the service that is
// measured, and its client.
package service

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/bench/load"
)

// Limits are for ten thousand connections of one caller, and for messages of 16 MiB.
var Limits = sabir.Limits{Connections: 20_000, Message: 32 << 20}

// SlowLimits are for two thousand calls of one caller that wait for an answer.
var SlowLimits = sabir.Limits{Connections: Limits.Connections, Message: Limits.Message, InFlight: 2000}

// pace is how long the publisher rests after a quarter of the ring: with 100
// subscribers it offers 64 items a millisecond, which is what raw writes to as many
// and several times what a hub does. Nothing holds up a publisher of ours, and one
// that has no brake spends up to two fifths of the one core on items that nobody
// takes; the publishers of the others wait for their readers.
func pace(subscribers int) time.Duration { return time.Duration(subscribers) * 40 * time.Microsecond }

// New has all kinds of work. behind is how many subscribers are behind
// each that it has; 0: none.
func New(behind int) *sabir.Service {
	s := sabir.NewService("bench", "1", "What bench measures.")
	sabir.Method(s, "echo", func(_ context.Context, m load.Msg) (load.Msg, error) { return m, nil })
	sabir.Method(s, "echo_bytes", func(_ context.Context, b load.Blob) (load.Blob, error) { return b, nil })
	sabir.Stream(s, "push", func(ctx context.Context, _ sabir.None) (iter.Seq2[load.Msg, error], error) {
		return func(yield func(load.Msg, error) bool) {
			for m := load.Sample(); yield(m, nil); {
			}
		}, nil
	})
	// One topic for all subscribers: encoded once, written many times.
	topic := sabir.NewTopic[load.Msg, sabir.None](s, "happening", sabir.Common)
	sabir.Method(s, "publish", func(ctx context.Context, p countParams) (sabir.None, error) {
		for topic.Listeners(sabir.None{}) < p.Count && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond) // or the first would be served while the last still dials
		}
		go func() {
			for m := load.Sample(); topic.Listeners(sabir.None{}) > 0; {
				for range 256 { // a quarter of the ring
					topic.Publish(sabir.None{}, m)
				}
				time.Sleep(pace(max(p.Count, behind)))
			}
		}()
		return sabir.None{}, ctx.Err()
	})
	serveTable(s)
	return s
}

// countParams says how many rows there are, or subscribers.
type countParams struct{ Count int }

// serveTable declares a table that is filled and changed on demand.
func serveTable(s *sabir.Service) {
	table := sabir.NewTable[load.Msg, sabir.None](s, "tracks")
	sabir.Method(s, "fill", func(_ context.Context, p countParams) (sabir.None, error) {
		for i, m := 0, load.Sample(); i < p.Count; i++ {
			if err := table.Set(sabir.None{}, rowKey(i), m); err != nil {
				return sabir.None{}, err
			}
		}
		return sabir.None{}, nil
	})
	sabir.Method(s, "churn", func(_ context.Context, p countParams) (sabir.None, error) {
		go func() {
			m := load.Sample()
			for n := 0; table.Listeners(sabir.None{}) > 0; n++ {
				m.Position = n // a row that stays what it is would be no change
				table.Set(sabir.None{}, rowKey(n%p.Count), m)
				if n%256 == 0 {
					runtime.Gosched() // as above
				}
			}
		}()
		return sabir.None{}, nil
	})
}

func rowKey(i int) string { return fmt.Sprintf("track-%06d", i) }
