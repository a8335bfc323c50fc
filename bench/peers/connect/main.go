// Command connect has a server and clients of connectrpc.com/connect.
package main

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"connectrpc.com/connect"

	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/pb"
	"github.com/sabir-ipc/sabir/bench/pb/pbconnect/pbconnectconnect"
)

func main() { load.Main(load.Peer{Name: "connect", Serve: serve, Dial: dial}) }

func serve(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(pbconnectconnect.NewBenchHandler(server{}))
	s := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	s.Protocols.SetUnencryptedHTTP2(true)
	return s.Serve(l)
}

func dial(path string) (load.Client, error) {
	t := &http.Transport{
		Protocols: new(http.Protocols),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	t.Protocols.SetUnencryptedHTTP2(true)
	return client{t, pbconnectconnect.NewBenchClient(&http.Client{Transport: t}, "http://bench")}, nil
}

type server struct{}

func (server) Echo(_ context.Context, m *pb.Msg) (*pb.Msg, error)        { return m, nil }
func (server) EchoBytes(_ context.Context, b *pb.Blob) (*pb.Blob, error) { return b, nil }
func (server) Push(_ context.Context, _ *pb.Empty, s *connect.ServerStream[pb.Msg]) error {
	return pb.Push(s.Send)
}

type client struct {
	t     *http.Transport
	bench pbconnectconnect.BenchClient
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
	for s.Receive() {
		_ = s.Msg()
		n.Add(1)
	}
	return s.Err()
}

func (x client) Close() error {
	x.t.CloseIdleConnections()
	return nil
}
