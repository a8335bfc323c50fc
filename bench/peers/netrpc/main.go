package main

import (
	"io"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
)

// netrpcService is what net/rpc offers: it has no notifications.
type netrpcService struct{}

func (netrpcService) Echo(in *Msg, out *Msg) error    { *out = *in; return nil }
func (netrpcService) Bytes(in *Blob, out *Blob) error { *out = *in; return nil }

func netrpcPeer(name, note string, serve func(*rpc.Server, io.ReadWriteCloser), dial func(io.ReadWriteCloser) *rpc.Client) *peer {
	return &peer{
		name: name, note: note,
		works: []string{"unary", "flight", "blob", "idle", "scale-conns", "scale-idle", "scale-size"},
		serve: func(path string) error {
			s := rpc.NewServer()
			if err := s.RegisterName("Bench", netrpcService{}); err != nil {
				return err
			}
			return acceptEach(path, func(c net.Conn) { serve(s, c) })
		},
		dial: func(path string) (client, error) {
			c, err := net.Dial("unix", path)
			if err != nil {
				return nil, err
			}
			return netrpcClient{Client: dial(c)}, nil
		},
	}
}

var (
	netrpcGob = netrpcPeer("netrpc", "net/rpc of the standard library, gob",
		func(s *rpc.Server, c io.ReadWriteCloser) { s.ServeConn(c) }, rpc.NewClient)
	netrpcJSON = netrpcPeer("netrpc-json", "net/rpc/jsonrpc of the standard library",
		func(s *rpc.Server, c io.ReadWriteCloser) { s.ServeCodec(jsonrpc.NewServerCodec(c)) }, jsonrpc.NewClient)
)

type netrpcClient struct {
	*rpc.Client
	unsubscribable
}

func (c netrpcClient) Echo(in *Msg) (out Msg, err error) {
	err = c.Call("Bench.Echo", in, &out)
	return out, err
}

func (c netrpcClient) EchoBytes(b []byte) ([]byte, error) {
	var out Blob
	err := c.Call("Bench.Bytes", &Blob{b}, &out)
	return out.Data, err
}
