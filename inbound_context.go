package sabir

import (
	"context"
	"slices"
	"time"
)

// An inbound call is its own context: most calls ask it nothing, and so pay for
// neither a channel nor a chain of values.

var _ context.Context = (*inbound)(nil)

// Deadline is when the time of the call is up.
func (in *inbound) Deadline() (time.Time, bool) {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return in.deadline, !in.deadline.IsZero()
}

// Done is closed when the call is over, for whatever reason.
func (in *inbound) Done() <-chan struct{} {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	if in.done == nil {
		in.done = make(chan struct{})
		if in.ctxErr != nil {
			close(in.done)
		}
	}
	return in.done
}

// Err says why it is over.
func (in *inbound) Err() error {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return in.ctxErr
}

// Value knows the caller and the connection, and what the server's own context knows.
func (in *inbound) Value(key any) any {
	if _, ok := key.(callerKey); ok {
		return in.caller
	}
	if _, ok := key.(peerKey); ok {
		return in.c
	}
	return in.c.base.Value(key)
}

// AfterFunc spares contexts made from this one a goroutine each; the context
// package looks for it.
func (in *inbound) AfterFunc(f func()) (stop func() bool) {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	if in.ctxErr != nil {
		go f()
		return func() bool { return false }
	}
	a := &afterFunc{f}
	in.after = append(in.after, a)
	return func() bool {
		in.c.mu.Lock()
		defer in.c.mu.Unlock()
		i := slices.Index(in.after, a)
		if i < 0 {
			return false
		}
		in.after = slices.Delete(in.after, i, i+1)
		return true
	}
}
