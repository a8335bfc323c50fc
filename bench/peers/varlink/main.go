package main

import (
	"context"
	"sync/atomic"

	"github.com/varlink/go/varlink"
)

var varlinkPeer = &peer{
	name: "varlink",
	note: "varlink/go; a connection answers in order, 64 in flight are pipelined",
	serve: func(path string) error {
		s, err := varlink.NewService("bench", "bench", "1", "https://example.org")
		if err != nil {
			return err
		}
		if err := s.RegisterInterface(varlinkInterface{}); err != nil {
			return err
		}
		return s.Listen(context.Background(), "unix:"+path, 0)
	},
	dial: func(path string) (client, error) {
		c, err := varlink.NewConnection(context.Background(), "unix:"+path)
		if err != nil {
			return nil, err
		}
		return varlinkClient{c}, nil
	},
}

const varlinkDescription = `# What bench measures.
interface org.example.bench

method Echo(URI: string, Title: string, Position: int, Volume: float, Tags: []string)
  -> (URI: string, Title: string, Position: int, Volume: float, Tags: []string)
method Bytes(Data: string) -> (Data: string)
method Push() -> (URI: string, Title: string, Position: int, Volume: float, Tags: []string)
`

// varlinkInterface is what the generator of varlink/go would make, by hand.
type varlinkInterface struct{}

func (varlinkInterface) VarlinkGetName() string        { return "org.example.bench" }
func (varlinkInterface) VarlinkGetDescription() string { return varlinkDescription }

func (varlinkInterface) VarlinkDispatch(ctx context.Context, c varlink.Call, method string) error {
	switch method {
	case "Echo":
		var m Msg
		if err := c.GetParameters(&m); err != nil {
			return c.ReplyInvalidParameter(ctx, "parameters")
		}
		return c.Reply(ctx, &m)
	case "Bytes":
		var b Blob
		if err := c.GetParameters(&b); err != nil {
			return c.ReplyInvalidParameter(ctx, "parameters")
		}
		return c.Reply(ctx, &b)
	case "Push":
		c.Continues = true
		for m := sample(); ; {
			if err := c.Reply(ctx, &m); err != nil {
				return err
			}
		}
	}
	return c.ReplyMethodNotFound(ctx, method)
}

type varlinkClient struct{ c *varlink.Connection }

func (x varlinkClient) Echo(in *Msg) (out Msg, err error) {
	err = x.c.Call(context.Background(), "org.example.bench.Echo", in, &out)
	return out, err
}

func (x varlinkClient) EchoBytes(b []byte) ([]byte, error) {
	var out Blob
	err := x.c.Call(context.Background(), "org.example.bench.Bytes", &Blob{b}, &out)
	return out.Data, err
}

func (x varlinkClient) Window(depth int, n *atomic.Int64, stop *atomic.Bool) error {
	in := sample()
	var receive []func(context.Context, any) (uint64, error)
	for !stop.Load() {
		for len(receive) < depth {
			f, err := x.c.Send(context.Background(), "org.example.bench.Echo", &in, 0)
			if err != nil {
				return err
			}
			receive = append(receive, f)
		}
		var out Msg
		if _, err := receive[0](context.Background(), &out); err != nil {
			return err
		}
		receive = append(receive[:0], receive[1:]...)
		n.Add(1)
	}
	return nil
}

func (x varlinkClient) Subscribe(n *atomic.Int64) error {
	receive, err := x.c.Send(context.Background(), "org.example.bench.Push", nil, varlink.More)
	if err != nil {
		return err
	}
	for {
		var m Msg
		if _, err := receive(context.Background(), &m); err != nil {
			return err
		}
		n.Add(1)
	}
}

func (x varlinkClient) Close() error { return x.c.Close() }
