package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// DefaultPort is that of sabir: addresses, SABI on a telephone's keys.
const DefaultPort = "7224"

// keepAlive finds a peer that is gone without a word within 45 s. Nobody is asked to answer pings for that. The kernel
// asks only where nothing waits to be acknowledged; where something does, it would try for a quarter of an hour, so
// unacknowledged ends that.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 2}

// unacknowledged is how long the peer may leave something so. On Linux it also ends the asking, at the first that finds
// it over: hence a little less than 45 s.
const unacknowledged = 40 * time.Second

// TCPOptions say what a TCP listener speaks.
type TCPOptions struct {
	Identity *Identity // by which clients know it; required for sabir: addresses, else without it there is no TLS

	// PlainBeyondLoopback lets a tcp: address be other than loopback, where everyone in between can read, change and
	// repeat everything that is said, secrets of the application included. Default: refused. spec [K20]
	PlainBeyondLoopback bool

	Protocols []string // of ALPN, besides our own, such as http/1.1; Greet tells which
}

// TCPDialOptions say whom a client believes; nil means every default.
type TCPDialOptions struct {
	KnownHosts  *KnownHosts      // default: none, so a server without fp= in its address is always seen for the first time
	Certificate *tls.Certificate // the client's own, where the server knows it by that

	// PlainBeyondLoopback is as in TCPOptions, for tcp: addresses.
	PlainBeyondLoopback bool
}

// PlainError says that without TLS only loopback is spoken to. spec [K20]
type PlainError struct {
	Address string // as it was resolved
	Scheme  string // tcp, ws or http
	Instead string // an address with TLS
}

func (e *PlainError) Error() string {
	return e.Address + " is not on this machine, and " + e.Scheme + ": has no TLS: everyone in between could read and change everything"
}

// Hint is what to write instead.
func (e *PlainError) Hint() string { return e.Instead }

// TCPListener accepts connections over TCP. Its methods may be called by any goroutine.
//
// It is no Listener on purpose: who connects to a unix socket is known, and here it is not. Whoever accepts has to
// find out before anything else (package auth).
type TCPListener struct {
	ln      *net.TCPListener
	scheme  string
	opts    TCPOptions
	closing chan struct{}
	once    sync.Once
	err     error
	shortage
}

// ListenTCP listens at a tcp: address, where both plain connections and TLS are taken, or at a sabir: address, where
// only TLS is. Port 0 is any that is free. Errors: *InUseError, *PlainError, *UnsupportedError, *AddressError.
func ListenTCP(ctx context.Context, addr Address, opts *TCPOptions) (*TCPListener, error) {
	if opts == nil {
		opts = &TCPOptions{}
	}
	if fault := addr.fault(); fault != nil {
		return nil, fault
	}
	switch {
	case addr.Scheme != "tcp" && addr.Scheme != "sabir":
		return nil, &UnsupportedError{addr.Scheme, "addresses are not TCP's"}
	case addr.Scheme == "sabir" && opts.Identity == nil:
		return nil, &UnsupportedError{addr.Scheme, "addresses need a key and certificate to listen on"}
	}
	// Resolved once, so that what is judged is what is listened on.
	where, err := net.ResolveTCPAddr("tcp", addr.HostPort())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr.HostPort(), cause(ctx, err))
	}
	if addr.Scheme == "tcp" && !opts.PlainBeyondLoopback && !where.AddrPort().Addr().Unmap().IsLoopback() {
		return nil, &PlainError{where.String(), addr.Scheme, "sabir://" + where.String()}
	}
	config := net.ListenConfig{KeepAliveConfig: keepAlive, Control: limitSilence} // what is accepted inherits it,
	config.SetMultipathTCP(false)                                                 // which this, Go's default, has not
	ln, err := config.Listen(ctx, "tcp", where.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &InUseError{where.String()}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, cause(ctx, err))
	}
	return &TCPListener{ln: ln.(*net.TCPListener), scheme: addr.Scheme, opts: *opts, closing: make(chan struct{})}, nil
}

// Accept waits for the next connection, of which nothing is known but where it comes from. As that of Listener it ends
// with net.ErrClosed only.
func (l *TCPListener) Accept() (*Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		conn, err := l.ln.AcceptTCP()
		switch {
		case err == nil:
			return NewConn(conn, Peer{Transport: "tcp", Remote: remote(conn)}), nil
		case errors.Is(err, net.ErrClosed):
			return nil, net.ErrClosed
		case !temporary(err):
			return nil, fmt.Errorf("%s: %w", l.ln.Addr(), cause(context.Background(), err))
		}
		l.note(err)
		timer := time.NewTimer(pause) // as in Listener.Accept: out of descriptors, this would spin
		select {
		case <-l.closing:
			timer.Stop()
			return nil, net.ErrClosed
		case <-timer.C:
		}
	}
}

