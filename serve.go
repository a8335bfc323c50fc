package sabir

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// ServeOptions are the rare wishes of a server; nil and zero mean the default.
type ServeOptions struct {
	Product string        // what rpc.info says; default: the first service
	Version string        // of the product
	Log     *slog.Logger  // default: slog.Default
	Grace   time.Duration // for calls in flight when the server stops; default: 10 s

	// Level says what a peer may do. Default: admin for the same user, for root
	// and over stdio and pipes, nothing for others. spec [A4]
	Level func(transport.Peer) Access

	// For ListenAndServe:
	Env   transport.Env // where names are; default: the environment
	Mode  os.FileMode   // of the socket; default: 0600
	Group string        // group of the socket, whose members may then connect
}

// ListenAndServe offers h at an address, a name or a path of a unix socket,
// until ctx ends. Then it stops as Serve does.
func ListenAndServe(ctx context.Context, address string, h Handler, opts *ServeOptions) error {
	a, err := transport.Parse(address)
	if err != nil {
		return err
	}
	var o ServeOptions
	if opts != nil {
		o = *opts
	}
	ln, err := transport.Listen(a, &transport.ListenOptions{Env: o.Env, Mode: o.Mode, Group: o.Group})
	if err != nil {
		return err
	}
	return Serve(ctx, ln, h, opts)
}

// Serve offers h to whoever connects to ln, until ctx ends: then it closes ln,
// asks clients to go, gives the calls in flight ten seconds, cancels what is
// left, and returns nil once the last handler has returned. spec [O9]
func Serve(ctx context.Context, ln *transport.Listener, h Handler, opts *ServeOptions) error {
	s := newServer(ctx, h, opts)
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	var failure error
	for {
		t, err := ln.Accept()
		if err != nil {
			ln.Close()
			if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				failure = err
			}
			break
		}
		s.accept(t)
	}
	s.stop()
	return failure
}

// ServeConn offers h over one connection, such as [transport.Stdio], until it
// ends or ctx does.
func ServeConn(ctx context.Context, t *transport.Conn, h Handler, opts *ServeOptions) error {
	s := newServer(ctx, h, opts)
	if s.accept(t) {
		select {
		case <-s.idle():
		case <-ctx.Done():
		}
	}
	s.stop()
	return nil
}

// server is the connections of one Serve.
type server struct {
	base     context.Context
	opts     ServeOptions
	root     *root
	stats    *stats
	accounts accounts

	mu    sync.Mutex
	conns map[*conn]struct{}
	empty chan struct{} // closed when there are none, made by idle
	all   sync.WaitGroup
}

func newServer(ctx context.Context, h Handler, opts *ServeOptions) *server {
	s := &server{base: context.WithoutCancel(ctx), stats: new(stats), conns: make(map[*conn]struct{})}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Log == nil {
		s.opts.Log = slog.Default()
	}
	if s.opts.Grace <= 0 {
		s.opts.Grace = drainTime
	}
	if s.opts.Level == nil {
		s.opts.Level = defaultLevel
	}
	s.root = newRoot(h, &s.opts, s.stats)
	return s
}

// defaultLevel trusts the user whose process it is, root, and whoever holds the
// other end of a pipe. A failed look-up is nobody. spec [A4]
func defaultLevel(p transport.Peer) Access {
	switch {
	case p.Transport != "unix":
		return AccessAdmin
	case p.Known && (p.UID == 0 || int(p.UID) == os.Getuid()):
		return AccessAdmin
	}
	return NoAccess
}

// accept takes a connection in; false: its caller has too many.
func (s *server) accept(t *transport.Conn) bool {
	peer := t.Peer()
	var key any = peer.Transport
	if peer.Known {
		key = peer.UID
	}
	acc := s.accounts.open(key)
	if acc == nil {
		e, _ := toWire(busy("connections", "over %d connections", maxConnections))
		t.Write(wire.AppendErrorResponse(nil, wire.JSON, false, wire.NullID, e))
		t.Close()
		return false
	}
	var c *conn
	c = newConn(t, connConfig{
		handler: s.root, base: s.base, log: s.opts.Log, account: acc, stats: s.stats,
		caller: Caller{Level: s.opts.Level(peer), Peer: peer},
		onClose: func() {
			s.accounts.close(acc)
			s.stats.connections.Add(-1)
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.conns, c)
			if len(s.conns) == 0 && s.empty != nil {
				close(s.empty)
				s.empty = nil
			}
		},
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.connections.Add(1)
	s.conns[c] = struct{}{}
	s.all.Add(1)
	c.start()
	go func() {
		defer s.all.Done()
		c.wait()
	}()
	return true
}

// idle is closed when no connection is left.
func (s *server) idle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	return s.empty
}

func (s *server) each(f func(*conn)) {
	s.mu.Lock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		f(c)
	}
}

// stop drains. spec [O9]
func (s *server) stop() {
	s.each((*conn).drain)
	wait := func(d time.Duration) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-s.idle():
			return true
		case <-t.C:
			return false
		}
	}
	if !wait(s.opts.Grace) {
		s.each((*conn).cancelAll)
		if !wait(time.Second) {
			s.each((*conn).close)
		}
	}
	s.all.Wait()
}

// InProcess returns a client of h in this process, over a pipe in memory: for
// tests, and for a program that is its own client. Close ends both ends.
func InProcess(h Handler, opts *DialOptions) *Client {
	near, far := transport.Pipe()
	var log *slog.Logger
	if opts != nil {
		log = opts.Log
	}
	st := new(stats)
	served := newConn(far, connConfig{
		handler: newRoot(h, nil, st), base: context.Background(), log: log, stats: st,
		caller: Caller{Level: AccessAdmin, Peer: transport.Peer{Transport: "inproc"}},
	})
	served.start()
	c := NewClient(near, opts)
	c.old = append(c.old, served)
	return c
}
