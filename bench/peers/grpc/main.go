// Command grpc has servers and clients of google.golang.org/grpc.
package main

import (
	"context"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/pb"
	"github.com/sabir-ipc/sabir/bench/pb/pbgrpc"
)

// limit lets the sizes of scale-size through; gRPC's default is 4 MiB.
const limit = 32 << 20

func main() {
	load.Main(
		load.Peer{Name: "grpc", Serve: serve, Dial: dial},
		load.Peer{Name: "grpc-tls", Serve: serveTLS, Dial: dialTLS},
	)
}

func serve(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.MaxRecvMsgSize(limit))
	pbgrpc.RegisterBenchServer(s, server{})
	return s.Serve(l)
}

func dial(path string) (load.Client, error) {
	c, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limit)))
	if err != nil {
		return nil, err
	}
	return client{c, pbgrpc.NewBenchClient(c)}, nil
}

type server struct {
	pbgrpc.UnimplementedBenchServer
}

func (server) Echo(_ context.Context, m *pb.Msg) (*pb.Msg, error)        { return m, nil }
func (server) EchoBytes(_ context.Context, b *pb.Blob) (*pb.Blob, error) { return b, nil }
func (server) Push(_ *pb.Empty, s grpc.ServerStreamingServer[pb.Msg]) error {
	return pb.Push(s.Send)
}

type client struct {
	*grpc.ClientConn
	bench pbgrpc.BenchClient
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
