package main

import (
	"context"
	"iter"
	"log/slog"
	"sync/atomic"

	"github.com/sabir-ipc/sabir"
)

type blob struct{ Data []byte }

func sabirPeer(name string, cbor bool) *peer {
	return &peer{
		name:  name,
		note:  "this project, all checks on",
		serve: serveSabir,
		dial: func(path string) (client, error) {
			c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{CBOR: cbor})
			if err != nil {
				return nil, err
			}
			return &sabirClient{c}, nil
		},
	}
}

func serveSabir(path string) error {
	s := sabir.NewService("bench", "1", "What bench measures.")
	sabir.Method(s, "echo", func(_ context.Context, m Msg) (Msg, error) { return m, nil })
	sabir.Method(s, "echo_bytes", func(_ context.Context, b blob) (blob, error) { return b, nil })
	sabir.Stream(s, "push", func(ctx context.Context, _ sabir.None) (iter.Seq2[Msg, error], error) {
		return func(yield func(Msg, error) bool) {
			for m := sample(); yield(m, nil); {
			}
		}, nil
	})
	// One topic for a hundred subscribers: encoded once, written many times.
	var topic *sabir.Topic[Msg, sabir.None]
	topic = sabir.NewTopic[Msg, sabir.None](s, "happening", sabir.OnListeners(func(_ sabir.None, listening bool) {
		if !listening {
			return
		}
		go func() {
			for m := sample(); topic.Listeners(sabir.None{}) > 0; {
				for range 1000 {
					topic.Publish(sabir.None{}, m)
				}
			}
		}()
	}))
	return sabir.ListenAndServe(context.Background(), path, s, &sabir.ServeOptions{Log: slog.New(slog.DiscardHandler)})
}

type sabirClient struct{ *sabir.Client }

func (c *sabirClient) Echo(in *Msg) (Msg, error) {
	return sabir.Do[Msg](context.Background(), c.Client, "bench.echo", in)
}

func (c *sabirClient) EchoBytes(b []byte) ([]byte, error) {
	out, err := sabir.Do[blob](context.Background(), c.Client, "bench.echo_bytes", &blob{b})
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
