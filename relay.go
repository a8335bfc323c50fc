package sabir

import (
	"slices"

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
	route(call *Call) (r route, ok bool)
}

// route is where a call goes on to.
type route struct {
	to   *conn
	call Call
	done func(Body, error) // told what came of it; nil: nobody is
}

// relayed is what became of a call that was passed on.
type relayed struct {
	to   *conn
	id   int64 // that it has there; 0: it is not there yet
	done func(Body, error)
}

// route is that of an offered service. spec [U4]
func (x *Exports) route(call *Call) (r route, ok bool) {
	e := x.find(call.Method)
	if e == nil || e.members[call.Method] == nil || e.mergers[call.Method] != nil {
		return r, false
	}
	if call.Caller.Permit(call.Method, e.members[call.Method]) != nil {
		return r, false
	}
	r = route{to: e.c, call: x.onward(e, call)}
	if x.watch != nil {
		_, r.done = x.watch(call, nil)
	}
	return r, true
}

// relay passes the call on, if it is one of those, and returns to whom. Nothing
// is flushed there yet. c.mu is not held.
func (in *inbound) relay() (to *conn) {
	c := in.c
	h, ok := c.handler.(router)
	if !ok || in.id.IsZero() {
		return nil
	}
	r, ok := h.route(in.call)
	if !ok {
		return nil
	}
	c.stats.calls.Add(1)
	c.stats.inFlight.Add(1)
	passed := &relayed{to: r.to, done: r.done}
	c.mu.Lock()
	in.passed = passed
	c.mu.Unlock()
	id, err := r.to.sendOn(in, &r.call)
	if err != nil {
		in.came(Body{}, err)
		return r.to
	}
	c.mu.Lock()
	over := in.ctxErr != nil
	passed.id = id
	c.mu.Unlock()
	if over { // while it was on its way, and nobody knew yet what to cancel
		in.giveUp(r.to, id)
	}
	return r.to
}

// sendOn writes the request of another connection's call, whose answer goes to
// in.came.
func (c *conn) sendOn(in *inbound, call *Call) (id int64, err error) {
	m := wire.Message{Method: []byte(call.Method)}
	part, err := c.head(in, &m, call)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	o, err := c.append(&m, call, part)
	switch {
	case err == nil && o.done: // it was too much for the connection, which has ended
		err = o.err
	case err == nil:
		o.back, id = in, o.id
	}
	c.mu.Unlock()
	if err != nil && o == nil {
		part.unload()
	}
	if err == errNotSent {
		err = &Unanswered{Err: c.why()}
	}
	return id, err
}

// came ends the call with the answer, which lasts until came returns. No lock is
// held.
func (in *inbound) came(body Body, err error) {
	if in.passed.done != nil {
		in.passed.done(body, err)
	}
	c := in.c
	c.stats.inFlight.Add(-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	in.passed.id = 0
	in.finish(body, err)
}

// bring takes the answer of a call that was passed on to the connection that it
// came from. c.mu is held, but not while that has its own.
func (c *conn) bring(in *inbound, m *wire.Message) {
	var body Body
	var err error
	if m.Error != nil {
		err = fromWire(m.Error)
	} else {
		body = RawBody(m.Result)
	}
	c.mu.Unlock()
	in.came(body, err)
	c.mu.Lock()
	c.role.owes(in.c)
}

// bringLater is bring for who may not let go of the lock.
func (o *outbound) bringLater(err error) {
	in := o.back
	o.c.goroutines.Add(1)
	go func() {
		defer o.c.goroutines.Done()
		in.came(Body{}, err)
		in.c.mu.Lock()
		defer in.c.mu.Unlock()
		in.c.flush()
	}()
}

// giveUp tells whom a call was passed on to that nobody wants the answer any
// more, unless that is on its way.
func (in *inbound) giveUp(to *conn, id int64) {
	to.mu.Lock()
	o := to.made[id]
	if o == nil || o.back != in {
		to.mu.Unlock()
		return
	}
	to.leaveBehind(o)
	o.recycle()
	if to.end == nil {
		to.out.buf = wire.AppendCancel(to.out.buf, to.enc, to.versioned, wire.IntID(id))
		to.flushLater()
	}
	to.mu.Unlock()
	in.came(Body{}, in.Err())
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
