// Command drpc has a server and clients of storj.io/drpc.
package main

import (
	"context"
	"net"
	"sync/atomic"

	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcserver"

	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/pb"
	"github.com/sabir-ipc/sabir/bench/pb/pbdrpc"
)

func main() { load.Main(load.Peer{Name: "drpc", Serve: serve, Dial: dial}) }

func serve(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	m := drpcmux.New()
	if err := pbdrpc.DRPCRegisterBench(m, server{}); err != nil {
		return err
	}
	return drpcserver.New(m).Serve(context.Background(), l)
}

func dial(path string) (load.Client, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	d := drpcconn.New(c)
	return client{d, pbdrpc.NewDRPCBenchClient(d)}, nil
}

type server struct{}

func (server) Echo(_ context.Context, m *pb.Msg) (*pb.Msg, error)        { return m, nil }
func (server) EchoBytes(_ context.Context, b *pb.Blob) (*pb.Blob, error) { return b, nil }
func (server) Push(_ *pb.Empty, s pbdrpc.DRPCBench_PushStream) error     { return pb.Push(s.Send) }

type client struct {
	*drpcconn.Conn
	bench pbdrpc.DRPCBenchClient
}

func (x client) Echo(in *load.Msg) (load.Msg, error) {
	out, err := x.bench.Echo(context.Background(), pb.From(in))
	return pb.Plain(out), err
}

func (x client) EchoBytes(b []byte) ([]byte, error) {
	out, err := x.bench.EchoBytes(context.Background(), &pb.Blob{Data: b})
	return out.GetData(), err
}

func (x client) Subscribe(n *atomic.Int64) error {
	s, err := x.bench.Push(context.Background(), &pb.Empty{})
	if err != nil {
		return err
	}
	return pb.Receive(n, s.Recv)
}
