// Command varlink has a server and clients of varlink/go.
package main

import (
	"context"
	"sync/atomic"

	"github.com/varlink/go/varlink"

	"github.com/sabir-ipc/sabir/bench/load"
)

func main() { load.Main(load.Peer{Name: "varlink", Serve: serve, Dial: dial}) }

func serve(path string) error {
	s, err := varlink.NewService("bench", "bench", "1", "https://example.org")
	if err != nil {
		return err
	}
	if err := s.RegisterInterface(benchInterface{}); err != nil {
		return err
	}
	return s.Listen(context.Background(), "unix:"+path, 0)
}

func dial(path string) (load.Client, error) {
	c, err := varlink.NewConnection(context.Background(), "unix:"+path)
	if err != nil {
		return nil, err
	}
	return client{c}, nil
}

const description = `# What bench measures.
interface org.example.bench

method Echo(URI: string, Title: string, Position: int, Volume: float, Tags: []string)
  -> (URI: string, Title: string, Position: int, Volume: float, Tags: []string)
method Bytes(Data: string) -> (Data: string)
method Push() -> (URI: string, Title: string, Position: int, Volume: float, Tags: []string)
`

// benchInterface is what the generator of varlink/go would make, by hand.
type benchInterface struct{}

func (benchInterface) VarlinkGetName() string        { return "org.example.bench" }
func (benchInterface) VarlinkGetDescription() string { return description }

func (benchInterface) VarlinkDispatch(ctx context.Context, c varlink.Call, method string) error {
	switch method {
	case "Echo":
		var m load.Msg
		if err := c.GetParameters(&m); err != nil {
			return c.ReplyInvalidParameter(ctx, "parameters")
		}
		return c.Reply(ctx, &m)
	case "Bytes":
		var b load.Blob
		if err := c.GetParameters(&b); err != nil {
			return c.ReplyInvalidParameter(ctx, "parameters")
		}
		return c.Reply(ctx, &b)
	case "Push":
		c.Continues = true
		for m := load.Sample(); ; {
			if err := c.Reply(ctx, &m); err != nil {
				return err
			}
		}
	}
	return c.ReplyMethodNotFound(ctx, method)
}

type client struct{ c *varlink.Connection }

func (x client) Echo(in *load.Msg) (out load.Msg, err error) {
	err = x.c.Call(context.Background(), "org.example.bench.Echo", in, &out)
	return out, err
}

func (x client) EchoBytes(b []byte) ([]byte, error) {
	var out load.Blob
	err := x.c.Call(context.Background(), "org.example.bench.Bytes", &load.Blob{Data: b}, &out)
	return out.Data, err
}

func (x client) Window(depth int, n *atomic.Int64, stop *atomic.Bool) error {
	in := load.Sample()
	var receive []func(context.Context, any) (uint64, error)
	for !stop.Load() {
		for len(receive) < depth {
			f, err := x.c.Send(context.Background(), "org.example.bench.Echo", &in, 0)
			if err != nil {
				return err
			}
			receive = append(receive, f)
		}
		var out load.Msg
		if _, err := receive[0](context.Background(), &out); err != nil {
			return err
		}
		receive = append(receive[:0], receive[1:]...)
		n.Add(1)
	}
	return nil
}

func (x client) Subscribe(n *atomic.Int64) error {
	receive, err := x.c.Send(context.Background(), "org.example.bench.Push", nil, varlink.More)
	if err != nil {
		return err
	}
	for {
		var m load.Msg
		if _, err := receive(context.Background(), &m); err != nil {
			return err
		}
		n.Add(1)
	}
}

func (x client) Close() error { return x.c.Close() }
