package sabir_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/web"
)

// road is a way from a client to a service.
type road struct {
	name  string
	half  bool // one direction can end alone
	login bool // the exchange of rpc.auth comes first, and with it the framing
	hub   bool // what answers there takes no services: the hub itself does
	merge bool // subscriptions are merged on the way
	// open returns the client's end; the service ends with the test.
	open func(t *testing.T, h sabir.Handler, as sabir.Access, enc string) io.ReadWriteCloser
}

var quiet = slog.New(slog.DiscardHandler)

var roads = []road{
	{name: "inproc", open: func(t *testing.T, h sabir.Handler, as sabir.Access, _ string) io.ReadWriteCloser {
		near, far := net.Pipe()
		serveConn(t, transport.NewConn(far, transport.Peer{Transport: "inproc"}), h, as)
		return near
	}},
	{name: "pipe", half: true, open: func(t *testing.T, h sabir.Handler, as sabir.Access, _ string) io.ReadWriteCloser {
		inR, inW, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		outR, outW, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		serveConn(t, transport.Stdio(inR, outW), h, as)
		return &pipes{outR, inW}
	}},
	{name: "unix", half: true, open: func(t *testing.T, h sabir.Handler, as sabir.Access, _ string) io.ReadWriteCloser {
		path := serveUnixAs(t, h, as)
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}},
	{name: "tls", half: true, login: true, open: func(t *testing.T, h sabir.Handler, as sabir.Access, enc string) io.ReadWriteCloser {
		r := serveTCP(t, h)
		_, opts := r.token(t, string(as))
		opts.CBOR = enc == "cbor"
		c, err := sabir.Connect(t.Context(), r.at, opts)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}},
	{name: "websocket", login: true, open: func(t *testing.T, h sabir.Handler, as sabir.Access, enc string) io.ReadWriteCloser {
		r := serveWeb(t, h, sabir.ServeOptions{})
		_, opts := r.token(t, string(as))
		opts.CBOR, opts.Web = enc == "cbor", web.Dial
		c, err := sabir.Connect(t.Context(), r.web("wss"), opts)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}},
	{name: "front", half: true, open: func(t *testing.T, h sabir.Handler, as sabir.Access, _ string) io.ReadWriteCloser {
		front, err := hub.NewFront(t.Context(), serveUnix(t, h), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := front.Close(); err != nil {
				t.Error(err)
			}
		})
		c, err := net.Dial("unix", serveUnixAs(t, front, as))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}},
	{name: "hub", half: true, hub: true, open: throughHub},
	{name: "two hubs", half: true, hub: true, open: throughTwoHubs},
	{name: "hub that merges", half: true, hub: true, merge: true, open: func(t *testing.T, h sabir.Handler, as sabir.Access, enc string) io.ReadWriteCloser {
		return throughHub(t, common{h}, as, enc)
	}},
	{name: "two hubs that merge", half: true, hub: true, merge: true, open: func(t *testing.T, h sabir.Handler, as sabir.Access, enc string) io.ReadWriteCloser {
		return throughTwoHubs(t, common{h}, as, enc)
	}},
}

func throughHub(t *testing.T, h sabir.Handler, as sabir.Access, _ string) io.ReadWriteCloser {
	dir := serveHub(t, as)
	offered(t, filepath.Join(dir, "hub.sock"), h)
	c, err := net.Dial("unix", filepath.Join(dir, "probe.sock"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func throughTwoHubs(t *testing.T, h sabir.Handler, as sabir.Access, _ string) io.ReadWriteCloser {
	near, far := serveHub(t, sabir.AccessAdmin), serveHub(t, as)
	offered(t, filepath.Join(near, "hub.sock"), h)
	front, err := hub.NewFront(t.Context(), filepath.Join(near, "probe.sock"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { front.Close() })
	offered(t, filepath.Join(far, "hub.sock"), front)
	c, err := net.Dial("unix", filepath.Join(far, "probe.sock"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// common is a service that says that what it tells is the same for every caller.
type common struct{ sabir.Handler }

func (c common) Describe() []*idl.Service {
	s := *c.Handler.(sabir.Describer).Describe()[0]
	s.Members = slices.Clone(s.Members)
	for i := range s.Members {
		s.Members[i].Common = s.Members[i].Kind.Subscribed()
	}
	return []*idl.Service{&s}
}

// serveHub runs a hub with its sockets in a directory.
func serveHub(t *testing.T, as sabir.Access) (dir string) {
	dir = shortDir(t)
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	o := servedAs(as)
	o.Env, o.Exports, o.Ready = transport.Env{Dir: dir}, nil, func([]transport.Address) { close(ready) }
	go func() {
		done <- hub.Serve(ctx, &hub.Options{Serve: *o, Allow: func(c sabir.Caller, s *idl.Service) error {
			if s.Name != "probe" && c.Level != sabir.AccessAdmin {
				return sabir.Denied(sabir.AccessAdmin, "plugins are the admins'")
			}
			return nil
		}})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return dir
}

type pipes struct {
	io.ReadCloser
	w io.WriteCloser
}

func (p *pipes) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p *pipes) CloseWrite() error           { return p.w.Close() }
func (p *pipes) Close() error                { p.w.Close(); return p.ReadCloser.Close() }

// servedAs are the options of a server that gives everyone one level.
func servedAs(as sabir.Access) *sabir.ServeOptions {
	return &sabir.ServeOptions{
		Log: quiet, Grace: time.Millisecond, Level: func(transport.Peer) sabir.Access { return as },
		Exports: sabir.NewExports(func(c sabir.Caller, _ *idl.Service) (func(), error) {
			if c.Level != sabir.AccessAdmin {
				return nil, sabir.Denied(sabir.AccessAdmin, "plugins are the admins'")
			}
			return nil, nil
		}),
	}
}

// serveConn serves until the test is over, and waits for the end.
func serveConn(t *testing.T, c *transport.Conn, h sabir.Handler, as sabir.Access) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sabir.ServeConn(ctx, c, h, servedAs(as)) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// serveUnix is serveConn on a socket, whose path it returns.
func serveUnix(t *testing.T, h sabir.Handler) string { return serveUnixAs(t, h, sabir.AccessAdmin) }

func serveUnixAs(t *testing.T, h sabir.Handler, as sabir.Access) string {
	path := filepath.Join(shortDir(t), "s.sock")
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sabir.Serve(ctx, ln, h, servedAs(as)) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return path
}

// shortDir is a directory whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
