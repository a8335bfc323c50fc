package sabir

import (
	"sync"
	"sync/atomic"

	"github.com/sabir-ipc/sabir/wire"
)

// burden is what a connection carries for one caller on whose behalf calls go
// out there: those that are not answered. What is too much for one is refused
// before it takes the lock of the connection, for which others would have to
// wait, and before it is in the way of theirs. spec [U8]
//
// Its methods may be called by many goroutines at once, hence the atomics.
type burden struct {
	caller  wire.Value   // as he is stated
	all     atomic.Int64 // what follows together; gone, if it is forgotten
	running atomic.Int64 // calls
	subs    atomic.Int64 // subscriptions
	notes   atomic.Int64 // notifications that are not on their way
	bytes   atomic.Int64 // of the params of all
}

// gone is far from any number that is reached by counting.
const gone = -1 << 40

// burdens are those of a connection, by caller.
type burdens struct {
	mu  sync.Mutex
	all map[string]*burden
}

// of returns the burden of a caller, made if need be.
func (bs *burdens) of(caller wire.Value) *burden {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.all[string(caller.Raw)]
	if b == nil {
		bs.sweep()
		b = &burden{caller: caller}
		if bs.all == nil {
			bs.all = make(map[string]*burden)
		}
		bs.all[string(caller.Raw)] = b
	}
	return b
}

// sweep forgets, now and then, those of whom nothing is under way.
func (bs *burdens) sweep() {
	if len(bs.all)%64 != 63 {
		return
	}
	for caller, b := range bs.all {
		if b.all.CompareAndSwap(0, gone) {
			delete(bs.all, caller)
		}
	}
}

// carried is the part of one call; the zero one is of nobody.
type carried struct {
	by    *burden
	count *atomic.Int64 // of its kind
	bytes int64
}

// notesTimes is how many times as many notifications of a caller may be unsent as calls
// may be unanswered.
const notesTimes = 16

// carry counts a call for a caller, unless that is too much.
func (c *conn) carry(b *burden, call *Call) (carried, error) {
	for b.all.Add(1) <= 0 {
		b.all.Add(-1)
		b = c.burdens.of(b.caller)
	}
	part, most, what := carried{b, &b.running, int64(len(call.Params.raw.Raw))}, c.limits.InFlight, "in_flight"
	switch {
	case call.Notify:
		part.count, most = &b.notes, notesTimes*most // nobody hears of one that is refused
	case call.Window != NoWindow:
		part.count, most, what = &b.subs, c.limits.Subscriptions, "subscriptions"
	}
	n, bytes := part.count.Add(1), b.bytes.Add(part.bytes)
	switch {
	case n > int64(most):
		part.unload()
		return carried{}, busy(what, "over %d of one caller on the way to the service", most)
	case bytes > int64(c.limits.busyQueue()) && bytes > part.bytes:
		part.unload()
		return carried{}, busy("queue", "too much of one caller on the way to the service")
	}
	return part, nil
}

// unload is carry undone.
func (p carried) unload() {
	if p.by != nil {
		p.count.Add(-1)
		p.by.bytes.Add(-p.bytes)
		p.by.all.Add(-1)
	}
}

// leaveBehind is for a call that nobody waits for any more: it is carried until
// it is answered. c.mu is held.
func (c *conn) leaveBehind(o *outbound) {
	c.unmake(o)
	c.late++
	if o.carried.by != nil {
		if c.behind == nil {
			c.behind = make(map[int64]carried)
		}
		c.behind[o.id] = o.carried
	}
}

// putDown is for the answer of one that was left behind. c.mu is held.
func (c *conn) putDown(id wire.ID) {
	n, _ := id.Int()
	c.late = max(0, c.late-1)
	if part, ok := c.behind[n]; ok {
		delete(c.behind, n)
		part.unload()
	}
}

// noted is when what waits is on its way, and notifications with it, of which
// nothing more will be heard. c.mu is held.
func (c *conn) noted() {
	for i, part := range c.notes {
		part.unload()
		c.notes[i] = carried{}
	}
	c.notes = c.notes[:0]
}
