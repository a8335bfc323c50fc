package sabir

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// Over TCP nobody is known. What stands here lets a connection in, or keeps it
// out, before any of its calls is run. spec/security.md

// maxStranger is how long a message may be until its sender is known. spec [K3]
const maxStranger = 4 << 10

const methodAuth = "rpc.auth"

// strangers are a server's connections over TCP, before and after they are known.
type strangers struct {
	gate  auth.Gate
	store *auth.Store

	mu     sync.Mutex
	known  map[string]map[*conn]struct{} // by credential
	logged map[netip.Prefix]*told        // who was told of lately
}

// stranger is what a connection is until its caller is known, and while a
// pairing token is all that is known of him. The exchange belongs to the
// goroutine that has the role of reading, which keeps it meanwhile.
type stranger struct {
	server   *server
	exchange *auth.Exchange
	leave    func(auth.Outcome)
	needs    string // the mechanism
	clock    *time.Timer
	welcomed func() // told when the caller is known; may be nil
}

// greet takes in a connection over TCP. It blocks for auth.GateTime at most.
func (s *server) greet(ln *transport.TCPListener, t *transport.Conn) {
	from := t.Peer().Remote.Addr()
	enter := s.gate.Enter
	if s.shared(from) {
		enter = func(from netip.Addr) (func(auth.Outcome), error) { return s.gate.Wait(s.closing, from) }
	}
	leave, err := enter(from)
	if err != nil {
		s.tell(from, slog.LevelWarn, err.Error())
		t.Close()
		return
	}
	deadline := time.Now().Add(auth.GateTime)
	ctx, cancel := context.WithDeadline(s.closing, deadline)
	defer cancel()
	t, start, err := ln.Greet(ctx, t)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		leave(auth.TimedOut)
	case err != nil:
		leave(auth.Left)
	case start == transport.StartsHTTP && s.door != nil:
		s.door.greet(t, deadline, leave)
		return
	case start != transport.StartsJSON && start != transport.StartsCBOR:
		s.tell(from, slog.LevelInfo, "speaks no Sabir, closed")
		t.Close()
		leave(auth.Left)
	default:
		s.meet(t, deadline, leave)
		return
	}
	if err != nil {
		s.tell(from, slog.LevelInfo, "no connection: "+err.Error())
	}
}

// shared reports whether a source may be that of many: proxies are on this machine, or where the face has been told.
func (s *server) shared(from netip.Addr) bool {
	b, ok := s.opts.HTTP.(Believer)
	return ok && b.Believes(from)
}

// meet begins a connection whose caller is to be found out.
func (s *server) meet(t *transport.Conn, deadline time.Time, leave func(auth.Outcome)) {
	peer := t.Peer()
	if peer.Certificate != (transport.Fingerprint{}) {
		if who, err := s.store.ByCertificate(peer.Certificate); err == nil {
			leave(auth.Known)
			s.acceptKnown(t, who)
			return
		}
	}
	binding := t.Binding()
	c := s.newConn(t, Caller{Peer: peer}, nil)
	s.await(c, deadline, &stranger{
		server: s, exchange: auth.NewExchange(s.store, binding), leave: leave, needs: auth.MechanismFor(binding),
	})
}

// await begins a connection that has until deadline to say who is there.
func (s *server) await(c *conn, deadline time.Time, st *stranger) {
	c.stranger = st
	c.role.reader.SetMax(maxStranger)
	st.clock = time.AfterFunc(time.Until(deadline), func() {
		st.leave(auth.TimedOut)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.stranger == st && c.caller.Credential == "" {
			c.fail(errors.New("not authenticated in time"))
		}
	})
	s.begin(c)
}

func (s *server) acceptKnown(t *transport.Conn, who auth.Credential) {
	acc := s.accounts.open(who.ID)
	if acc == nil {
		s.refuse(t)
		return
	}
	c := s.newConn(t, callerBy(who, t.Peer()), acc)
	s.enter(who.ID, c)
	s.begin(c)
	if !s.store.Valid(who) {
		c.close()
	}
}

func callerBy(who auth.Credential, p transport.Peer) Caller {
	c := Caller{Name: who.Name, Credential: who.ID, Only: who.Only, Level: Access(who.Level), Expires: who.Expires, Peer: p}
	if who.Kind == auth.Once {
		c.Level = NoAccess // spec [K13]
	}
	return c
}

