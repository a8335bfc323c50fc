package sabir

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// ServeOptions are the rare wishes of a server; nil and zero mean the default.
type ServeOptions struct {
	Product string        // what rpc.info says; default: the first service
	Version string        // of the product
	Log     *slog.Logger  // default: slog.Default. It may take its time, and publish on the server itself
	Grace   time.Duration // for calls in flight when the server stops; default: 10 s

	Limits Limits // zero fields mean the defaults

	// Level says what a peer may do. Default: [OwnLevel]. spec [A4]
	Level func(transport.Peer) Access

	// Hub says whose word is taken on behalf of whom a call is made. Default:
	// that of peers not over TCP with level admin. spec [U2]
	Hub func(Caller) bool

	// Exports takes the services that those who connect offer to the others, as
	// plugins do. Default: none are taken. spec [U6]
	Exports *Exports

	// Over TCP, where callers prove who they are. spec/security.md
	Credentials *auth.Store         // who may come in; default for ListenAndServe: the file in Env.ServiceDir
	Identity    *transport.Identity // by which clients know the server; default for ListenAndServe: the one there

	// HTTP answers connections that begin as HTTP, on every port. Package web has
	// one. Default: nobody does, and they are closed. spec/http.md
	HTTP Face

	// Connected is told of each connection when its caller is known; what it
	// returns, if not nil, is called when that has ended. It must not call back, nor
	// wait: others do for it.
	// Default: nobody is told.
	Connected func(Caller) (gone func())

	// For ListenAndServe:
	Listen              []string      // further addresses, as sabir://0.0.0.0 (TLS) or tcp:localhost:7224
	PlainBeyondLoopback bool          // tcp: addresses other than loopback: everyone in between reads and changes everything
	Env                 transport.Env // where names are; default: the environment
	Mode                os.FileMode   // of the socket; default: 0600
	Group               string        // group of the socket, whose members may then connect

	// Ready is called when all listeners are there, with their addresses: a
	// port that was 0 is the real one. Default: nobody is told.
	Ready func(addresses []transport.Address)

	tell func(state string) error // whoever started the process, with its words for that
}

// Listener is where connections come from: a [transport.Listener], or a
// [transport.TCPListener], whose callers are strangers until they have proved
// who they are.
type Listener interface {
	Accept() (*transport.Conn, error)
	Close() error
}

// ListenAndServe offers h at an address, mostly the name of the service, and at
// those in opts.Listen, until ctx ends. Then it stops as Serve does. A socket
// that was made for the name by whoever started the process is used
// (LISTEN_FDS), and who wants to know is told when it is ready and when it
// stops (NOTIFY_SOCKET), both as systemd has it.
func ListenAndServe(ctx context.Context, address string, h Handler, opts *ServeOptions) error {
	var o ServeOptions
	if opts != nil {
		o = *opts
	}
	listeners, err := o.listen(ctx, append([]string{address}, o.Listen...), h)
	if err != nil {
		return err
	}
	o.tell = o.Env.Activation().Tell
	return serve(ctx, listeners, h, &o)
}

// Serve offers h to whoever connects to ln, until ctx ends: then it closes ln,
// asks clients to go, gives the calls in flight ten seconds, cancels what is
// left, and returns nil once the last handler has returned. spec [O9]
func Serve(ctx context.Context, ln Listener, h Handler, opts *ServeOptions) error {
	return serve(ctx, []Listener{ln}, h, opts)
}

