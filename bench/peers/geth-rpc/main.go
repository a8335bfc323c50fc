// Command geth-rpc has a server and clients of go-ethereum's rpc package.
package main

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/sabir-ipc/sabir/bench/load"
)

func main() { load.Main(load.Peer{Name: "geth-rpc", Serve: serve, Dial: dial}) }

func serve(path string) error {
	s := rpc.NewServer()
	if err := s.RegisterName("bench", service{}); err != nil {
		return err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	return s.ServeListener(l)
}

func dial(path string) (load.Client, error) {
	c, err := rpc.Dial(path)
	if err != nil {
		return nil, err
	}
	return client{c}, nil
}

type service struct{}

func (service) Echo(m load.Msg) load.Msg    { return m }
func (service) Bytes(b load.Blob) load.Blob { return b }

// Items is a subscription, as the package's documentation makes one.
func (service) Items(ctx context.Context) (*rpc.Subscription, error) {
	notifier, ok := rpc.NotifierFromContext(ctx)
	if !ok {
		return nil, rpc.ErrNotificationsUnsupported
	}
	s := notifier.CreateSubscription()
	go func() {
		for m := load.Sample(); notifier.Notify(s.ID, &m) == nil; {
		}
	}()
	return s, nil
}

type client struct{ c *rpc.Client }

func (x client) Echo(in *load.Msg) (out load.Msg, err error) {
	err = x.c.Call(&out, "bench_echo", in)
	return out, err
}

func (x client) EchoBytes(b []byte) ([]byte, error) {
	var out load.Blob
	err := x.c.Call(&out, "bench_bytes", &load.Blob{Data: b})
	return out.Data, err
}

func (x client) Subscribe(n *atomic.Int64) error {
	items := make(chan load.Msg, 256)
	s, err := x.c.Subscribe(context.Background(), "bench", items, "items")
	if err != nil {
		return err
	}
	for {
		select {
		case <-items:
			n.Add(1)
		case err := <-s.Err():
			return err
		}
	}
}

func (x client) Close() error {
	x.c.Close()
	return nil
}
