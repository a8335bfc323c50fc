package main

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/containerd/ttrpc"

	"github.com/sabir-ipc/sabir/bench/pb"
	"github.com/sabir-ipc/sabir/bench/pb/pbttrpc"
)

var ttrpcPeer = &peer{
	name: "ttrpc",
	note: "containerd/ttrpc",
	serve: func(path string) error {
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		s, err := ttrpc.NewServer()
		if err != nil {
			return err
		}
		pbttrpc.RegisterBenchService(s, ttrpcServer{})
		return s.Serve(context.Background(), l)
	},
	dial: func(path string) (client, error) {
		c, err := net.Dial("unix", path)
		if err != nil {
			return nil, err
		}
		t := ttrpc.NewClient(c)
		return ttrpcClient{t, pbttrpc.NewBenchClient(t)}, nil
	},
}

type ttrpcServer struct{}

func (ttrpcServer) Echo(_ context.Context, m *pb.Msg) (*pb.Msg, error)        { return m, nil }
func (ttrpcServer) EchoBytes(_ context.Context, b *pb.Blob) (*pb.Blob, error) { return b, nil }
func (ttrpcServer) Push(_ context.Context, _ *pb.Empty, s pbttrpc.Bench_PushServer) error {
	return pushPB(s.Send)
}

type ttrpcClient struct {
	*ttrpc.Client
	bench pbttrpc.BenchClient
}

func (x ttrpcClient) Echo(in *Msg) (Msg, error) {
	out, err := x.bench.Echo(context.Background(), toPB(in))
	return fromPB(out), err
}

func (x ttrpcClient) EchoBytes(b []byte) ([]byte, error) {
	out, err := x.bench.EchoBytes(context.Background(), &pb.Blob{Data: b})
	return out.GetData(), err
}

func (x ttrpcClient) Subscribe(n *atomic.Int64) error {
	s, err := x.bench.Push(context.Background(), &pb.Empty{})
	if err != nil {
		return err
	}
	return receivePB(n, s.Recv)
}
