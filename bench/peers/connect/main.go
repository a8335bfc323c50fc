package main

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect"

	"github.com/sabir-ipc/sabir/bench/pb"
	"github.com/sabir-ipc/sabir/bench/pb/pbconnect/pbconnectconnect"
)

var connectPeer = &peer{
	name: "connect",
	note: "connectrpc.com/connect, its own protocol over unencrypted HTTP/2",
	serve: func(path string) error {
		l, err := net.Listen("unix", path)
		if err != nil {
			return err
		}
		mux := http.NewServeMux()
		mux.Handle(pbconnectconnect.NewBenchHandler(connectServer{}))
		s := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
		s.Protocols.SetUnencryptedHTTP2(true)
		return s.Serve(l)
	},
	dial: func(path string) (client, error) {
		t := &http.Transport{
			Protocols: new(http.Protocols),
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
		}
		t.Protocols.SetUnencryptedHTTP2(true)
		return connectClient{t, pbconnectconnect.NewBenchClient(&http.Client{Transport: t}, "http://bench")}, nil
	},
}

type connectServer struct{}

func (connectServer) Echo(_ context.Context, m *pb.Msg) (*pb.Msg, error)        { return m, nil }
func (connectServer) EchoBytes(_ context.Context, b *pb.Blob) (*pb.Blob, error) { return b, nil }
func (connectServer) Push(_ context.Context, _ *pb.Empty, s *connect.ServerStream[pb.Msg]) error {
	return pushPB(s.Send)
}

type connectClient struct {
	t     *http.Transport
	bench pbconnectconnect.BenchClient
}

func (x connectClient) Echo(in *Msg) (Msg, error) {
	out, err := x.bench.Echo(context.Background(), toPB(in))
	return fromPB(out), err
}

func (x connectClient) EchoBytes(b []byte) ([]byte, error) {
	out, err := x.bench.EchoBytes(context.Background(), &pb.Blob{Data: b})
	return out.GetData(), err
}

func (x connectClient) Subscribe(n *atomic.Int64) error {
	s, err := x.bench.Push(context.Background(), &pb.Empty{})
	if err != nil {
		return err
	}
	for s.Receive() {
		_ = s.Msg()
		n.Add(1)
	}
	return s.Err()
}

func (x connectClient) Close() error {
	x.t.CloseIdleConnections()
	return nil
}
