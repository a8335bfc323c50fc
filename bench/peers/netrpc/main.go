// Command netrpc has servers and clients of the standard library's net/rpc, with gob and with JSON.
package main

import (
	"io"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"

	"github.com/sabir-ipc/sabir/bench/load"
)

func main() {
	load.Main(
		peer("netrpc", func(s *rpc.Server, c io.ReadWriteCloser) { s.ServeConn(c) }, rpc.NewClient),
		peer("netrpc-json", func(s *rpc.Server, c io.ReadWriteCloser) { s.ServeCodec(jsonrpc.NewServerCodec(c)) }, jsonrpc.NewClient),
	)
}

// service is what net/rpc offers: it has no notifications.
type service struct{}

func (service) Echo(in *load.Msg, out *load.Msg) error    { *out = *in; return nil }
func (service) Bytes(in *load.Blob, out *load.Blob) error { *out = *in; return nil }

func peer(name string, serve func(*rpc.Server, io.ReadWriteCloser), dial func(io.ReadWriteCloser) *rpc.Client) load.Peer {
	return load.Peer{
		Name: name,
		Serve: func(path string) error {
			s := rpc.NewServer()
			if err := s.RegisterName("Bench", service{}); err != nil {
				return err
			}
			return load.AcceptEach(path, func(c net.Conn) { serve(s, c) })
		},
		Dial: func(path string) (load.Client, error) {
			c, err := net.Dial("unix", path)
			if err != nil {
				return nil, err
			}
			return client{Client: dial(c)}, nil
		},
	}
}

type client struct {
	*rpc.Client
	load.Unsubscribable
}

func (c client) Echo(in *load.Msg) (out load.Msg, err error) {
	err = c.Call("Bench.Echo", in, &out)
	return out, err
}

func (c client) EchoBytes(b []byte) ([]byte, error) {
	var out load.Blob
	err := c.Call("Bench.Bytes", &load.Blob{Data: b}, &out)
	return out.Data, err
}