// Greet finds out how a connection that Accept returned begins, does TLS where it begins so, and then looks inside. It
// returns the connection to go on with, from which nothing has been taken, and how it starts. ctx bounds all of it.
// StartsOther is to be closed without an answer. On an error the connection is closed. It blocks, so it has its own
// goroutine, not Accept's. spec/framings.md
func (l *TCPListener) Greet(ctx context.Context, c *Conn) (*Conn, Start, error) {
	greeted, start, err := l.greet(ctx, c)
	if err != nil {
		c.Close()
		return nil, StartsOther, fmt.Errorf("%v: %w", c.peer.Remote, err)
	}
	return greeted, start, nil
}

func (l *TCPListener) greet(ctx context.Context, c *Conn) (*Conn, Start, error) {
	raw, ok := c.rwc.(net.Conn)
	if !ok {
		return nil, StartsOther, errors.New("not a connection that was accepted")
	}
	first, start, err := peek(ctx, raw)
	switch {
	case err != nil:
		return nil, StartsOther, err
	case start != StartsTLS && l.scheme == "sabir":
		return c, StartsOther, nil // it may be a fault of somebody's configuration, but a secret may follow
	case start != StartsTLS:
		return NewConn(first, c.peer), start, nil
	case l.opts.Identity == nil:
		return c, StartsOther, nil
	}
	c, protocol, err := l.opts.Identity.accept(ctx, first, c.peer, l.opts.Protocols)
	if err != nil {
		return nil, StartsOther, err
	}
	first, start, err = peek(ctx, c.rwc.(net.Conn))
	if err != nil {
		return nil, StartsOther, err
	}
	// The ALPN name binds what is inside, so that no protocol can be taken for another. Browsers always send one; proxies
	// and simple clients of HTTP may send none.
	if start == StartsTLS || protocol != "" && (protocol != ALPN) != (start == StartsHTTP) {
		start = StartsOther
	}
	inside := NewConn(first, c.peer)
	inside.tls = c.tls
	return inside, start, nil
}

// Close stops listening. Connections live on.
func (l *TCPListener) Close() error {
	l.once.Do(func() {
		close(l.closing)
		l.err = l.ln.Close()
	})
	return l.err
}

// Address is where the listener is, with the port it got.
func (l *TCPListener) Address() Address {
	at := l.ln.Addr().(*net.TCPAddr).AddrPort()
	return Address{Scheme: l.scheme, Host: at.Addr().Unmap().String(), Port: fmt.Sprint(at.Port())}
}

// DialTCP connects to a tcp: or sabir: address. Over TLS the certificate is judged first: by fp= in the address, else
// by the known hosts (*CertificateError). If neither knows it, Shown().By is ByNothing, and nothing but the exchange
// of rpc.auth may be sent until that has proved the server. ctx bounds the connecting.
func DialTCP(ctx context.Context, addr Address, opts *TCPDialOptions) (*Conn, error) {
	if opts == nil {
		opts = &TCPDialOptions{}
	}
	if fault := addr.fault(); fault != nil {
		return nil, fault
	}
	if addr.Scheme != "tcp" && addr.Scheme != "sabir" {
		return nil, &UnsupportedError{addr.Scheme, "addresses are not TCP's"}
	}
	pairing, err := addr.Pairing()
	if err != nil {
		return nil, err
	}
	plain := addr.Scheme == "tcp"
	hostPort := addr.HostPort()
	raw, err := dialTCP(ctx, addr, hostPort, !plain || opts.PlainBeyondLoopback)
	if err != nil {
		return nil, err
	}
	from := Peer{Transport: "tcp", Remote: remote(raw)}
	if plain {
		return NewConn(raw, from), nil
	}
	return secure(ctx, raw, hostPort, from, opts, pairing.Pin)
}

// dialTCP connects to hostPort, which is that of addr or of a proxy on the way. Unless it may be anywhere it has to be
// on loopback.
func dialTCP(ctx context.Context, addr Address, hostPort string, anywhere bool) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlive, Control: limitSilence}
	if !anywhere {
		// Here the name is resolved already, to this address and no other.
		d.Control = func(network, address string, c syscall.RawConn) error {
			if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
				return &PlainError{address, addr.Scheme, addr.secured(address)}
			}
			return limitSilence(network, address, c)
		}
	}
	raw, err := d.DialContext(ctx, "tcp", hostPort)
	var refused *PlainError
	switch {
	case errors.As(err, &refused):
		return nil, refused
	case err != nil:
		return nil, fmt.Errorf("%s: %w", hostPort, cause(ctx, err))
	}
	return raw, nil
}

// secured is what to write instead of an address without TLS, which was resolved.
func (a Address) secured(resolved string) string {
	if !a.Web() {
		return "sabir://" + resolved
	}
	return Address{Scheme: a.Scheme + "s", Host: a.Host, Path: a.Path}.String()
}

// limitSilence tells the kernel of unacknowledged.
func limitSilence(_, _ string, c syscall.RawConn) error {
	var fault error
	err := c.Control(func(fd uintptr) {
		fault = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, int(unacknowledged/userTimeoutUnit))
	})
	if errors.Is(fault, syscall.ENOPROTOOPT) {
		fault = nil // an older kernel: what is gone without a word is found later there
	}
	return errors.Join(err, fault)
}

func remote(conn net.Conn) netip.AddrPort {
	if at, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		at := at.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return netip.AddrPort{}
}
