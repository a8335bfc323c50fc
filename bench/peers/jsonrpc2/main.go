package main

import (
	"context"
	"encoding/json"
	"net"
	"sync/atomic"

	"github.com/sourcegraph/jsonrpc2"
)

var jsonrpc2Peer = &peer{
	name: "jsonrpc2",
	note: "sourcegraph/jsonrpc2, plain objects, the handler on the reading goroutine",
	serve: func(path string) error {
		return acceptEach(path, func(c net.Conn) {
			jsonrpc2.NewConn(context.Background(), jsonrpc2.NewPlainObjectStream(c), jsonrpc2Handler(jsonrpc2Serve))
		})
	},
	dial: func(path string) (client, error) {
		c, err := net.Dial("unix", path)
		if err != nil {
			return nil, err
		}
		x := &jsonrpc2Client{failed: make(chan error, 1)}
		x.c = jsonrpc2.NewConn(context.Background(), jsonrpc2.NewPlainObjectStream(c), jsonrpc2Handler(x.receive))
		return x, nil
	},
}

type jsonrpc2Handler func(context.Context, *jsonrpc2.Conn, *jsonrpc2.Request)

func (f jsonrpc2Handler) Handle(ctx context.Context, c *jsonrpc2.Conn, r *jsonrpc2.Request) {
	f(ctx, c, r)
}

func jsonrpc2Serve(ctx context.Context, c *jsonrpc2.Conn, r *jsonrpc2.Request) {
	refuse := func(err error) {
		c.ReplyWithError(ctx, r.ID, &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: err.Error()})
	}
	switch r.Method {
	case "echo":
		var m Msg
		if err := json.Unmarshal(*r.Params, &m); err != nil {
			refuse(err)
			return
		}
		c.Reply(ctx, r.ID, &m)
	case "bytes":
		var b Blob
		if err := json.Unmarshal(*r.Params, &b); err != nil {
			refuse(err)
			return
		}
		c.Reply(ctx, r.ID, &b)
	case "subscribe":
		c.Reply(ctx, r.ID, true)
		go func() {
			for m := sample(); c.Notify(ctx, "item", &m) == nil; {
			}
		}()
	}
}

type jsonrpc2Client struct {
	c      *jsonrpc2.Conn
	items  atomic.Pointer[atomic.Int64] // what Subscribe counts in
	failed chan error
}

func (x *jsonrpc2Client) receive(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) {
	var m Msg
	if err := json.Unmarshal(*r.Params, &m); err != nil {
		select {
		case x.failed <- err:
		default:
		}
		return
	}
	x.items.Load().Add(1)
}

func (x *jsonrpc2Client) Echo(in *Msg) (out Msg, err error) {
	err = x.c.Call(context.Background(), "echo", in, &out)
	return out, err
}

func (x *jsonrpc2Client) EchoBytes(b []byte) ([]byte, error) {
	var out Blob
	err := x.c.Call(context.Background(), "bytes", &Blob{b}, &out)
	return out.Data, err
}

func (x *jsonrpc2Client) Subscribe(n *atomic.Int64) error {
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

func (x *jsonrpc2Client) Close() error { return x.c.Close() }
