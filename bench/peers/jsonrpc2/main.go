// Command jsonrpc2 has a server and clients of sourcegraph/jsonrpc2.
package main

import (
	"context"
	"encoding/json"
	"net"
	"sync/atomic"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/sabir-ipc/sabir/bench/load"
)

func main() { load.Main(load.Peer{Name: "jsonrpc2", Serve: serve, Dial: dial}) }

func serve(path string) error {
	return load.AcceptEach(path, func(c net.Conn) {
		jsonrpc2.NewConn(context.Background(), jsonrpc2.NewPlainObjectStream(c), handler(answer))
	})
}

func dial(path string) (load.Client, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	x := &client{failed: make(chan error, 1)}
	x.c = jsonrpc2.NewConn(context.Background(), jsonrpc2.NewPlainObjectStream(c), handler(x.receive))
	return x, nil
}

type handler func(context.Context, *jsonrpc2.Conn, *jsonrpc2.Request)

func (f handler) Handle(ctx context.Context, c *jsonrpc2.Conn, r *jsonrpc2.Request) {
	f(ctx, c, r)
}

func answer(ctx context.Context, c *jsonrpc2.Conn, r *jsonrpc2.Request) {
	refuse := func(err error) {
		c.ReplyWithError(ctx, r.ID, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: err.Error()})
	}
	switch r.Method {
	case "echo":
		var m load.Msg
		if err := json.Unmarshal(*r.Params, &m); err != nil {
			refuse(err)
			return
		}
		c.Reply(ctx, r.ID, &m)
	case "bytes":
		var b load.Blob
		if err := json.Unmarshal(*r.Params, &b); err != nil {
			refuse(err)
			return
		}
		c.Reply(ctx, r.ID, &b)
	case "subscribe":
		c.Reply(ctx, r.ID, true)
		go func() {
			for m := load.Sample(); c.Notify(ctx, "item", &m) == nil; {
			}
		}()
	}
}

type client struct {
	c      *jsonrpc2.Conn
	items  atomic.Pointer[atomic.Int64] // what Subscribe counts in
	failed chan error
}

func (x *client) receive(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) {
	var m load.Msg
	if err := json.Unmarshal(*r.Params, &m); err != nil {
		select {
		case x.failed <- err:
		default:
		}
		return
	}
	x.items.Load().Add(1)
}

func (x *client) Echo(in *load.Msg) (out load.Msg, err error) {
	err = x.c.Call(context.Background(), "echo", in, &out)
	return out, err
}

func (x *client) EchoBytes(b []byte) ([]byte, error) {
	var out load.Blob
	err := x.c.Call(context.Background(), "bytes", &load.Blob{Data: b}, &out)
	return out.Data, err
}

func (x *client) Subscribe(n *atomic.Int64) error {
	x.items.Store(n)
	if err := x.c.Call(context.Background(), "subscribe", nil, nil); err != nil {
		return err
	}
	select {
	case err := <-x.failed:
		return err
	case <-x.c.DisconnectNotify():
		return jsonrpc2.ErrClosed
	}
}

func (x *client) Close() error { return x.c.Close() }
