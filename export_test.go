package sabir_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// exchange is a server at which others offer their services.
func exchange(t *testing.T) (path string) { return exchangeOf(t, sabir.NewMux()) }

// exchangeOf is one that has services of its own.
func exchangeOf(t *testing.T, own sabir.Handler) (path string) {
	path, stop := exchangeWith(t, own)
	t.Cleanup(stop)
	return path
}

// exchangeUntil is one that is there until it is stopped.
func exchangeUntil(t *testing.T) (path string, stop func()) { return exchangeWith(t, sabir.NewMux()) }

func exchangeWith(t *testing.T, own sabir.Handler) (path string, stop func()) {
	path = filepath.Join(shortDir(t), "x.sock")
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- sabir.Serve(ctx, ln, own, &sabir.ServeOptions{
			Log: quiet, Grace: time.Millisecond,
			Exports: sabir.NewExports(func(sabir.Caller, *idl.Service) (func(), error) { return nil, nil }),
		})
	}()
	return path, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// offered offers h at an exchange until stop is called, and waits until it is there.
func offered(t *testing.T, path string, h sabir.Handler) (stop func()) {
	t.Helper()
	return offeredBy(t, path, h, sabir.DialOptions{})
}

func offeredBy(t *testing.T, path string, h sabir.Handler, opts sabir.DialOptions) (stop func()) {
	t.Helper()
	opts.Log = quiet
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- sabir.Export(ctx, path, h, &sabir.ExportOptions{DialOptions: opts})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	name := h.(sabir.Describer).Describe()[0].Name
	present(t, path, name, true)
	return stop
}

// present waits until a service is there, or is not.
func present(t *testing.T, path, name string, want bool) {
	t.Helper()
	c := dial(t, path, sabir.DialOptions{})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := sabir.Do[described](t.Context(), c, "rpc.describe", map[string]any{"service": name})
		if (err == nil) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s present: not %v: %v", name, want, err)
		}
	}
}

// Services come and go, and a name is free when its service is going.
//
// clause: U6, U7
func TestExportComesAndGoes(t *testing.T) {
	path := exchange(t)
	stop := offered(t, path, probe.New())
	c := dial(t, path, sabir.DialOptions{})
	if _, err := sabir.Do[sabir.None](t.Context(), c, "probe.nothing", nil); err != nil {
		t.Fatal(err)
	}
	if err := sabir.Export(t.Context(), path, probe.New(), &sabir.ExportOptions{DialOptions: sabir.DialOptions{Log: quiet}}); !errors.As(err, new(sabir.Taken)) {
		t.Errorf("a second one of the name: %v", err)
	}
	stop()
	present(t, path, "probe", false)
	if _, err := sabir.Do[sabir.None](t.Context(), c, "probe.nothing", nil); !errors.Is(err, sabir.ErrUnavailable) || !strings.Contains(err.Error(), "no service probe is here; it was until ") {
		t.Errorf("after it went: %v", err)
	}
	if _, err := sabir.Do[sabir.None](t.Context(), c, "prober.nothing", nil); !errors.Is(err, sabir.ErrMethodNotFound) {
		t.Errorf("one that never was: %v", err)
	}
	offered(t, path, probe.New())
	if _, err := sabir.Do[sabir.None](t.Context(), c, "probe.nothing", nil); err != nil {
		t.Error(err)
	}
}

