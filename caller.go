package sabir

import (
	"context"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
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
	Name  string // of the credential, empty on unix sockets
	Level Access
	Peer  transport.Peer
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
