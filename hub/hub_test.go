package hub_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
)

// run runs a hub with its sockets in a directory.
func run(t testing.TB, o hub.Options) (dir string) {
	t.Helper()
	dir = shortDir(t)
	runIn(t, dir, o)
	return dir
}

// runIn runs a hub with its sockets in a directory that is there, until stop.
func runIn(t testing.TB, dir string, o hub.Options) (stop func()) {
	t.Helper()
	ready, done := make(chan struct{}), make(chan error, 1)
	level, log, grace := o.Serve.Level, o.Serve.Log, o.Serve.Grace
	o.Serve = serveOptions(dir, func() { close(ready) })
	o.Serve.Level, o.Serve.Grace = level, max(grace, o.Serve.Grace)
	if log != nil {
		o.Serve.Log = log
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- hub.Serve(ctx, &o) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return stop
}

// serveOptions are those of a hub with its sockets in a directory.
func serveOptions(dir string, ready func()) sabir.ServeOptions {
	return sabir.ServeOptions{
		Env: transport.Env{Dir: dir}, Log: quiet, Grace: time.Millisecond, Ready: func([]transport.Address) { ready() },
	}
}

// offer offers h to a hub until stop is called.
func offer(t testing.TB, dir string, h sabir.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	there, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- sabir.Export(ctx, filepath.Join(dir, "hub.sock"), h, &sabir.ExportOptions{
			DialOptions: sabir.DialOptions{Log: quiet}, Offered: sync.OnceFunc(func() { close(there) }),
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-there:
	case err := <-done:
		t.Fatal(err)
	}
	return stop
}

func dial(t *testing.T, dir, name string) *sabir.Client {
	t.Helper()
	c, err := sabir.Dial(t.Context(), filepath.Join(dir, name+".sock"), &sabir.DialOptions{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The table of services says what is there, as it comes and goes.
func TestHubTellsWhatIsThere(t *testing.T) {
	dir := run(t, hub.Options{})
	c := dial(t, dir, "hub")
	var stop func()
	for e, err := range sabir.Watch[hub.Service](t.Context(), c, "hub.services", nil, nil) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Kind == sabir.Up:
			stop = offer(t, dir, probe.New())
		case e.Kind == sabir.Changed:
			s := e.Value
			if e.Key != "probe" || s.Version != "1.0" || s.Members == 0 || s.UID == nil || s.Socket == nil || *s.Socket != filepath.Join(dir, "probe.sock") {
				t.Errorf("%s: %+v", e.Key, s)
			}
			if _, err := sabir.Do[sabir.None](t.Context(), dial(t, dir, "probe"), "probe.nothing", nil); err != nil {
				t.Error(err)
			}
			stop()
		case e.Kind == sabir.Gone:
			return
		}
	}
}

// The socket of a service is that service and no other.
func TestHubSocketOfAService(t *testing.T) {
	dir := run(t, hub.Options{})
	offer(t, dir, probe.New())
	offer(t, dir, sabir.NewService("other", "1.0", ""))
	c := dial(t, dir, "probe")
	for _, method := range []string{"other.thing", "hub.services"} {
		if _, err := sabir.Do[sabir.None](t.Context(), c, method, nil); !errors.Is(err, sabir.ErrMethodNotFound) {
			t.Errorf("%s: %v", method, err)
		}
	}
	info, err := sabir.Do[struct{ Product string }](t.Context(), c, "rpc.info", nil)
	if err != nil || info.Product != "probe" {
		t.Errorf("got %v, %v", info, err)
	}
}

// A hub at a path has the sockets of its services there, and leaves those of the
// machine to others.
func TestHubAtAPath(t *testing.T) {
	dir, elsewhere := shortDir(t), shortDir(t)
	t.Setenv("SABIR_DIR", elsewhere)
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		o := sabir.ServeOptions{Log: quiet, Ready: func([]transport.Address) { close(ready) }}
		done <- hub.Serve(ctx, &hub.Options{Address: filepath.Join(dir, "hub.sock"), Serve: o})
	}()
	<-ready
	offer(t, dir, probe.New())
	if _, err := sabir.Do[sabir.None](t.Context(), dial(t, dir, "probe"), "probe.nothing", nil); err != nil {
		t.Error(err)
	}
	if names, err := filepath.Glob(filepath.Join(elsewhere, "*")); err != nil || len(names) > 0 {
		t.Errorf("elsewhere is %v, %v", names, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A daemon that listens under the name keeps its socket, and the service is
// found at the hub.
func TestHubLeavesSocketsOfOthers(t *testing.T) {
	dir := run(t, hub.Options{})
	serve(t, filepath.Join(dir, "probe.sock"), sabir.NewService("probe", "2.0", ""))
	offer(t, dir, probe.New())
	if _, err := sabir.Do[sabir.None](t.Context(), dial(t, dir, "hub"), "probe.nothing", nil); err != nil {
		t.Error(err)
	}
	if _, err := sabir.Do[sabir.None](t.Context(), dial(t, dir, "probe"), "probe.nothing", nil); !errors.Is(err, sabir.ErrMethodNotFound) {
		t.Errorf("the daemon's own socket: %v", err)
	}
}

// Who may offer what is the rule of who runs the hub.
func TestHubRefuses(t *testing.T) {
	dir := run(t, hub.Options{Serve: sabir.ServeOptions{Level: func(transport.Peer) sabir.Access { return sabir.AccessWrite }}})
	err := sabir.Export(t.Context(), filepath.Join(dir, "hub.sock"), probe.New(), nil)
	if !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("got %v", err)
	}
}

// What the table of services shows can be called at once.
func TestHubShowsWhatCanBeCalled(t *testing.T) {
	dir := run(t, hub.Options{})
	c := dial(t, dir, "hub")
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan string)
	go func() {
		defer close(seen)
		for e, err := range sabir.Watch[hub.Service](ctx, dial(t, dir, "hub"), "hub.services", nil, nil) {
			if err != nil {
				return
			}
			if e.Kind != sabir.Changed {
				continue
			}
			select {
			case seen <- e.Key:
			case <-ctx.Done():
				return
			}
		}
	}()
	var all sync.WaitGroup
	defer func() { cancel(); all.Wait() }()
	for i := range 300 {
		s := sabir.NewService(fmt.Sprintf("s%d", i), "1.0", "")
		sabir.Method(s, "nothing", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
		all.Go(func() {
			sabir.Export(ctx, filepath.Join(dir, "hub.sock"), s, &sabir.ExportOptions{DialOptions: sabir.DialOptions{Log: quiet}})
		})
		name := <-seen
		if _, err := sabir.Do[sabir.None](ctx, c, name+".nothing", nil); err != nil {
			t.Fatal(err)
		}
	}
}
