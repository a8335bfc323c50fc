package sabir

import (
	"context"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// Access is the level a caller has, or a member needs: AccessRead < AccessWrite
// < AccessAdmin. spec [D4]
type Access = idl.Access

const (
	NoAccess    = idl.NoAccess
	AccessRead  = idl.Read
	AccessWrite = idl.Write
	AccessAdmin = idl.Admin
)

// Caller is who made a call, as the server verified it, never as claimed.
type Caller struct {
	Name       string // of the credential, empty on unix sockets
	Credential string // its id, for the log
	Level      Access
	Only       []auth.Glob // the members that the credential is narrowed to; empty: all
	Expires    time.Time   // when it ends; zero: never
	Via        []string    // the hubs that the call has passed, the first one first; they have vouched for the rest
	Peer       transport.Peer
}

// covers reports whether the caller's credential opens the member at all. spec [K11]
func (c *Caller) covers(member string) bool {
	return len(c.Only) == 0 || auth.Rights{Only: c.Only}.Covers(member)
}

// Permit returns nil or, as an answer, why the caller may not call the member
// of that full name. A [Service] asks before anything else; a Handler that
// passes calls on has to. spec [D4], [K11]
func (c *Caller) Permit(method string, m *idl.Member) error {
	if needs := m.Needs(); !c.Level.Allows(needs) {
		return Denied(needs, "%s needs access level %s", method, needs)
	}
	if !c.covers(method) {
		return newError(wire.Denied, &memberNeeded{method}, "the credential is not for %s", method)
	}
	return nil
}

type callerKey struct{}

// WithCaller returns a context whose calls are made for that caller, where the
// Handler called is in this process.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, &c)
}

// CallerOf returns who made the call that ctx belongs to. Outside of a call it
// is this process itself, with level admin.
func CallerOf(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return *c
	}
	return Caller{Level: AccessAdmin, Peer: transport.Peer{Transport: "inproc"}}
}