// Whoever publishes knows who listens, behind two hubs as well, and nothing is
// on its way that nobody asked for.
func TestExportCarriesInterest(t *testing.T) {
	near, far := exchange(t), exchange(t)
	s := sabir.NewService("news", "1.0", "")
	listening := make(chan bool, 8)
	type item struct{ N int }
	topic := sabir.NewTopic[item, sabir.None](s, "item", sabir.OnListeners(func(_ sabir.None, on bool) { listening <- on }))
	offered(t, near, s)
	offered(t, far, relay{dial(t, near, sabir.DialOptions{}), s.Describe()})
	c := dial(t, far, sabir.DialOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for e, err := range sabir.Watch[item](ctx, c, "news.item", nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == sabir.Up {
			if on := <-listening; !on {
				t.Error("nobody listens, it was told")
			}
			for i := range 100 {
				topic.Publish(sabir.None{}, item{i})
			}
			continue
		}
		if e.Value.N != n {
			t.Fatalf("item %d came as number %d", e.Value.N, n)
		}
		if n++; n == 100 {
			break
		}
	}
	if on := <-listening; on {
		t.Error("told twice that somebody listens")
	}
}

// relay offers at one server what is at another.
type relay struct {
	sabir.Handler
	services []*idl.Service
}

func (r relay) Describe() []*idl.Service { return r.services }

// A service that dies leaves nobody waiting, and comes back under its name.
//
// clause: U5, U7
func TestExportSurvivesItsConnection(t *testing.T) {
	path := exchange(t)
	between := filepath.Join(shortDir(t), "b.sock")
	ln, err := net.Listen("unix", between)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	links := make(chan net.Conn, 8)
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", path)
			if err != nil {
				near.Close()
				return
			}
			go transfer(near, far)
			go transfer(far, near)
			links <- far
		}
	}()
	entered := make(chan struct{}, 1)
	s := sabir.NewService("slow", "1.0", "")
	sabir.Method(s, "wait", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return sabir.None{}, ctx.Err()
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- sabir.Export(ctx, between, s, &sabir.ExportOptions{DialOptions: sabir.DialOptions{Log: quiet}})
	}()
	present(t, path, "slow", true)
	c := dial(t, path, sabir.DialOptions{})
	failed := make(chan error, 1)
	go func() {
		_, err := sabir.Do[sabir.None](t.Context(), c, "slow.wait", nil)
		failed <- err
	}()
	<-entered
	(<-links).Close()
	if err := <-failed; !errors.Is(err, sabir.ErrOutcomeUnknown) {
		t.Errorf("in flight: %v", err)
	}
	present(t, path, "slow", true)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Who listens to a service behind a hub goes on when it is back, however long it
// was away.
// clause: U7
func TestExportIsWatchedAgain(t *testing.T) {
	path := exchange(t)
	news := func() (*sabir.Service, *sabir.State[number, sabir.None]) {
		s := sabir.NewService("news", "1.0", "")
		return s, sabir.NewState[number, sabir.None](s, "now")
	}
	s, state := news()
	state.Set(sabir.None{}, number{1})
	stop := offered(t, path, s)
	c := dial(t, path, sabir.DialOptions{})
	var told []string
	for e, err := range sabir.Watch[number](t.Context(), c, "news.now", nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case sabir.Up:
			told = append(told, "up")
		case sabir.Down:
			told = append(told, "down")
			present(t, path, "news", false)
			if _, err := sabir.Do[number](t.Context(), c, "news.now", nil); !errors.Is(err, sabir.ErrUnavailable) {
				t.Fatal(err)
			}
			time.AfterFunc(2500*time.Millisecond, func() { // after more than one try
				s, state := news()
				state.Set(sabir.None{}, number{2})
				stop = offered(t, path, s)
			})
		case sabir.Changed:
			told = append(told, fmt.Sprint(e.Value.N))
			if e.Value.N == 1 {
				go stop()
			}
		}
		if e.Value.N == 2 {
			break
		}
	}
	if got := strings.Join(told, " "); got != "1 up down 2" {
		t.Error(got)
	}
}

// A description that nests too deep to be told in an answer is not taken: nobody there
// could describe anything any more.
//
// clause: D2
func TestExportTooDeep(t *testing.T) {
	for levels, want := range map[int]string{52: "result", 53: "error"} {
		path := exchange(t)
		far := dialFarEnd(t, path)
		lists := levels - 4 // the service, its members, one of them, and what all the lists are of
		item := strings.Repeat(`{"kind":"list","of":`, lists) + `{"kind":"int"}` + strings.Repeat("}", lists)
		fmt.Fprintf(far, `{"id":1,"method":"rpc.export","params":{"service":{"name":"deep","version":"1","types":[],"errors":[],"members":[`+
			`{"kind":"topic","name":"m","params":[],"item":%s}]}}}`+"\n", item)
		far.request()
		if answer := far.in.Text(); !strings.HasPrefix(answer, `{"id":1,"`+want) {
			t.Errorf("%d levels: %s", levels, answer)
		}
		c := dial(t, path, sabir.DialOptions{})
		for _, method := range []string{"rpc.describe", "rpc.discover", "rpc.info"} {
			if _, err := sabir.Do[sabir.Body](t.Context(), c, method, nil); err != nil {
				t.Errorf("%d levels: %s: %v", levels, method, err)
			}
		}
	}
}

