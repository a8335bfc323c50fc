package sabir

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// On whose behalf a call is made: the member caller, between a hub and what is
// behind it. spec/hub.md

// newHubID names one run of a hub. spec [U1]
func newHubID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// maxVia is how many hubs a call may have passed. spec [U3]
const maxVia = 8

// behalf is the member caller of a request. spec [U1]
type behalf struct {
	Name  *string
	Uid   *uint32
	Level *Access
	Via   []string
}

// fault says what is wrong with it, if not its types. spec [U1]
func (b *behalf) fault() string {
	switch {
	case b.Name != nil && !validID(*b.Name):
		return `"name" has 1 to 64 of the characters a-z 0-9 . _ -`
	case len(b.Via) == 0 || len(b.Via) > maxVia:
		return `"via" has 1 to 8 ids`
	}
	for _, id := range b.Via {
		if !validID(id) {
			return `an id has 1 to 64 of the characters a-z 0-9 . _ -`
		}
	}
	return ""
}

// validID reports whether s has only the characters of [K7].
func validID(s string) bool {
	return len(s) > 0 && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// believed is the last caller of a connection that was stated and taken: one
// after the other they are mostly the same. Its load is kept here, and is found
// without a map; the others' are in conn.loads while they are any.
type believed struct {
	caller *Caller
	load   *load
}

// load is what one caller has under way on a connection. spec [U8]
type load struct {
	stated  string // the caller, as bytes; empty: the peer itself
	running int    // calls
	notes   int    // notifications
	subs    int
	line    *line // nil: nobody waits
}

func (l *load) none() bool { return l.running+l.notes+l.subs == 0 }

// loadOf returns that of the caller that a request states; it may be a copy.
// c.mu is held.
func (c *conn) loadOf(stated wire.Value) load {
	switch {
	case stated.IsZero():
		return c.load
	case c.behalf.is(stated):
		return *c.behalf.load
	}
	if l := c.loads[string(stated.Raw)]; l != nil {
		return *l
	}
	return load{}
}

func (b *believed) is(stated wire.Value) bool {
	return b.load != nil && b.load.stated == string(stated.Raw)
}

// believe makes the one who is stated the last.
func (c *conn) believe(stated wire.Value, caller *Caller) {
	if last := c.behalf.load; last != nil && !last.none() {
		if c.loads == nil {
			c.loads = make(map[string]*load)
		}
		c.loads[last.stated] = last
	}
	l := c.loads[string(stated.Raw)]
	if l == nil {
		l = &load{stated: string(stated.Raw)}
	}
	delete(c.loads, l.stated)
	c.behalf = believed{caller, l}
}

// loadFor is loadOf for a caller that onBehalf has believed.
func (c *conn) loadFor(stated wire.Value) *load {
	if stated.IsZero() {
		return &c.load
	}
	return c.behalf.load
}

// kind is the count of those that are as this one.
func (in *inbound) kind() *int {
	if in.id.IsZero() {
		return &in.load.notes
	}
	return &in.load.running
}

// begin counts a call.
func (c *conn) begin(in *inbound) {
	if in.windowed {
		c.subs++
		in.load.subs++
		if in.load == &c.load {
			c.account.add(subscriptions, 1)
		}
	} else {
		c.running++
		*in.kind()++
		if in.load == &c.load && in.load.running+in.load.notes > freeCalls {
			c.account.add(inFlight, 1)
		}
	}
}

// done is begin undone.
func (c *conn) done(in *inbound) {
	if in.windowed {
		c.subs--
		in.load.subs--
		if in.load == &c.load {
			c.account.add(subscriptions, -1)
		}
	} else {
		if in.load == &c.load && in.load.running+in.load.notes > freeCalls {
			c.account.add(inFlight, -1)
		}
		c.running--
		*in.kind()--
		if in.load.line != nil {
			c.callUp(in.load)
		}
	}
	if in.load.none() && len(c.loads) > 0 {
		delete(c.loads, in.load.stated)
	}
}

// onBehalf returns the caller that a request states, c's own if it states
// none. c.mu is held. spec [U2]
func (c *conn) onBehalf(stated wire.Value) (*Caller, *Error) {
	if stated.IsZero() {
		return c.caller, nil
	}
	if !c.hub {
		return nil, refusedCaller(`member "caller": refused from anyone but a hub`)
	}
	if c.behalf.is(stated) {
		return c.behalf.caller, nil
	}
	var b behalf
	if faults := codec.For[behalf]().Decode(stated, &b, codec.Strict); len(faults) > 0 {
		return nil, refusedCaller(`member "caller": %s`, joinFaults(faults))
	}
	if fault := b.fault(); fault != "" {
		return nil, refusedCaller(`member "caller": %s`, fault)
	}
	caller := &Caller{Via: b.Via, Peer: transport.Peer{Transport: "hub"}}
	if b.Name != nil {
		caller.Name = *b.Name
	}
	if b.Uid != nil {
		caller.Peer.Known, caller.Peer.UID = true, *b.Uid
	}
	if b.Level != nil {
		caller.Level = *b.Level
	}
	if !c.caller.Level.Allows(caller.Level) {
		caller.Level = c.caller.Level
	}
	c.believe(stated, caller)
	return caller, nil
}

func refusedCaller(format string, args ...any) *Error {
	member := "caller"
	return newError(wire.InvalidRequest, &requestParams{&member}, format, args...)
}

// statement is a caller as he was last stated to a connection: one after the
// other they are mostly the same.
type statement struct {
	to     *conn
	caller *Caller
	hub    string
	burden *burden // and in it, how that is written
}

// says reports whether that is what would be said of a caller.
func (s *statement) says(to *conn, c *Caller, hub string) bool {
	if s == nil || s.to != to || s.hub != hub {
		return false
	}
	is := s.caller
	return is == c || is.Name == c.Name && is.Level == c.Level &&
		is.Peer.Known == c.Peer.Known && is.Peer.UID == c.Peer.UID && slices.Equal(is.Via, c.Via)
}

// state writes a caller, who is not changed any more, as the member of a request
// that goes on by way of hub, and keeps that as last.
func (c *conn) state(last *atomic.Pointer[statement], caller *Caller, hub string) (*statement, error) {
	raw, err := appendCaller(nil, c.enc, caller, hub) // a connection over which there was an answer has its encoding
	if err != nil {
		return nil, err
	}
	s := &statement{c, caller, hub, c.burdens.of(wire.Value{Enc: c.enc, Raw: raw})}
	last.Store(s)
	return s, nil
}

// appendCaller writes the member caller. spec [U1], [U3]
func appendCaller(dst []byte, enc wire.Encoding, caller *Caller, hub string) ([]byte, error) {
	if slices.Contains(caller.Via, hub) {
		return dst, refusedCaller(`member "caller": %q was here before`, hub)
	}
	b := behalf{Via: append(slices.Clone(caller.Via), hub)}
	if len(b.Via) > maxVia {
		return dst, refusedCaller(`member "caller": over %d hubs`, maxVia)
	}
	if validID(caller.Name) {
		b.Name = &caller.Name
	}
	if caller.Peer.Known {
		b.Uid = &caller.Peer.UID
	}
	if caller.Level != NoAccess {
		b.Level = &caller.Level
	}
	return codec.AppendAny(dst, enc, &b)
}
