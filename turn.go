package sabir

import (
	"context"
	"errors"
	"slices"
	"time"
)

// turns are for calls of ours that were refused because too many are under way on
// their connection.
type turns struct {
	wanted []chan struct{}
	given  int
}

// crowding reports whether a call was refused because too much of this client is
// under way already, so that it never started.
func crowding(err error) bool {
	var no *Error
	var of limitParams
	if !errors.As(err, &no) || no.Code != ErrBusy.Code || no.Params.Decode(&of) != nil || of.Limit == nil {
		return false
	}
	return *of.Limit == "in_flight" || *of.Limit == "queue"
}

// turnTime is how long a call that was refused waits while no other is answered.
const turnTime = time.Second

// turn waits, for a call of ours that was refused because too many are under way,
// until another one has been answered: first come first served, and not for long if
// none is, since they may be meant to wait for days. others tells whether there are
// any.
func (c *conn) turn(ctx context.Context) (answered, others bool) {
	ended := ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.made.places {
		if others = p.v != nil && p.v.window == NoWindow; others {
			break
		}
	}
	if !others || c.end != nil {
		return c.end != nil, others
	}
	turn := make(chan struct{})
	t := &c.turns
	t.wanted = append(t.wanted, turn)
	late := time.NewTimer(turnTime)
	defer late.Stop()
	for waits := true; waits; {
		given := t.given
		c.mu.Unlock()
		select {
		case <-turn:
			waits = false
		case <-ended:
			waits = false
		case <-late.C:
			late.Reset(turnTime)
		}
		c.mu.Lock()
		waits = waits && given != t.given
	}
	i := slices.Index(t.wanted, turn)
	if i >= 0 {
		t.wanted = slices.Delete(t.wanted, i, i+1)
	}
	return i < 0, true
}

// give is for each answer that is no such refusal, with the lock of the connection
// held.
func (t *turns) give() {
	if len(t.wanted) > 0 {
		close(t.wanted[0])
		t.wanted = slices.Delete(t.wanted, 0, 1)
		t.given++
	}
}
