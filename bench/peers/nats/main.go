// Command nats has a service and clients of NATS; the broker is the program nats-server.
package main

import (
	"encoding/json"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sabir-ipc/sabir/bench/load"
)

// NATS has no unix sockets: broker, service and client talk over TCP on the
// loopback, and the file at path has the broker's address.
func main() { load.Main(load.Peer{Name: "nats", Serve: serve, Dial: dial}) }

func serve(path string) error {
	if err := load.Start("nats-server", "nats-server", path+".broker"); err != nil {
		return err
	}
	address, err := load.AwaitFile(path + ".broker")
	if err != nil {
		return err
	}
	c, err := nats.Connect(address)
	if err != nil {
		return err
	}
	var once sync.Once
	failed := make(chan error, 1)
	for subject, handle := range map[string]nats.MsgHandler{
		"bench.echo": func(m *nats.Msg) {
			var v load.Msg
			if json.Unmarshal(m.Data, &v) != nil {
				return
			}
			b, _ := json.Marshal(&v)
			m.Respond(b)
		},
		"bench.bytes": func(m *nats.Msg) { m.Respond(m.Data) },
		"bench.subscribe": func(m *nats.Msg) {
			once.Do(func() { go func() { failed <- publish(address) }() })
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
	if err := load.WriteWhole(path, address); err != nil {
		return err
	}
	return <-failed
}

// publish waits for the broker once in a while, or the broker would drop
// the subscribers as too slow.
func publish(address string) error {
	c, err := nats.Connect(address)
	if err != nil {
		return err
	}
	for m := load.Sample(); ; {
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

type client struct{ *nats.Conn }

func dial(path string) (load.Client, error) {
	address, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := nats.Connect(string(address))
	if err != nil {
		return nil, err
	}
	return client{c}, nil
}

func (x client) Echo(in *load.Msg) (out load.Msg, err error) {
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

func (x client) EchoBytes(b []byte) ([]byte, error) {
	r, err := x.Request("bench.bytes", b, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return r.Data, nil
}

func (x client) Subscribe(n *atomic.Int64) error {
	failed := make(chan error, 1)
	_, err := x.Conn.Subscribe("bench.items", func(m *nats.Msg) {
		var v load.Msg
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

func (x client) Close() error {
	x.Conn.Close()
	return nil
}
