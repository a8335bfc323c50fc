package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sabir-ipc/sabir"
)

// sabirLimits are for ten thousand connections of one caller, and for messages of 16 MiB.
var sabirLimits = sabir.Limits{Connections: 20_000, Message: 32 << 20}

func sabirPeer(name string, cbor bool) *peer {
	p := &peer{
		name:  name,
		note:  "this project, all checks on",
		works: append(plain, "scale-conns", "scale-idle", "scale-subs", "scale-size", "scale-rows"),
		serve: serveSabir,
		dial: func(path string) (client, error) {
			c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{CBOR: cbor, Limits: sabirLimits, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				return nil, err
			}
			return &sabirClient{Client: c}, nil
		},
	}
	if !cbor {
		p.works = append(p.works, "cli")
		p.build, p.command = buildSabir, callSabir
	}
	return p
}

func buildSabir(dir string) (exe string, err error) {
	return "", command("go", "build", "-o", filepath.Join(dir, "sabir"), "github.com/sabir-ipc/sabir/cmd/sabir")
}

func callSabir(path string) ([]string, error) {
	m := sample()
	return []string{tool("sabir"), "call", "--address", path, "bench.echo",
		"uri=" + m.URI, "title=" + m.Title, "position=" + fmt.Sprint(m.Position), "volume=" + fmt.Sprint(m.Volume), "tags=" + strings.Join(m.Tags, ",")}, nil
}

func serveSabir(path string) error {
	return sabir.ListenAndServe(context.Background(), path, benchService(0),
		&sabir.ServeOptions{Limits: sabirLimits, Log: slog.New(slog.DiscardHandler)})
}

// pace is how long the publisher rests after a quarter of the ring: with 100
// subscribers it offers 64 items a millisecond, which is what raw writes to as many
// and several times what a hub does. Nothing holds up a publisher of ours, and one
// that has no brake spends up to two fifths of the one core on items that nobody
// takes; the publishers of the others wait for their readers.
func pace(subscribers int) time.Duration { return time.Duration(subscribers) * 40 * time.Microsecond }

// benchService has all kinds of work. behind is how many subscribers are behind
// each that it has; 0: none.
func benchService(behind int) *sabir.Service {
	s := sabir.NewService("bench", "1", "What bench measures.")
	sabir.Method(s, "echo", func(_ context.Context, m Msg) (Msg, error) { return m, nil })
	sabir.Method(s, "echo_bytes", func(_ context.Context, b Blob) (Blob, error) { return b, nil })
	sabir.Stream(s, "push", func(ctx context.Context, _ sabir.None) (iter.Seq2[Msg, error], error) {
		return func(yield func(Msg, error) bool) {
			for m := sample(); yield(m, nil); {
			}
		}, nil
	})
	// One topic for all subscribers: encoded once, written many times.
	topic := sabir.NewTopic[Msg, sabir.None](s, "happening", sabir.Common)
	sabir.Method(s, "publish", func(ctx context.Context, p countParams) (sabir.None, error) {
		for topic.Listeners(sabir.None{}) < p.Count && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond) // or the first would be served while the last still dials
		}
		go func() {
			for m := sample(); topic.Listeners(sabir.None{}) > 0; {
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
	table := sabir.NewTable[Msg, sabir.None](s, "tracks")
	sabir.Method(s, "fill", func(_ context.Context, p countParams) (sabir.None, error) {
		for i, m := 0, sample(); i < p.Count; i++ {
			if err := table.Set(sabir.None{}, rowKey(i), m); err != nil {
				return sabir.None{}, err
			}
		}
		return sabir.None{}, nil
	})
	sabir.Method(s, "churn", func(_ context.Context, p countParams) (sabir.None, error) {
		go func() {
			m := sample()
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

type sabirClient struct {
	*sabir.Client
	rows int
}

func (c *sabirClient) Echo(in *Msg) (Msg, error) {
	return sabir.Do[Msg](context.Background(), c.Client, "bench.echo", in)
}

func (c *sabirClient) EchoBytes(b []byte) ([]byte, error) {
	out, err := sabir.Do[Blob](context.Background(), c.Client, "bench.echo_bytes", &Blob{b})
	return out.Data, err
}

func (c *sabirClient) Subscribe(n *atomic.Int64) error {
	for _, err := range sabir.Items[Msg](context.Background(), c.Client, "bench.push", nil) {
		if err != nil {
			return err
		}
		n.Add(1)
	}
	return nil
}

// SubscribeCrowd subscribes to the topic that all share. What the ring
// overwrote before it was read counts for nothing.
func (c *sabirClient) SubscribeCrowd(n *atomic.Int64) error {
	for e, err := range sabir.Watch[Msg](context.Background(), c.Client, "bench.happening", nil, &sabir.WatchOptions{Window: 1024}) {
		if err != nil {
			return err
		}
		if e.Kind == sabir.Changed {
			n.Add(1)
		}
	}
	return nil
}

func (c *sabirClient) StartCrowd(subscribers int) error {
	_, err := sabir.Do[sabir.None](context.Background(), c.Client, "bench.publish", countParams{subscribers})
	return err
}

func (c *sabirClient) TooLarge(err error) bool {
	var refusal *sabir.Error
	return errors.As(err, &refusal) && refusal.Name == "rpc.TooLarge"
}

func (c *sabirClient) Fill(rows int) error {
	c.rows = rows
	_, err := sabir.Do[sabir.None](context.Background(), c.Client, "bench.fill", countParams{rows})
	return err
}

func (c *sabirClient) WatchTable(snapshot func(rows int), changes *atomic.Int64) error {
	up, rows := false, 0
	for e, err := range sabir.Watch[Msg](context.Background(), c.Client, "bench.tracks", nil, &sabir.WatchOptions{Window: 1024}) {
		switch {
		case err != nil:
			return err
		case e.Kind == sabir.Up && !up:
			up = true
			snapshot(rows)
		case e.Kind == sabir.Changed && up:
			changes.Add(1)
		case e.Kind == sabir.Changed:
			rows++
		}
	}
	return nil
}

func (c *sabirClient) Churn() error {
	_, err := sabir.Do[sabir.None](context.Background(), c.Client, "bench.churn", countParams{c.rows})
	return err
}
