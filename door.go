package sabir

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// Face answers in HTTP what comes in on the ports of a server. Package web has
// one; it is an interface so that who wants none does not link net/http.
type Face interface {
	// Serve answers the visitors that d accepts, until ctx ends. Then it gives
	// those that are being answered d.Grace, and returns when the last is gone.
	Serve(ctx context.Context, d *Door)
}

// Believer is a [Face] that knows proxies, which bring many at once: for a place
// among those who are not known yet they wait, and are not refused. spec [K3]
type Believer interface{ Believes(at netip.Addr) bool }

// Door is where a [Face] meets its visitors: a net.Listener whose connections
// are each a [*Visitor]. Any goroutine may use it.
type Door struct {
	server *server
	queue  chan *Visitor
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	shut     bool           // no call may begin
	calls    sync.WaitGroup // those that have
	visitors map[string]map[*Visitor]struct{}
}

// openDoor starts the face of the server.
func (s *server) openDoor() {
	d := &Door{server: s, queue: make(chan *Visitor), closed: make(chan struct{}), visitors: make(map[string]map[*Visitor]struct{})}
	s.door = d
	s.all.Go(func() {
		s.opts.HTTP.Serve(s.closing, d)
		d.Close()
		d.mu.Lock()
		d.shut = true
		d.mu.Unlock()
		d.calls.Wait()
	})
}

// protocols are those of ALPN besides our own.
func (o *ServeOptions) protocols() []string {
	if o.HTTP == nil {
		return nil
	}
	return []string{"http/1.1"}
}

// Accept returns the next visitor: net.ErrClosed after Close.
func (d *Door) Accept() (net.Conn, error) {
	select {
	case v := <-d.queue:
		return v, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close lets nobody in any more.
func (d *Door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// Addr is there for net.Listener; a door has no address of its own.
func (d *Door) Addr() net.Addr { return &net.UnixAddr{Name: "door", Net: "unix"} }

// Base is the context that requests come from.
func (d *Door) Base() context.Context { return d.server.base }

// Describe returns what the services here say of themselves now, rpc first.
func (d *Door) Describe() []*idl.Service {
	all, _ := d.server.root.described()
	return append(d.server.root.rpc.Describe(), all...)
}

// Limits are those of the server, filled in.
func (d *Door) Limits() Limits { return d.server.opts.Limits }

// Log is the server's.
func (d *Door) Log() *slog.Logger { return d.server.opts.Log }

// Grace is how long calls may take when the server stops.
func (d *Door) Grace() time.Duration { return d.server.opts.Grace }

// greet takes in a stranger over TCP, who has until deadline to say who it is.
func (d *Door) greet(t *transport.Conn, deadline time.Time, leave func(auth.Outcome)) {
	conn, ok := t.NetConn()
	if !ok { // cannot be over TCP
		t.Close()
		leave(auth.Left)
		return
	}
	v := &Visitor{Conn: conn, door: d, t: t, leave: leave, deadline: deadline}
	if shown := t.Peer().Certificate; shown != (transport.Fingerprint{}) {
		if who, err := d.server.store.ByCertificate(shown); err == nil && v.enter(who) == nil {
			caller := callerBy(who, t.Peer())
			v.kernel, v.proved = &caller, who
		}
	}
	if v.kernel == nil {
		v.mu.Lock() // the time may be over at once
		v.clock = time.AfterFunc(time.Until(deadline), v.late)
		v.mu.Unlock()
	}
	d.let(v)
}

// visit takes in what began on a connection whose caller the kernel knows.
func (d *Door) visit(t *transport.Conn, first []byte) {
	conn, ok := t.NetConn()
	if !ok {
		t.Close()
		return
	}
	caller := Caller{Level: d.server.opts.Level(t.Peer()), Peer: t.Peer()}
	v := &Visitor{Conn: &begun{conn, first}, door: d, t: t, leave: func(auth.Outcome) {}, kernel: &caller}
	var key any = t.Peer().Transport
	if t.Peer().Known {
		key = t.Peer().UID
	}
	if v.home = d.server.accounts.open(key); v.home == nil {
		d.server.refuse(t)
		return
	}
	d.let(v)
}

func (d *Door) let(v *Visitor) {
	select {
	case d.queue <- v:
	case <-d.closed:
		v.Close()
	}
}

// Handle answers one call of a visitor, whose caller is one that
// [Visitor.Caller] told. Its error, if any, is an [*Error] that the caller may
// see. What asks for items is ended by rpc.Cancelled when the server stops.
func (d *Door) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	s := d.server
	d.mu.Lock()
	if d.shut || s.closing.Err() != nil {
		d.mu.Unlock()
		return Body{}, newError(wire.Draining, nil, "the service is stopping")
	}
	d.calls.Add(1)
	d.mu.Unlock()
	defer d.calls.Done()
	gauge := &s.stats.inFlight
	if sink != nil {
		gauge = &s.stats.subscriptions
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.closing, cancel)()
	}
	s.stats.calls.Add(1)
	gauge.Add(1)
	defer gauge.Add(-1)
	body, err := d.run(WithCaller(ctx, call.Caller), call, sink)
	if err == nil {
		return body, nil
	}
	s.stats.failed.Add(1)
	return Body{}, d.told(call, err)
}

// run is the handler, whose panic is a failure like others.
func (d *Door) run(ctx context.Context, call *Call, sink Sink) (body Body, err error) {
	method, returned := call.Method, false
	defer func() {
		switch p := recover(); {
		case p != nil:
			err = logged{fmt.Errorf("panic: %v", p)}
			d.Log().Error("sabir: handler panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
		case !returned: // net/http ends the connection
			d.Log().Error("sabir: handler called runtime.Goexit", "method", method, "stack", string(debug.Stack()))
		}
	}()
	body, err = d.server.root.Handle(ctx, call, sink)
	returned = true
	return body, err
}

// told is what may be said of a failure. spec [E3]
func (d *Door) told(call *Call, err error) *Error {
	var said *Error
	if errors.As(err, &said) {
		return said
	}
	w, ok := toWire(err)
	if !ok && !errors.As(err, new(logged)) {
		d.Log().Error("sabir: call failed", "method", call.Method, "err", err)
	}
	return fromWire(w)
}

// revoked is the end of a credential, in the visits that it was shown in. spec [K12]
func (d *Door) revoked(id string) {
	d.mu.Lock()
	var all []*Visitor
	for v := range d.visitors[id] {
		all = append(all, v)
	}
	d.mu.Unlock()
	for _, v := range all {
		v.revoked(id)
	}
}

// begun is a connection of which something was read already.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	return n, nil
}

// startsHTTP waits until it is clear whether the peer speaks HTTP.
func (c *conn) startsHTTP() bool {
	for n := 1; ; n++ {
		first, err := c.role.reader.Peek(n)
		if err != nil {
			return false
		}
		if start, ok := transport.Sniff(first); ok {
			return start == transport.StartsHTTP
		}
	}
}

// handOver gives the connection to whoever speaks HTTP; nothing was answered yet.
func (c *conn) handOver() {
	first, _ := c.role.reader.Peek(1)
	c.visit(c.t, append([]byte(nil), first...))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed = true
	c.fail(errHanded)
}

var errHanded = errors.New("speaks HTTP")