func serve(ctx context.Context, listeners []Listener, h Handler, opts *ServeOptions) error {
	s := newServer(ctx, h, opts)
	closeAll := func() {
		for _, ln := range listeners {
			ln.Close()
		}
	}
	defer closeAll()
	for _, ln := range listeners {
		if l, ok := ln.(interface{ Short(func(error)) }); ok {
			l.Short(func(err error) {
				s.opts.Log.Error("sabir: connections wait and cannot be accepted", "err", err, "hint", "ulimit -n is how many files it may have")
			})
		}
		if tcp, ok := ln.(*transport.TCPListener); ok {
			if s.opts.Credentials == nil {
				return errors.New("sabir: ServeOptions.Credentials is needed over TCP: who may come in?")
			}
			s.root.listen = append(s.root.listen, tcp.Address().String())
		}
	}
	if s.store = s.opts.Credentials; s.store != nil {
		s.all.Go(func() { s.store.Follow(s.closing, s.revoked) })
	}
	if s.opts.HTTP != nil {
		s.openDoor()
	}
	if s.opts.Ready != nil {
		s.opts.Ready(addresses(listeners))
	}
	s.announce("READY=1")
	ended := make(chan error, len(listeners))
	for _, ln := range listeners {
		go func() { ended <- s.acceptFrom(ln) }()
	}
	stop := context.AfterFunc(ctx, closeAll)
	defer stop()
	var failure error
	for range listeners {
		err := <-ended
		closeAll() // one listener that fails takes the others along
		if failure == nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
			failure = err
		}
	}
	s.announce("STOPPING=1")
	s.stop()
	return failure
}

// announce says how far the server is, where somebody asked to hear.
func (s *server) announce(state string) {
	if s.opts.tell == nil {
		return
	}
	if err := s.opts.tell(state); err != nil {
		s.opts.Log.Warn("sabir: "+state, "err", err)
	}
}

func addresses(listeners []Listener) (all []transport.Address) {
	for _, ln := range listeners {
		if l, ok := ln.(interface{ Address() transport.Address }); ok {
			all = append(all, l.Address())
		}
	}
	return all
}

// listen opens the listeners, or none.
func (o *ServeOptions) listen(ctx context.Context, at []string, h Handler) (listeners []Listener, err error) {
	defer func() {
		if err != nil {
			for _, ln := range listeners {
				ln.Close()
			}
		}
	}()
	for _, text := range at {
		a, err := transport.Parse(text)
		if err != nil {
			return listeners, err
		}
		var ln Listener
		if a.Scheme == "tcp" || a.Scheme == "sabir" {
			if err := o.keys(a, h); err != nil {
				return listeners, err
			}
			ln, err = transport.ListenTCP(ctx, a, &transport.TCPOptions{
				Identity: o.Identity, PlainBeyondLoopback: o.PlainBeyondLoopback, Protocols: o.protocols(),
			})
		} else {
			ln, err = transport.Listen(a, &transport.ListenOptions{Env: o.Env, Mode: o.Mode, Group: o.Group})
		}
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, ln)
	}
	return listeners, nil
}

// keys opens the service's own key and credentials, where none were given. With credentials alone a tcp: address does
// without TLS.
func (o *ServeOptions) keys(a transport.Address, h Handler) (err error) {
	if o.Credentials != nil && (o.Identity != nil || a.Scheme == "tcp") {
		return nil
	}
	d, ok := h.(Describer)
	if !ok || len(d.Describe()) == 0 {
		return errors.New("sabir: ServeOptions.Identity and Credentials are needed over TCP for a Handler that does not describe itself")
	}
	dir, err := o.Env.ServiceDir(d.Describe()[0].Name)
	if err != nil {
		return err
	}
	if o.Identity == nil {
		if o.Identity, err = transport.OpenIdentity(dir); err != nil {
			return err
		}
	}
	if o.Credentials == nil {
		o.Credentials, err = auth.OpenStore(filepath.Join(dir, CredentialsFile))
	}
	return err
}

// CredentialsFile is the name of the file of credentials in Env.ServiceDir.
const CredentialsFile = "credentials"

// acceptFrom takes in connections until the listener is closed or fails.
func (s *server) acceptFrom(ln Listener) error {
	tcp, _ := ln.(*transport.TCPListener)
	for {
		t, err := ln.Accept()
		switch {
		case err != nil:
			return err
		case tcp != nil:
			s.all.Go(func() { s.greet(tcp, t) })
		default:
			s.accept(t)
		}
	}
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
	closing  context.Context // ends when the server stops
	close    context.CancelFunc
	opts     ServeOptions
	root     *root
	stats    *stats
	accounts accounts
	door     *Door // nil: nobody speaks HTTP
	strangers

	mu    sync.Mutex
	conns map[*conn]struct{}
	empty chan struct{} // closed when there are none, made by idle
	all   sync.WaitGroup
}

