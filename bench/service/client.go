package service

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/bench/load"
)

// Client is one of the service that New makes.
type Client struct {
	*sabir.Client
	rows int
}

func (c *Client) Echo(in *load.Msg) (load.Msg, error) {
	return sabir.Do[load.Msg](context.Background(), c.Client, "bench.echo", in)
}

func (c *Client) EchoBytes(b []byte) ([]byte, error) {
	out, err := sabir.Do[load.Blob](context.Background(), c.Client, "bench.echo_bytes", &load.Blob{Data: b})
	return out.Data, err
}

func (c *Client) Subscribe(n *atomic.Int64) error {
	for _, err := range sabir.Items[load.Msg](context.Background(), c.Client, "bench.push", nil) {
		if err != nil {
			return err
		}
		n.Add(1)
	}
	return nil
}

// SubscribeCrowd subscribes to the topic that all share. What the ring
// overwrote before it was read counts for nothing.
func (c *Client) SubscribeCrowd(n *atomic.Int64) error {
	for e, err := range sabir.Watch[load.Msg](context.Background(), c.Client, "bench.happening", nil, &sabir.WatchOptions{Window: 1024}) {
		if err != nil {
			return err
		}
		if e.Kind == sabir.Changed {
			n.Add(1)
		}
	}
	return nil
}

func (c *Client) StartCrowd(subscribers int) error {
	_, err := sabir.Do[sabir.None](context.Background(), c.Client, "bench.publish", countParams{subscribers})
	return err
}

func (c *Client) TooLarge(err error) bool {
	var refusal *sabir.Error
	return errors.As(err, &refusal) && refusal.Name == "rpc.TooLarge"
}

func (c *Client) Fill(rows int) error {
	c.rows = rows
	_, err := sabir.Do[sabir.None](context.Background(), c.Client, "bench.fill", countParams{rows})
	return err
}

func (c *Client) WatchTable(snapshot func(rows int), changes *atomic.Int64) error {
	up, rows := false, 0
	for e, err := range sabir.Watch[load.Msg](context.Background(), c.Client, "bench.tracks", nil, &sabir.WatchOptions{Window: 1024}) {
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

func (c *Client) Churn() error {
	_, err := sabir.Do[sabir.None](context.Background(), c.Client, "bench.churn", countParams{c.rows})
	return err
}
