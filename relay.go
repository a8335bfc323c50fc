package sabir

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/wire"
)

// A hub passes most calls on without a goroutine that waits for the answer: who
// has read a request writes it onward, and who reads the answer writes that
// back, and takes the locks of both connections one after the other, never
// both. What came together leaves together. With a goroutine for each call, two
// times in and out of the scheduler, a hub passed a tenth of that.
//
// What is not a plain call of a member that is there and that its caller may
// call is handled as everywhere else.

// router is a Handler that knows where some calls go on to.
type router interface {
	// route finds that out; false: the call has to be handled.
	route(method string, caller *Caller) (r route, ok bool)
}

// route is where a call goes on to.
type route struct {
	to     *conn
	method string // as it is called there
	hub    string
	watch  Watcher // nil: nobody watches
}

// relayed is a call that is passed on, as it came and as it went: one piece of
// memory, which goes round. A new one for each call, with a part for each
// connection, was a tenth of what a hub does.
type relayed struct {
	route
	in   inbound
	out  outbound
	call Call
	done func(Body, error) // told what came of it; nil: nobody is

	// Guarded by in.c.mu.
	id   int64 // that it has there; 0: it is not there yet, or no more
	away bool  // who read it is done with it
}

var relays = sync.Pool{New: func() any { return new(relayed) }}

// route is that of an offered service. spec [U4]
func (x *Exports) route(method string, caller *Caller) (r route, ok bool) {
	e := x.find(method)
	if e == nil {
		return r, false
	}
	m, ok := e.members[method]
	if !ok || m.merger != nil || caller.Permit(method, m.Member) != nil {
		return r, false
	}
	return route{to: e.c, method: e.there(method), hub: x.id, watch: x.watch}, true
}

// routed makes a call that is to be passed on; nil: this one is not. c.mu is held.
func (c *conn) routed(m *wire.Message, caller *Caller) *inbound {
	if c.router == nil || m.Window >= 0 {
		return nil
	}
	method := c.method(m.Method)
	to, ok := c.router.route(method, caller)
	if !ok {
		return nil
	}
	r := relays.Get().(*relayed)
	r.route = to
	r.call = Call{Method: method, Params: RawBody(m.Params), Window: NoWindow, Trace: m.Trace, Caller: *caller, Notify: m.ID.IsZero()}
	if m.Since != nil {
		r.call.Since = &Position{m.Since.Epoch, m.Since.Seq}
	}
	r.in = inbound{c: c, id: m.ID, caller: caller, call: &r.call, passed: r}
	r.in.expire(m.Timeout)
	return &r.in
}

// send passes the call on that came in m. Nothing is flushed there yet. The lock of the
// connection that it came from is held, but not while the other has its own.
func (r *relayed) send(m *wire.Message) {
	c, to, note := r.in.c, r.to, r.call.Notify
	c.role.passing = true
	c.mu.Unlock()
	if r.watch != nil {
		_, r.done = r.watch(&r.call, nil)
	}
	c.stats.calls.Add(1)
	c.stats.inFlight.Add(1)
	if note {
		c.holdUp(r)
	}
	id, err := to.sendOn(r, m)
	if note || err != nil {
		r.came(Body{}, err)
	}
	c.mu.Lock()
	c.role.passing = false
	c.role.owes(to)
	if note || err != nil {
		return
	}
	r.id, r.away = id, true
	if r.in.ctxErr != nil { // while it was on its way, and nobody knew yet what to cancel
		c.mu.Unlock()
		r.giveUp(id)
		c.mu.Lock()
	}
}

// sendOn writes the request of another connection's call, which is the message
// that it came in but for a few members.
func (c *conn) sendOn(r *relayed, m *wire.Message) (id int64, err error) {
	s := r.in.c.stated.Load()
	if !s.says(c, r.in.caller, r.hub) {
		if s, err = c.state(&r.in.c.stated, r.in.caller, r.hub); err != nil {
			return 0, err
		}
	}
	m.Caller = s.burden.caller
	if r.method != r.call.Method {
		m.Method = []byte(r.method)
	}
	if at := r.in.deadline; !at.IsZero() {
		if m.Timeout = time.Until(at).Seconds(); m.Timeout <= 0 {
			return 0, context.DeadlineExceeded
		}
	}
	part, err := c.carry(s.burden, &r.call)
	if err != nil {
		return 0, err
	}
	o := &r.out
	if r.call.Notify {
		o = nil
	}
	c.mu.Lock()
	err = c.append(o, m, &r.call, part, false)
	giveFrame(r.in.frame) // unless it goes along
	r.in.frame = nil
	switch {
	case err != nil || o == nil:
	case o.done: // it was too much for the connection, which has ended
		err = o.err
	default:
		o.back, id = r, o.id
	}
	c.mu.Unlock()
	if err != nil {
		part.unload()
	}
	if err == errNotSent {
		err = &Unanswered{Err: c.why()}
	}
	return id, err
}