func newServer(ctx context.Context, h Handler, opts *ServeOptions) *server {
	s := &server{base: context.WithoutCancel(ctx), stats: new(stats), conns: make(map[*conn]struct{})}
	s.closing, s.close = context.WithCancel(ctx)
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
		s.opts.Level = OwnLevel
	}
	if s.opts.Hub == nil {
		s.opts.Hub = defaultHub
	}
	s.opts.Limits = s.opts.Limits.filled()
	s.accounts.most = s.opts.Limits.Connections
	s.root = newRoot(h, &s.opts, s.stats)
	return s
}

// OwnLevel is what [ServeOptions.Level] is by default, for those that let in others
// as well: admin for the user whose process it is, for root, and for whoever holds
// the other end of a pipe, and nothing for others. A failed look-up is nobody. It may
// be called by any goroutine. spec [A4]
func OwnLevel(p transport.Peer) Access {
	switch {
	case p.Transport == "tcp", p.Transport == "tls":
		return NoAccess
	case p.Transport != "unix":
		return AccessAdmin
	case p.Known && (p.UID == 0 || int(p.UID) == os.Getuid()):
		return AccessAdmin
	}
	return NoAccess
}

// defaultHub believes those who could do everything anyway. spec [U2]
func defaultHub(c Caller) bool {
	return c.Level == AccessAdmin && c.Peer.Transport != "tcp" && c.Peer.Transport != "tls"
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
		s.refuse(t)
		return false
	}
	c := s.newConn(t, Caller{Level: s.opts.Level(peer), Peer: peer}, acc)
	if s.door != nil {
		c.visit = s.door.visit
	}
	s.begin(c)
	return true
}

func (s *server) refuse(t *transport.Conn) {
	e, _ := toWire(s.oneMore())
	t.Write(wire.AppendErrorResponse(nil, wire.JSON, false, wire.NullID, e))
	t.Close()
}

// oneMore says why a connection is one too many.
func (s *server) oneMore() *Error {
	most := s.opts.Limits.Connections
	return busy("connections", "over %d connections of one caller, or an equal share of the %d of all callers", most, togetherTimes*most)
}

func (s *server) newConn(t *transport.Conn, caller Caller, acc *account) *conn {
	var c *conn
	c = newConn(t, connConfig{
		handler: s.root, base: s.base, log: s.opts.Log, account: acc, stats: s.stats,
		caller: caller, hub: s.opts.Hub(caller), limits: s.opts.Limits, goroutines: &s.all, onClose: func() { s.ended(c) },
	})
	return c
}

// begin starts a connection, which the server knows until it has ended.
func (s *server) begin(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.connections.Add(1)
	if c.stranger == nil {
		s.connected(c)
	}
	s.conns[c] = struct{}{}
	s.all.Add(1)
	c.start()
	if s.closing.Err() != nil { // it was greeted while the server began to stop
		s.all.Go(c.drain)
	}
}

// connected tells whoever wants to know that a caller is there.
func (s *server) connected(c *conn) {
	if s.opts.Connected != nil {
		c.gone = s.opts.Connected(*c.caller)
	}
}

func (s *server) ended(c *conn) {
	defer s.all.Done()
	if x := s.opts.Exports; x != nil {
		x.drop(c)
	}
	c.mu.Lock()
	acc, st, id, gone := c.account, c.stranger, c.caller.Credential, c.gone
	c.mu.Unlock()
	if gone != nil {
		gone()
	}
	if st != nil {
		st.clock.Stop()
		st.leave(auth.Left)
	}
	if acc != nil {
		s.accounts.close(acc)
	}
	s.forget(id, c)
	s.stats.connections.Add(-1)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if len(s.conns) == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
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
	s.close()
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
		caller: Caller{Level: AccessAdmin, Peer: transport.Peer{Transport: "inproc"}}, hub: true,
	})
	served.start()
	c := NewClient(near, opts)
	c.old = append(c.old, served)
	return c
}
