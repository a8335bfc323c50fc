package main

import (
	"context"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sabir-ipc/sabir/bench/pb"
	"github.com/sabir-ipc/sabir/bench/pb/pbgrpc"
)

// grpcLimit lets the sizes of scale-size through; gRPC's default is 4 MiB.
const grpcLimit = 32 << 20

var grpcPeer = &peer{
	name:  "grpc",
	note:  "google.golang.org/grpc",
	works: append(plain, "scale-conns", "scale-idle", "scale-subs", "scale-size"),
	serve: func(path string) error {
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		s := grpc.NewServer(grpc.MaxRecvMsgSize(grpcLimit))
		pbgrpc.RegisterBenchServer(s, grpcServer{})
		return s.Serve(l)
	},
	dial: func(path string) (client, error) {
		c, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(grpcLimit)))
		if err != nil {
			return nil, err
		}
		return grpcClient{c, pbgrpc.NewBenchClient(c)}, nil
	},
}

type grpcServer struct {
	pbgrpc.UnimplementedBenchServer
}

func (grpcServer) Echo(_ context.Context, m *pb.Msg) (*pb.Msg, error)        { return m, nil }
func (grpcServer) EchoBytes(_ context.Context, b *pb.Blob) (*pb.Blob, error) { return b, nil }
func (grpcServer) Push(_ *pb.Empty, s grpc.ServerStreamingServer[pb.Msg]) error {
	return pushPB(s.Send)
}

type grpcClient struct {
	*grpc.ClientConn
	bench pbgrpc.BenchClient
}

func (x grpcClient) Echo(in *Msg) (Msg, error) {
	out, err := x.bench.Echo(context.Background(), toPB(in))
	return fromPB(out), err
}

func (x grpcClient) EchoBytes(b []byte) ([]byte, error) {
	out, err := x.bench.EchoBytes(context.Background(), &pb.Blob{Data: b})
	return out.GetData(), err
}

func (x grpcClient) Subscribe(n *atomic.Int64) error {
	s, err := x.bench.Push(context.Background(), &pb.Empty{})
	if err != nil {
		return err
	}
	return receivePB(n, s.Recv)
}
