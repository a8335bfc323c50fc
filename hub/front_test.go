package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
)

var quiet = slog.New(slog.DiscardHandler)

// shortDir is a directory whose name leaves room for that of a socket.
func shortDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serve offers h on a socket until stop is called or the test is over.
func serve(t *testing.T, path string, h sabir.Handler) (stop func()) {
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sabir.Serve(ctx, ln, h, &sabir.ServeOptions{Log: quiet, Grace: time.Millisecond}) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func newFront(t *testing.T, address string, opts *hub.FrontOptions) *hub.Front {
	t.Helper()
	f, err := hub.NewFront(t.Context(), address, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// as returns a context of somebody who came over the network.
func as(t *testing.T, name string, level sabir.Access) context.Context {
	return sabir.WithCaller(t.Context(), sabir.Caller{Name: name, Credential: "1" + name, Level: level})
}

// Each caller is himself at the service, with his level, by way of the front.
//
// clause: U1, U2
func TestFrontNamesCallers(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	s := sabir.NewService("who", "1.0", "Tells who calls.")
	type who struct{ Name, Level, Hubs string }
	sabir.Method(s, "am_i", func(ctx context.Context, _ sabir.None) (who, error) {
		c := sabir.CallerOf(ctx)
		return who{c.Name, string(c.Level), fmt.Sprint(len(c.Via))}, nil
	}, sabir.Readonly)
	serve(t, path, s)
	near := newFront(t, path, nil)
	middle := filepath.Join(shortDir(t), "m.sock")
	serve(t, middle, near)
	far := newFront(t, middle, nil)
	for _, c := range []struct {
		front *hub.Front
		name  string
		level sabir.Access
		want  who
	}{
		{near, "ann", sabir.AccessRead, who{"ann", "read", "1"}},
		{near, "bob", sabir.AccessAdmin, who{"bob", "admin", "1"}},
		{far, "ann", sabir.AccessWrite, who{"ann", "write", "2"}},
	} {
		if got, err := sabir.Do[who](as(t, c.name, c.level), c.front, "who.am_i", nil); err != nil || got != c.want {
			t.Errorf("got %v, %v, expected %v", got, err, c.want)
		}
	}
}

// A call that has passed a hub already does not pass it again.
//
// clause: U3
func TestFrontRefusesLoops(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	serve(t, path, probe.New())
	f := newFront(t, path, nil)
	ctx := sabir.WithCaller(t.Context(), sabir.Caller{Level: sabir.AccessAdmin, Via: strings.Split("abcdefgh", "")})
	if _, err := sabir.Do[sabir.None](ctx, f, "probe.nothing", nil); !errors.Is(err, sabir.ErrInvalidRequest) {
		t.Errorf("after eight hubs: %v", err)
	}
}

// What a caller may do is judged before the service is asked.
//
// clause: U4
func TestFrontJudges(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	calls := 0
	p := probe.New()
	serve(t, path, counted{p, &calls})
	f := newFront(t, path, nil)
	if all := f.Describe(); len(all) != 1 || all[0].Name != "probe" {
		t.Fatalf("described: %v", all)
	}
	narrow := sabir.WithCaller(t.Context(), sabir.Caller{Name: "n", Level: sabir.AccessWrite, Only: []auth.Glob{"probe.echo"}})
	for _, c := range []struct {
		ctx    context.Context
		method string
		want   error
	}{
		{as(t, "r", sabir.AccessRead), "probe.nothing", sabir.ErrDenied},
		{as(t, "w", sabir.AccessWrite), "probe.rule", sabir.ErrDenied},
		{as(t, "x", sabir.NoAccess), "probe.echo", sabir.ErrDenied},
		{narrow, "probe.nothing", sabir.ErrDenied},
		{as(t, "w", sabir.AccessAdmin), "probe.nothin", sabir.ErrMethodNotFound},
		{as(t, "w", sabir.AccessAdmin), "other.thing", sabir.ErrMethodNotFound},
	} {
		if _, err := sabir.Do[sabir.None](c.ctx, f, c.method, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, expected %v", c.method, err, c.want)
		}
	}
	if calls != 0 {
		t.Errorf("%d calls came to the service", calls)
	}
	if _, err := sabir.Do[sabir.None](as(t, "w", sabir.AccessWrite), f, "probe.nothing", nil); err != nil {
		t.Error(err)
	}
}

// counted counts the calls that come to a service.
type counted struct {
	*sabir.Service
	calls *int
}

func (c counted) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	*c.calls++
	return c.Service.Handle(ctx, call, sink)
}

// A service that goes away, and comes back as something else.
//
// clause: U5
func TestFrontOutlivesTheService(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	entered := make(chan struct{}, 1)
	s := sabir.NewService("slow", "1.0", "")
	sabir.Method(s, "wait", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return sabir.None{}, ctx.Err()
	})
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	conns := make(chan net.Conn, 8)
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- c
			go sabir.ServeConn(context.Background(), transport.NewConn(c, transport.Peer{Transport: "inproc"}), s, &sabir.ServeOptions{Log: quiet})
		}
	}()
	f := newFront(t, path, nil)
	failed := make(chan error, 1)
	go func() {
		_, err := sabir.Do[sabir.None](as(t, "w", sabir.AccessWrite), f, "slow.wait", nil)
		failed <- err
	}()
	<-entered
	ln.Close()
	<-ended
	close(conns)
	for c := range conns {
		c.Close()
	}
	if err := <-failed; !errors.Is(err, sabir.ErrOutcomeUnknown) {
		t.Errorf("in flight: %v", err)
	}
	var answer *sabir.Error
	if _, err := sabir.Do[sabir.None](as(t, "w", sabir.AccessWrite), f, "slow.wait", nil); !errors.Is(err, sabir.ErrUnavailable) || !errors.As(err, &answer) {
		t.Errorf("nobody there: %v", err)
	}
	serve(t, path, probe.New())
	if _, err := sabir.Do[sabir.None](as(t, "w", sabir.AccessWrite), f, "probe.nothing", nil); err == nil {
		return
	}
	time.Sleep(time.Second) // what is not there is looked up once a second
	if _, err := sabir.Do[sabir.None](as(t, "w", sabir.AccessWrite), f, "probe.nothing", nil); err != nil {
		t.Errorf("after its return as something else: %v", err)
	}
}

