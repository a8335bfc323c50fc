package sabir

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// Visitor is a connection that speaks HTTP. Its requests come one after the
// other, and each may be another caller's. spec [H2]
type Visitor struct {
	net.Conn
	door     *Door
	t        *transport.Conn
	deadline time.Time
	clock    *time.Timer // nil: the caller need not prove anything

	kernel *Caller         // whom the kernel or TLS names, nil: nobody
	proved auth.Credential // of kernel, where TLS has shown it
	home   *account        // of kernel, where it is the kernel's

	mu    sync.Mutex
	leave func(auth.Outcome) // of the gate; counts once
	from  netip.Addr         // for whom the request was passed on; zero: for who connected
	met   bool               // somebody has shown a credential
	shown map[string]*account
	who   auth.Credential // by which the request comes, if by one that was shown
	payer *account        // of who that is
	over  bool
}

// Transport is "unix", "tcp" or "tls".
func (v *Visitor) Transport() string { return v.t.Peer().Transport }

// secure reports whether a secret may be shown here. spec [K21]
func (v *Visitor) secure() bool {
	p := v.t.Peer()
	return p.Transport != "tcp" || p.Remote.Addr().IsLoopback()
}

// PassedOn says that the next request comes from an address, by a proxy that is
// to be believed: whoever is there is then let in or kept out, and owes for failing,
// and not the proxy by which all others come as well. The zero Addr says that it is
// of who connected. stays says that it will be known only later who is there. The
// error is an [*Error], rpc.Busy: the address is kept out. spec [K3], [K4]
func (v *Visitor) PassedOn(from netip.Addr, stays bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.from = from // and no more that of the request before
	if !from.IsValid() {
		return nil
	}
	enter := v.door.server.gate.Pass
	if stays {
		enter = v.door.server.gate.Enter
	}
	leave, err := enter(from)
	v.leave(auth.Answered) // the proxy has done what it does
	if err != nil {
		v.door.server.tell(from, slog.LevelWarn, err.Error())
		return busy("strangers", "too many failures, or too many at once, from your address; try again later")
	}
	if v.kernel != nil || v.met {
		leave(auth.Answered) // the connection has left the gate, by whoever it was
		return nil
	}
	v.leave = leave
	return nil
}

// source is who owes for failures. v.mu is held.
func (v *Visitor) source() netip.Addr {
	if v.from.IsValid() {
		return v.from
	}
	return v.t.Peer().Remote.Addr()
}

// left tells the gate how it ended.
func (v *Visitor) left(o auth.Outcome) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.leave(o)
}

// Known reports whether it is known who is there, without a bearer or by an
// earlier one. A visitor who is not gets one answer and is closed.
func (v *Visitor) Known() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.kernel != nil || v.met
}

// Caller tells who makes a request. bearer is what it shows, empty if nothing:
// then it is who made the connection, where that is known, unless passedOn says
// that the request may be somebody else's. The error is an [*Error], rpc.Denied
// or rpc.Busy; after a bearer that was refused the connection has to be closed.
// spec [H2], [K21]
func (v *Visitor) Caller(bearer string, passedOn bool) (Caller, error) {
	switch {
	case bearer == "" && v.kernel != nil && !passedOn:
		v.mu.Lock()
		v.who, v.payer = v.proved, v.home
		if v.home == nil {
			v.payer = v.shown[v.proved.ID]
		}
		v.mu.Unlock()
		return *v.kernel, nil
	case bearer == "":
		return Caller{}, v.denied()
	}
	if v.door.server.store == nil || !v.secure() {
		return Caller{}, v.failed(errors.New("no bearers are taken here"))
	}
	who, err := v.door.server.store.Bearer(auth.KnownSecret(bearer))
	if err != nil {
		return Caller{}, v.failed(err)
	}
	if err := v.enter(who); err != nil {
		return Caller{}, err
	}
	return callerBy(who, v.t.Peer()), nil
}

func (v *Visitor) denied() error {
	return newError(wire.Denied, &authNeeded{Needs: "auth", Mechanism: auth.Bearer}, "authenticate first")
}

// failed counts a bearer that is none. spec [K4]
func (v *Visitor) failed(err error) error {
	level := slog.LevelError // our own fault
	if errors.Is(err, auth.ErrRefused) {
		level = slog.LevelInfo
		v.mu.Lock()
		v.leave(auth.Failed)
		again, from := v.met, v.source() // the gate was left by an earlier one, which must not make this one free
		v.mu.Unlock()
		if again && from.IsValid() {
			if leave, err := v.door.server.gate.Pass(from); err == nil {
				leave(auth.Failed)
			}
		}
	}
	attrs := []any{"peer", v.t.Peer().Remote}
	v.mu.Lock()
	if v.from.IsValid() {
		attrs = append(attrs, "for", v.from)
	}
	v.mu.Unlock()
	v.door.Log().Log(v.door.Base(), level, "sabir: "+err.Error(), attrs...)
	return v.denied()
}

