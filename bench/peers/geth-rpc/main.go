package main

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/rpc"
)

var gethPeer = &peer{
	name: "geth-rpc",
	note: "go-ethereum's rpc package over a unix socket",
	serve: func(path string) error {
		s := rpc.NewServer()
		if err := s.RegisterName("bench", gethService{}); err != nil {
			return err
		}
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		return s.ServeListener(l)
	},
	dial: func(path string) (client, error) {
		c, err := rpc.Dial(path)
		if err != nil {
			return nil, err
		}
		return gethClient{c}, nil
	},
}

type gethService struct{}

func (gethService) Echo(m Msg) Msg    { return m }
func (gethService) Bytes(b Blob) Blob { return b }

// Items is a subscription, as the package's documentation makes one.
func (gethService) Items(ctx context.Context) (*rpc.Subscription, error) {
	notifier, ok := rpc.NotifierFromContext(ctx)
	if !ok {
		return nil, rpc.ErrNotificationsUnsupported
	}
	s := notifier.CreateSubscription()
	go func() {
		for m := sample(); notifier.Notify(s.ID, &m) == nil; {
		}
	}()
	return s, nil
}

type gethClient struct{ c *rpc.Client }

func (x gethClient) Echo(in *Msg) (out Msg, err error) {
	err = x.c.Call(&out, "bench_echo", in)
	return out, err
}

func (x gethClient) EchoBytes(b []byte) ([]byte, error) {
	var out Blob
	err := x.c.Call(&out, "bench_bytes", &Blob{b})
	return out.Data, err
}

func (x gethClient) Subscribe(n *atomic.Int64) error {
	items := make(chan Msg, 256)
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

func (x gethClient) Close() error {
	x.c.Close()
	return nil
}