// A service in any language that knows nothing of Sabir but JSON-RPC, which
// says nothing of itself: of admins everything is passed on, of others what a
// description from elsewhere allows.
//
// clause: U4
func TestFrontOfAPlainServer(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go plain(c)
		}
	}()
	undescribed := newFront(t, path, nil)
	type heat struct{ Degrees int }
	if _, err := sabir.Do[heat](as(t, "w", sabir.AccessWrite), undescribed, "heat.get", nil); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("undescribed, for level write: %v", err)
	}
	if got, err := sabir.Do[heat](as(t, "a", sabir.AccessAdmin), undescribed, "heat.get", nil); err != nil || got.Degrees != 21 {
		t.Errorf("undescribed, for an admin: %v, %v", got, err)
	}
	file, err := idl.Parse("heat.sabir", []byte("service heat 1.0\nmethod get() -> (degrees: int)  readonly\n"))
	if err != nil {
		t.Fatal(err)
	}
	described := newFront(t, path, &hub.FrontOptions{Services: []*idl.Service{&file.Service}, NoCaller: true})
	if got, err := sabir.Do[heat](as(t, "r", sabir.AccessRead), described, "heat.get", nil); err != nil || got.Degrees != 21 {
		t.Errorf("described: %v, %v", got, err)
	}
}

// plain answers heat.get and nothing else.
func plain(c net.Conn) {
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		var in struct {
			ID     int
			Method string
		}
		if json.Unmarshal(lines.Bytes(), &in) != nil {
			return
		}
		if in.Method == "heat.get" {
			fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%d,"result":{"degrees":21}}`+"\n", in.ID)
		} else {
			fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"no"}}`+"\n", in.ID)
		}
	}
}

// A service that takes nobody's word is told apart before anybody comes.
func TestFrontOfOneThatDoesNotBelieve(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- sabir.Serve(ctx, ln, probe.New(), &sabir.ServeOptions{Log: quiet, Hub: func(sabir.Caller) bool { return false }})
	}()
	defer func() { cancel(); <-done }()
	if _, err := hub.NewFront(t.Context(), path, nil); !errors.Is(err, sabir.ErrInvalidRequest) || !strings.Contains(err.Error(), "does not take the word of this user") {
		t.Errorf("got %v", err)
	}
	f := newFront(t, path, &hub.FrontOptions{NoCaller: true})
	if _, err := sabir.Do[sabir.None](as(t, "w", sabir.AccessWrite), f, "probe.nothing", nil); err != nil {
		t.Error(err)
	}
}
