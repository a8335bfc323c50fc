package main

import (
	"context"
	"net"
	"sync/atomic"

	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcserver"

	"github.com/sabir-ipc/sabir/bench/pb"
	"github.com/sabir-ipc/sabir/bench/pb/pbdrpc"
)

var drpcPeer = &peer{
	name: "drpc",
	note: "storj.io/drpc; a connection has one call at a time",
	serve: func(path string) error {
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		m := drpcmux.New()
		if err := pbdrpc.DRPCRegisterBench(m, drpcServer{}); err != nil {
			return err
		}
		return drpcserver.New(m).Serve(context.Background(), l)
	},
	dial: func(path string) (client, error) {
		c, err := net.Dial("unix", path)
		if err != nil {
			return nil, err
		}
		d := drpcconn.New(c)
		return drpcClient{d, pbdrpc.NewDRPCBenchClient(d)}, nil
	},
}

type drpcServer struct{}

func (drpcServer) Echo(_ context.Context, m *pb.Msg) (*pb.Msg, error)        { return m, nil }
func (drpcServer) EchoBytes(_ context.Context, b *pb.Blob) (*pb.Blob, error) { return b, nil }
func (drpcServer) Push(_ *pb.Empty, s pbdrpc.DRPCBench_PushStream) error     { return pushPB(s.Send) }

type drpcClient struct {
	*drpcconn.Conn
	bench pbdrpc.DRPCBenchClient
}

func (x drpcClient) Echo(in *Msg) (Msg, error) {
	out, err := x.bench.Echo(context.Background(), toPB(in))
	return fromPB(out), err
}

func (x drpcClient) EchoBytes(b []byte) ([]byte, error) {
	out, err := x.bench.EchoBytes(context.Background(), &pb.Blob{Data: b})
	return out.GetData(), err
}

func (x drpcClient) Subscribe(n *atomic.Int64) error {
	s, err := x.bench.Push(context.Background(), &pb.Empty{})
	if err != nil {
		return err
	}
	return receivePB(n, s.Recv)
}