// admits answers for a request of a stranger, and reports whether it is to be
// run like others. c.mu is held, but not during a step of the exchange.
func (st *stranger) admits(c *conn, m *wire.Message) bool {
	method := string(m.Method)
	if !st.exchange.Admits(method) {
		if c.caller.Credential != "" { // a pairing token, which is good for little
			c.respond(m.ID, st.denied())
			return false
		}
		st.refuse(c, m.ID, auth.Left)
		return false
	}
	if method != methodAuth {
		return true
	}
	var in authParams
	v := m.Params
	if faults := codec.For[authParams]().Decode(v, &in, codec.Strict); len(faults) > 0 {
		st.refuse(c, m.ID, auth.Failed)
		return false
	}
	c.mu.Unlock()
	answer, who, err := st.step(&in)
	outcome := auth.Failed
	if err != nil {
		level := slog.LevelInfo
		if !errors.Is(err, auth.ErrRefused) {
			outcome, level = auth.Left, slog.LevelError // our own fault
		}
		st.server.tell(c.t.Peer().Remote.Addr(), level, err.Error())
	}
	c.mu.Lock()
	switch {
	case c.end != nil:
	case err != nil:
		st.refuse(c, m.ID, outcome)
	case who == nil:
		st.respond(c, m.ID, authResult{Data: answer})
	default:
		st.welcome(c, m.ID, answer, *who)
	}
	return false
}

// step is one of the exchange; absent texts are empty ones.
func (st *stranger) step(in *authParams) (answer string, who *auth.Credential, err error) {
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	if in.Token == nil {
		return st.exchange.Step(text(in.Mechanism), text(in.Data))
	}
	who, err = st.exchange.Show(auth.KnownSecret(*in.Token))
	return "", who, err
}

// welcome makes the stranger a caller.
func (st *stranger) welcome(c *conn, id wire.ID, answer string, who auth.Credential) {
	s := st.server
	acc := s.accounts.open(who.ID)
	if acc == nil {
		c.respond(id, s.oneMore())
		c.part(errors.New("too many connections of one credential"))
		st.leave(auth.Known)
		return
	}
	c.account = acc
	caller := callerBy(who, c.caller.Peer)
	c.caller = &caller
	c.hub = s.opts.Hub(caller)
	c.role.reader.SetMax(2 * c.limits.Message)
	if st.welcomed != nil {
		st.welcomed()
	}
	st.clock.Stop()
	st.leave(auth.Known)
	if who.Kind != auth.Once {
		c.stranger = nil
		s.connected(c)
	}
	s.enter(who.ID, c)
	you := youOf(caller)
	st.respond(c, id, authResult{Data: answer, You: &you})
	if who.Kind != auth.Once && !s.store.Valid(who) {
		c.fail(errRevoked) // it was, before the one who watches could have told us
	}
}

func (st *stranger) denied() *Error {
	return newError(wire.Denied, &authNeeded{Needs: "auth", Mechanism: st.needs}, "authenticate first")
}

// refuse says the one thing that a stranger is told, and ends the connection. spec [K2], [K6]
func (st *stranger) refuse(c *conn, id wire.ID, o auth.Outcome) {
	st.leave(o)
	if id.IsZero() {
		id = wire.NullID
	}
	c.respond(id, st.denied())
	c.part(errors.New("not authenticated"))
}

func (st *stranger) respond(c *conn, id wire.ID, result authResult) {
	body, err := BodyOf(&result)
	buf, f := wire.OpenResult(c.out.buf, c.enc, c.versioned, id)
	if err == nil {
		buf, err = body.Append(buf, c.enc)
	}
	if err != nil { // cannot be
		c.out.buf = f.Undo(buf)
		c.fail(err)
		return
	}
	c.out.buf = f.Close(buf)
}

var errRevoked = errors.New("the credential was revoked")

// enter notes by which credential a connection came, so that it ends with it. spec [K12]
func (s *server) enter(id string, c *conn) {
	s.strangers.mu.Lock()
	defer s.strangers.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]map[*conn]struct{})
	}
	if s.known[id] == nil {
		s.known[id] = make(map[*conn]struct{})
	}
	s.known[id][c] = struct{}{}
}