// A hub may offer all that a machine has, but nobody what would fill the memory of another.
//
// clause: U6
func TestExportTooMany(t *testing.T) {
	for _, c := range []struct {
		what        string
		doc, before int
	}{
		{"over 1024 services of one connection", 0, 1024},
		{"over 67108864 bytes of descriptions of one connection", 4_100_000, 16},
	} {
		peer := dial(t, exchange(t), sabir.DialOptions{})
		offer := func(name string) error {
			s := sabir.NewService(name, "1", strings.Repeat("x", c.doc))
			_, err := sabir.Do[sabir.None](t.Context(), peer, "rpc.export", map[string]any{"service": s.Describe()[0]})
			return err
		}
		for i := range c.before {
			if err := offer(fmt.Sprintf("s%d", i)); err != nil {
				t.Fatalf("service %d: %v", i, err)
			}
		}
		var busy *sabir.Error
		if err := offer("more"); !errors.As(err, &busy) || busy.Name != "rpc.Busy" || busy.Message != c.what {
			t.Errorf("expected %q: %v", c.what, err)
		}
		if _, err := sabir.Do[sabir.None](t.Context(), peer, "rpc.withdraw", map[string]string{"service": "s1"}); err != nil {
			t.Error(err)
		}
		if err := offer("more"); err != nil {
			t.Errorf("when one is gone: %v", err)
		}
	}
}

// A judge that panics is a failure of one offer, and the name stays free.
func TestExportJudgePanics(t *testing.T) {
	calm := false
	x := sabir.NewExports(func(sabir.Caller, *idl.Service) (func(), error) {
		if !calm {
			calm = true
			panic("no")
		}
		return nil, nil
	})
	near, far := transport.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- sabir.ServeConn(t.Context(), far, sabir.NewMux(), &sabir.ServeOptions{Log: quiet, Exports: x})
	}()
	peer := sabir.NewClient(near, &sabir.DialOptions{Log: quiet})
	offer := map[string]any{"service": sabir.NewService("a", "1", "").Describe()[0]}
	if _, err := sabir.Do[sabir.None](t.Context(), peer, "rpc.export", offer); !errors.Is(err, sabir.ErrInternal) {
		t.Errorf("the judge has panicked: %v", err)
	}
	if _, err := sabir.Do[sabir.None](t.Context(), peer, "rpc.export", offer); err != nil {
		t.Errorf("and is calm again: %v", err)
	}
	peer.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What waited for a service that went away has a named answer, sent or not.
// clause: U5
func TestCallsLostOnTheirWay(t *testing.T) {
	path := exchange(t)
	s := sabir.NewService("deaf", "1.0", "")
	sabir.Method(s, "hear", func(context.Context, parcel) (sabir.None, error) { return sabir.None{}, nil })
	link, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := codec.AppendAny(nil, wire.JSON, s.Describe()[0])
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(link, `{"id":1,"method":"rpc.export","params":{"service":%s}}`+"\n", desc)
	present(t, path, "deaf", true)
	c := dial(t, path, sabir.DialOptions{CBOR: true})
	failed := make(chan error, 60)
	for range cap(failed) {
		go func() {
			_, err := sabir.Do[sabir.None](t.Context(), c, "deaf.hear", parcel{Data: make([]byte, 100<<10)})
			failed <- err
		}()
	}
	time.Sleep(200 * time.Millisecond) // until most are on their way
	link.Close()
	lost, unsent := 0, 0
	for range cap(failed) {
		switch err := <-failed; {
		case errors.Is(err, sabir.ErrOutcomeUnknown):
			lost++
		case errors.Is(err, sabir.ErrUnavailable):
			unsent++
		default:
			t.Error(err)
		}
	}
	if lost == 0 || unsent == 0 {
		t.Errorf("%d were sent, and %d not", lost, unsent)
	}
}

// transfer passes bytes on until one end is over.
func transfer(from, to net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// On the connection of a hub each caller has the limits for himself.
//
// clause: U8
func TestLimitsAreOfTheStatedCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := sabir.NewService("slow", "1.0", "")
	entered := make(chan struct{}, 8)
	sabir.Method(s, "wait", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return sabir.None{}, ctx.Err()
	})
	near, far := transport.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- sabir.ServeConn(ctx, far, s, &sabir.ServeOptions{Log: quiet, Grace: time.Millisecond, Limits: sabir.Limits{InFlight: 2}})
	}()
	c := sabir.NewClient(near, &sabir.DialOptions{Hub: "h", Log: quiet})
	results := make(chan error, 8)
	call := func(name string) {
		who := sabir.WithCaller(ctx, sabir.Caller{Name: name, Level: sabir.AccessWrite})
		go func() {
			_, err := sabir.Do[sabir.None](who, c, "slow.wait", nil)
			results <- err
		}()
	}
	for _, name := range []string{"ann", "ann", "bob", "bob"} {
		call(name)
		<-entered
	}
	call("ann")
	if err := <-results; !errors.Is(err, sabir.ErrBusy) {
		t.Errorf("a third call of one caller: %v", err)
	}
	cancel()
	for range 4 {
		<-results
	}
	c.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
