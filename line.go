package sabir

import (
	"time"

	"github.com/sabir-ipc/sabir/wire"
)

// Notifications that are one too many. A call is refused, and its caller may make it
// again; whoever notifies is told nothing, so his wait here, in the order in which they
// came, until others have ended. They count by themselves: calls that wait for what a
// notification does would otherwise keep it from being done. spec [B3]

// line are the notifications of one caller that wait on a connection.
type line struct {
	waiting []*inbound
	bytes   int // that they take
}

const (
	// noteBytes is about what one takes beside its params.
	noteBytes = 512
	// lineTime is how long nothing is read where much waits and none of it begins.
	lineTime = time.Second
)

// queues reports whether a notification has to wait. c.mu is held.
func (c *conn) queues(m *wire.Message) bool {
	l := c.loadOf(m.Caller)
	return l.line != nil || c.taken(&l, m.Caller.IsZero())
}

// taken reports whether no more notifications of a caller may run now, who is the peer
// itself if own. c.mu is held.
func (c *conn) taken(l *load, own bool) bool {
	return l.notes >= c.limits.InFlight ||
		own && l.running+l.notes >= freeCalls && c.account.full(inFlight, 1, c.limits.maxCallerCalls())
}

// lineUp has a notification wait; false: there is no room for it. c.mu is held.
func (c *conn) lineUp(in *inbound) bool {
	l, size := in.load.line, noteBytes+len(in.call.Params.raw.Raw)
	if l != nil && l.bytes+size > c.limits.busyQueue() || !c.hold(size-in.held) {
		return false
	}
	in.held = size // and so, while it waits, small ones count as well [B6]
	if l == nil {
		l = new(line)
		in.load.line = l
	}
	in.keepParams()
	c.notify(in)
	l.waiting = append(l.waiting, in)
	l.bytes += size
	return true
}

// awaitLine is for who reads, where much of one caller waits: he reads no more until
// there is less, so that whoever notifies faster than his notifications are handled has
// to wait, and loses nothing. But that must not be for ever: what runs may itself wait
// for what has not been read. c.mu is held, and released while he waits.
func (c *conn) awaitLine(l *load) {
	r := &c.role
	if c.inVain || c.made.n > 0 || !l.line.long() {
		return
	}
	r.pay()
	c.flushLater()
	r.passing = true
	late := time.NewTimer(lineTime)
	defer late.Stop()
	for c.end == nil && c.made.n == 0 && l.line.long() && !c.inVain {
		moved := make(chan struct{})
		c.moved = moved
		c.mu.Unlock()
		select {
		case <-moved:
			late.Reset(lineTime)
			c.mu.Lock()
		case <-late.C:
			c.mu.Lock()
			c.inVain = c.moved == moved
		}
	}
	c.moved = nil
	r.passing = false
}

// move tells who reads that it may be time to go on. c.mu is held.
func (c *conn) move() {
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

func (l *line) long() bool { return l != nil && l.bytes > shortQueue }

// callUp starts those for whom there is room. c.mu is held.
func (c *conn) callUp(l *load) {
	for !c.taken(l, l == &c.load) {
		in := c.nextUp(l)
		if in == nil {
			return
		}
		c.goroutines.Add(1)
		go c.handleAlone(in)
	}
}

// nextUp takes the first out of a line, which has begun then; nil: there is none. c.mu
// is held.
func (c *conn) nextUp(l *load) *inbound {
	for q := l.line; q != nil; q = l.line {
		in := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		q.bytes -= in.held
		if len(q.waiting) == 0 {
			l.line = nil
		}
		c.inVain = false
		c.move()
		if in.ctxErr == nil {
			c.begin(in)
			return in
		}
		c.hold(-in.held) // its time is up
		giveFrame(in.frame)
	}
	return nil
}

// dismissLines lets all of them go. c.mu is held.
func (c *conn) dismissLines() {
	c.load.line = nil
	if c.behalf.load != nil {
		c.behalf.load.line = nil
	}
	for _, l := range c.loads {
		l.line = nil
	}
	c.move()
}

// notify notes that a notification is there. c.mu is held.
func (c *conn) notify(in *inbound) {
	if c.notified == nil {
		c.notified = make(map[*inbound]struct{})
	}
	c.notified[in] = struct{}{}
}