// forget is enter undone; id may be empty.
func (s *server) forget(id string, c *conn) {
	s.strangers.mu.Lock()
	defer s.strangers.mu.Unlock()
	if delete(s.known[id], c); len(s.known[id]) == 0 {
		delete(s.known, id)
	}
}

// revoked ends the connections that came by a credential.
func (s *server) revoked(id string) {
	s.strangers.mu.Lock()
	var all []*conn
	for c := range s.known[id] {
		all = append(all, c)
	}
	s.strangers.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		c.fail(errRevoked)
		c.mu.Unlock()
	}
	if s.door != nil {
		s.door.revoked(id)
	}
	if len(all) > 0 { // apart, since the log may take its time, and the next one is to end within a second
		s.all.Go(func() {
			s.opts.Log.Info("sabir: a credential is revoked, has expired or opens something else now", "id", id, "connections ended", len(all))
		})
	}
}

// told is what the log has of a source.
type told struct {
	at   time.Time
	more int // that it has not
}

// tell logs what a stranger did, once a second and source, with how often it
// kept quiet since: a flood must not become one of the log.
func (s *server) tell(from netip.Addr, level slog.Level, what string) {
	more, first := s.unsaid(auth.Source(from))
	if !first {
		return
	}
	attrs := []any{"peer", from}
	if more > 0 {
		attrs = append(attrs, "not_logged", more)
	}
	s.opts.Log.Log(context.Background(), level, "sabir: "+what, attrs...)
}

// unsaid returns how much was not logged of a source before this, unless it is not logged
// either.
func (s *strangers) unsaid(source netip.Prefix) (more int, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, before := time.Now(), s.logged[source]
	if before != nil && now.Sub(before.at) < time.Second {
		before.more++
		return 0, false
	}
	if s.logged == nil || len(s.logged) >= 1024 {
		s.logged = make(map[netip.Prefix]*told)
	}
	s.logged[source] = &told{at: now}
	if before != nil {
		more = before.more
	}
	return more, true
}

// The params and results of rpc.auth and rpc.pair. spec/security.md
type (
	authParams struct {
		Mechanism *string `doc:"SCRAM-SHA-256-PLUS over TLS, else SCRAM-SHA-256."`
		Data      *string `max:"1024" doc:"The next message of the exchange." sensitive:"true"`
		Token     *string `max:"256" doc:"Instead of an exchange, on a WebSocket: a bearer, id.secret." sensitive:"true"`
	}
	authResult struct {
		Data string `sabir:",optional" sensitive:"true"`
		You  *you   `doc:"With the last message."`
	}
	authNeeded struct{ Needs, Mechanism string }
	pairParams struct {
		Name *string `max:"64" doc:"What the client calls itself."`
	}
	pairResult struct {
		ID     string
		Secret string `sensitive:"true"`
		Name   string
		Level  string
		Only   []string `sabir:",optional" doc:"The members it is narrowed to."`
	}
)

// authenticate answers those who are known already: strangers do not get here. spec [K10]
func (r *root) authenticate(context.Context, authParams) (authResult, error) {
	return authResult{}, newError(wire.InvalidRequest, nil, "the caller is known already")
}

// pair trades a pairing token. spec [K13]
func (r *root) pair(ctx context.Context, p pairParams) (pairResult, error) {
	c, _ := ctx.Value(peerKey{}).(*conn)
	if c == nil || c.stranger == nil {
		return pairResult{}, Denied(NoAccess, "rpc.pair is for those who have come with a pairing token")
	}
	name := ""
	if p.Name != nil {
		name = *p.Name
	}
	who, secret, err := c.stranger.exchange.Pair(name)
	switch {
	case errors.Is(err, auth.ErrName):
		return pairResult{}, invalidParams([]Fault{{Path: "name", Reason: err.Error()}})
	case errors.Is(err, auth.ErrRefused):
		return pairResult{}, Denied(NoAccess, "the token is traded already")
	case err != nil:
		return pairResult{}, err
	}
	out := pairResult{ID: who.ID, Secret: secret.Reveal(), Name: who.Name, Level: who.Level}
	for _, g := range who.Only {
		out.Only = append(out.Only, string(g))
	}
	return out, nil
}
