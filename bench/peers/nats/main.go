package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	broker "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// NATS has no unix sockets: broker, service and client talk over TCP on the
// loopback, and the file at path has the broker's address.
var natsPeer = &peer{
	name:  "nats",
	note:  "through nats-server as a process of its own, over TCP; JSON payload",
	works: []string{"unary", "flight", "sub1", "sub100", "blob", "idle"},
	serve: natsServe,
	dial:  natsDial,
}

// natsBroker is the process of the broker.
var natsBroker = &peer{
	name:   "nats-server",
	hidden: true,
	serve: func(path string) error {
		s, err := broker.NewServer(&broker.Options{
			Host: "127.0.0.1", Port: broker.RANDOM_PORT, MaxPayload: 8 << 20, MaxConn: 20000, NoSigs: true, NoLog: true,
		})
		if err != nil {
			return err
		}
		go s.Start()
		if !s.ReadyForConnections(10 * time.Second) {
			return context.DeadlineExceeded
		}
		if err := writeWhole(path, s.ClientURL()); err != nil {
			return err
		}
		s.WaitForShutdown()
		return nil
	},
	dial: func(path string) (client, error) { return nil, net.ErrClosed },
}

func natsServe(path string) error {
	if err := startSelf(natsBroker.name, path+".broker"); err != nil {
		return err
	}
	address, err := awaitFile(path + ".broker")
	if err != nil {
		return err
	}
	c, err := nats.Connect(address)
	if err != nil {
		return err
	}
	var publish sync.Once
	failed := make(chan error, 1)
	for subject, handle := range map[string]nats.MsgHandler{
		"bench.echo": func(m *nats.Msg) {
			var v Msg
			if json.Unmarshal(m.Data, &v) != nil {
				return
			}
			b, _ := json.Marshal(&v)
			m.Respond(b)
		},
		"bench.bytes": func(m *nats.Msg) { m.Respond(m.Data) },
		"bench.subscribe": func(m *nats.Msg) {
			publish.Do(func() { go func() { failed <- natsPublish(address) }() })
			m.Respond(nil)
		},
	} {
		if _, err := c.Subscribe(subject, handle); err != nil {
			return err
		}
	}
	if err := c.Flush(); err != nil {
		return err
	}
	if err := writeWhole(path, address); err != nil {
		return err
	}
	return <-failed
}

// natsPublish waits for the broker once in a while, or the broker would drop
// the subscribers as too slow.
func natsPublish(address string) error {
	c, err := nats.Connect(address)
	if err != nil {
		return err
	}
	for m := sample(); ; {
		for range 256 {
			b, err := json.Marshal(&m)
			if err != nil {
				return err
			}
			if err := c.Publish("bench.items", b); err != nil {
				return err
			}
		}
		if err := c.Flush(); err != nil {
			return err
		}
	}
}

type natsClient struct{ *nats.Conn }

func natsDial(path string) (client, error) {
	address, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := nats.Connect(string(address))
	if err != nil {
		return nil, err
	}
	return natsClient{c}, nil
}

func (x natsClient) Echo(in *Msg) (out Msg, err error) {
	b, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	r, err := x.Request("bench.echo", b, 10*time.Second)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(r.Data, &out)
}

func (x natsClient) EchoBytes(b []byte) ([]byte, error) {
	r, err := x.Request("bench.bytes", b, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return r.Data, nil
}

func (x natsClient) Subscribe(n *atomic.Int64) error {
	failed := make(chan error, 1)
	_, err := x.Conn.Subscribe("bench.items", func(m *nats.Msg) {
		var v Msg
		if err := json.Unmarshal(m.Data, &v); err != nil {
			select {
			case failed <- err:
			default:
			}
			return
		}
		n.Add(1)
	})
	if err != nil {
		return err
	}
	if _, err := x.Request("bench.subscribe", nil, 10*time.Second); err != nil {
		return err
	}
	return <-failed
}

func (x natsClient) Close() error {
	x.Conn.Close()
	return nil
}
