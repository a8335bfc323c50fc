// Command ttrpc has a server and clients of containerd/ttrpc.
package main

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/containerd/ttrpc"

	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/pb"
	"github.com/sabir-ipc/sabir/bench/pb/pbttrpc"
)

func main() { load.Main(load.Peer{Name: "ttrpc", Serve: serve, Dial: dial}) }

func serve(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	s, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	pbttrpc.RegisterBenchService(s, server{})
	return s.Serve(context.Background(), l)
}

func dial(path string) (load.Client, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	t := ttrpc.NewClient(c)
	return client{t, pbttrpc.NewBenchClient(t)}, nil
}

type server struct{}

func (server) Echo(_ context.Context, m *pb.Msg) (*pb.Msg, error)        { return m, nil }
func (server) EchoBytes(_ context.Context, b *pb.Blob) (*pb.Blob, error) { return b, nil }
func (server) Push(_ context.Context, _ *pb.Empty, s pbttrpc.Bench_PushServer) error {
	return pb.Push(s.Send)
}

type client struct {
	*ttrpc.Client
	bench pbttrpc.BenchClient
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
