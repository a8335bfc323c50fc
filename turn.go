package sabir

import (
	"context"
	"slices"
	"time"
)

// turns are for calls of ours that were refused because too many are under way on
// their connection.
type turns struct {
	wanted []chan struct{}
	given  int
}

// errCrowded is for a large call that would be among so many that a service, which
// has to read them, could only end the connection. spec [B6]
var errCrowded = busy("queue", "too much is on its way")

// crowding reports whether a call was refused because too much of this client is
// under way already, so that it never started.
func crowding(err error) bool {
	of := limitOf(err)
	return of == "in_flight" || of == "queue"
}

// limitOf names the limit by which a call was refused; empty: it was not, or may have
// started.
func limitOf(err error) string {
	no, _ := err.(*Error) // and none inside of an Unanswered
	var of limitParams
	if no == nil || no.Code != ErrBusy.Code || no.Params.Decode(&of) != nil || of.Limit == nil {
		return ""
	}
	return *of.Limit
}

const (
	// turnTime is how long a call that was refused waits while no other is answered.
	turnTime = time.Second
	// slotTime is for handlers that were told to stop, whose places are taken until they
	// have, though their calls are answered. spec [B3]
	slotTime = 10 * time.Millisecond
	// maxTurns is how often one is sent again: a handler may refuse by these limits too.
	maxTurns = 100
)

// turn waits, for a call of ours that was refused because too many are under way,
// until another one has been answered: who waits longest is next, and nobody waits long
// if none is, since they may be meant to wait for days. false: it was in vain, or there
// is none to wait for.
func (c *conn) turn(ctx context.Context) bool {
	ended := ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil {
		return true
	}
	if c.late == 0 && !slices.ContainsFunc(c.made.places, func(p place[outbound]) bool { return p.v != nil && p.v.window == NoWindow }) {
		c.mu.Unlock()
		select {
		case <-time.After(slotTime):
		case <-ended:
		}
		c.mu.Lock()
		return false
	}
	t, turn := &c.turns, make(chan struct{})
	t.wanted = append(t.wanted, turn)
	late := time.NewTimer(turnTime)
	defer late.Stop()
	over := false
	for waits := true; waits; {
		given := t.given
		c.mu.Unlock()
		select {
		case <-turn:
			waits = false
		case <-ended:
			waits, over = false, true
		case <-late.C:
			late.Reset(turnTime)
		}
		c.mu.Lock()
		waits = waits && given != t.given
	}
	i := slices.Index(t.wanted, turn)
	switch {
	case i >= 0:
		t.wanted = slices.Delete(t.wanted, i, i+1)
	case over:
		t.give()
	}
	return i < 0
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