// enter notes by which credential a request comes, so that it ends with it. spec [K12]
func (v *Visitor) enter(who auth.Credential) error {
	s := v.door.server
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return v.denied()
	}
	v.who = who
	if v.payer = v.shown[who.ID]; v.payer != nil {
		return nil
	}
	if v.payer = s.accounts.open(who.ID); v.payer == nil {
		return s.oneMore()
	}
	if v.shown == nil {
		v.shown = make(map[string]*account)
	}
	v.shown[who.ID] = v.payer
	v.met = true
	v.door.mu.Lock()
	if v.door.visitors[who.ID] == nil {
		v.door.visitors[who.ID] = make(map[*Visitor]struct{})
	}
	v.door.visitors[who.ID][v] = struct{}{}
	v.door.mu.Unlock()
	if v.clock != nil {
		v.clock.Stop()
	}
	v.leave(auth.Known)
	if !s.store.Valid(who) {
		return v.denied() // it was revoked before the one who watches could have told us
	}
	return nil
}

// revoked is the end of a credential that was shown: of the visit as well, unless the
// request is somebody else's, who comes by the same proxy.
func (v *Visitor) revoked(id string) {
	v.mu.Lock()
	if v.who.ID != id && v.proved.ID != id {
		v.forget(id)
		v.mu.Unlock()
		return
	}
	v.mu.Unlock()
	v.Close()
}

// forget is enter undone. v.mu is held.
func (v *Visitor) forget(id string) {
	v.door.server.accounts.close(v.shown[id])
	delete(v.shown, id)
	v.door.mu.Lock()
	defer v.door.mu.Unlock()
	if delete(v.door.visitors[id], v); len(v.door.visitors[id]) == 0 {
		delete(v.door.visitors, id)
	}
}

// Answered says that the request asked only for what everybody may see, which
// costs its source nothing.
func (v *Visitor) Answered() { v.left(auth.Answered) }

// late ends a visit of somebody who did not say in time who it is.
func (v *Visitor) late() {
	v.left(auth.TimedOut)
	v.Close()
}

// Close ends the visit.
func (v *Visitor) Close() error {
	v.release()
	v.left(auth.Left)
	return v.Conn.Close()
}

// Hold counts bytes that the request takes for its caller, or gives them back if they
// are negative. The error is an [*Error], rpc.Busy: the caller has too
// much of that on all of his connections, and nothing was counted. spec [B6]
func (v *Visitor) Hold(bytes int) error {
	v.mu.Lock()
	acc := v.payer
	v.mu.Unlock()
	if !acc.take(received, bytes, v.door.Limits().maxReceived()) {
		return tooMuch()
	}
	return nil
}

// release gives back what the visit counts for.
func (v *Visitor) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return
	}
	v.over = true
	if v.clock != nil {
		v.clock.Stop()
	}
	if v.home != nil {
		v.door.server.accounts.close(v.home)
	}
	for id := range v.shown {
		v.forget(id)
	}
}

// Holder is what keeps messages before they are read from it, and counts their
// bytes by the function that it is given: more, or less if they are negative.
// false: they are too many, and it has to end with [wire.ErrNoRoom]. spec [B6]
type Holder interface {
	HoldWith(hold func(bytes int) bool)
}

// Attach makes the visit a connection like others, whose framings (spec/framings.md)
// are what rw reads and writes: a WebSocket. caller is nil for a stranger, who
// has to show a bearer first; welcomed is called when it has, and with a caller
// before Attach returns. Until then messages have at most 4 KiB. spec [H11]
func (v *Visitor) Attach(rw io.ReadWriteCloser, caller *Caller, welcomed func()) {
	s := v.door.server
	peer := v.t.Peer()
	t := transport.NewConn(rw, peer)
	v.release()
	hold := func(c *conn) {
		if h, ok := rw.(Holder); ok {
			h.HoldWith(c.holds)
		}
	}
	if caller == nil {
		deadline := v.deadline
		if deadline.IsZero() { // on a unix socket, where this one request is somebody else's
			deadline = time.Now().Add(auth.GateTime)
		}
		v.mu.Lock()
		leave := v.leave
		v.mu.Unlock()
		st := &stranger{server: s, exchange: auth.NewBearerExchange(s.store), leave: leave, needs: auth.Bearer, welcomed: welcomed}
		if !v.secure() {
			st.exchange, st.needs = auth.NewExchange(s.store, nil), auth.MechanismFor(nil)
		}
		c := s.newConn(t, Caller{Peer: peer}, nil)
		hold(c)
		s.await(c, deadline, st)
		return
	}
	welcomed()
	var key any = caller.Credential
	switch {
	case caller.Credential != "":
	case peer.Known:
		key = peer.UID
	default:
		key = peer.Transport
	}
	acc := s.accounts.open(key)
	if acc == nil {
		s.refuse(t)
		return
	}
	c := s.newConn(t, *caller, acc)
	if caller.Credential != "" {
		s.enter(caller.Credential, c)
	}
	hold(c)
	s.begin(c)
	if caller.Credential != "" && !s.store.Valid(v.who) {
		c.close() // it was revoked while nobody would have told us
	}
}