// noteTime is how long a notification that is passed on holds up what is behind it.
const noteTime = time.Second

// holdUp waits, before a notification is passed on, until little waits to be sent there:
// nothing more is read meanwhile, so that whoever notifies faster than a service reads
// has to wait, as he would without a hub, and loses nothing. But if that has been in
// vain, nobody waits again until the service has read something. No lock is held. spec [B3]
func (c *conn) holdUp(r *relayed) {
	to := r.to
	to.mu.Lock()
	defer to.mu.Unlock()
	if !to.out.long() || c.vain.at == to && c.vain.progress == to.out.progress.Load() {
		return
	}
	to.mu.Unlock()
	c.mu.Lock()
	c.role.pay()
	c.flushLater()
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(&r.in, noteTime)
	defer cancel()
	ended := ctx.Done()
	to.mu.Lock()
	c.vain = vain{}
	if before := to.out.progress.Load(); !to.awaitRoom(ended) && to.out.progress.Load() == before {
		c.vain = vain{to, before}
	}
}

// vain is for whom notifications waited last and in vain, and how far he was.
type vain struct {
	at       *conn
	progress int64
}

// came ends the call with the answer, which lasts until came returns. No lock is
// held.
func (r *relayed) came(body Body, err error) {
	if r.done != nil {
		r.done(body, err)
	}
	c := r.in.c
	c.stats.inFlight.Add(-1)
	c.mu.Lock()
	r.id = 0
	// Of one that was given up or had a timer, others may know yet.
	again := r.away && r.in.ctxErr == nil && r.in.timer == nil
	r.in.finish(body, err, false)
	c.mu.Unlock()
	if again {
		*r = relayed{}
		relays.Put(r)
	}
}

// bring takes the answer of a call that was passed on to the connection that it
// came from. c.mu is held, but not while that has its own.
func (c *conn) bring(r *relayed, m *wire.Message) {
	var body Body
	var err error
	if m.Error != nil {
		err = fromWire(m.Error)
	} else {
		body = RawBody(m.Result)
		if len(m.Result.Raw) > largeFrame {
			r.in.frame = c.ownFrame()
		}
	}
	from := r.in.c
	c.mu.Unlock()
	r.came(body, err)
	c.mu.Lock()
	c.role.owes(from)
}

// bringLater is bring for who may not let go of the lock.
func (o *outbound) bringLater(err error) {
	if err == errNotSent {
		err = &Unanswered{Err: errClosed}
	}
	r, from := o.back, o.back.in.c
	o.c.goroutines.Go(func() {
		r.came(Body{}, err)
		from.mu.Lock()
		defer from.mu.Unlock()
		from.flush()
	})
}

// giveUp tells whom a call was passed on to that nobody wants the answer any
// more, unless that is on its way. No lock is held.
func (r *relayed) giveUp(id int64) {
	to := r.to
	to.mu.Lock()
	o := to.made.find(id)
	if o == nil || o.back != r {
		to.mu.Unlock()
		return
	}
	to.leaveBehind(o)
	if to.end == nil {
		to.out.buf = wire.AppendCancel(to.out.buf, to.enc, to.versioned, wire.IntID(id))
		to.flushLater()
	}
	to.mu.Unlock()
	r.came(Body{}, r.in.Err())
}

// owes notes that something was written to another connection. c.mu is held.
func (r *role) owes(to *conn) {
	if to == r.c || slices.Contains(r.owed, to) {
		return
	}
	r.owed = append(r.owed, to)
}

// pay flushes what was written to other connections. c.mu is held, but not
// while they have their own.
func (r *role) pay() {
	owed := r.owed
	if len(owed) == 0 {
		return
	}
	r.owed = nil
	r.c.mu.Unlock()
	for i, to := range owed {
		to.mu.Lock()
		to.tryFlush()
		to.mu.Unlock()
		owed[i] = nil
	}
	r.c.mu.Lock()
	if r.owed == nil {
		r.owed = owed[:0]
	}
}
