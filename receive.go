package sabir

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/wire"
)

// receive does what a message, or the error in its place, asks for, with c.mu
// held. mine tells that the reading goroutine may run a handler. What comes back
// is an error that ends the reading.
func (c *conn) receive(m *wire.Message, err error, mine bool) error {
	if c.end != nil {
		return c.end
	}
	if err != nil {
		return c.misshapen(m, err)
	}
	if m.Versioned {
		c.versioned = true
	}
	switch {
	case c.stranger != nil && c.caller.Credential == "" && (!m.IsRequest() || m.ID.IsZero()):
		c.stranger.refuse(c, wire.NullID, auth.Left)
	case !m.IsRequest():
		c.response(m)
	case m.ID.IsZero() && strings.HasPrefix(string(m.Method), "rpc."):
		c.notification(m)
	default:
		c.request(m, mine)
	}
	return nil
}

// misshapen answers a message that is no request and no response; the
// connection lives. Any other error is returned.
func (c *conn) misshapen(m *wire.Message, err error) error {
	var shape *wire.ShapeError
	if !errors.As(err, &shape) {
		return err
	}
	if m.Versioned {
		c.versioned = true
	}
	if o := c.asked(shape.Answer); o != nil { // spec [M12]
		c.unmake(o)
		o.unload()
		c.turns.give()
		o.finish(wire.Value{}, invalidResult([]Fault{{Reason: shape.Error()}}))
		return nil
	}
	if !c.strict || c.handler != nil {
		params := &requestParams{}
		if shape.Member != "" {
			params.Member = &shape.Member
		}
		c.respond(shape.ID, newError(wire.InvalidRequest, params, "%s", shape))
	}
	return nil
}

// respond writes the answer no.
func (c *conn) respond(id wire.ID, e *Error) {
	w, _ := toWire(e)
	c.appendError(id, w)
	c.charge()
	if !c.role.owner {
		c.flushLater()
	}
}

// appendError writes an error, or that it is too large to be sent. spec [B1]
func (c *conn) appendError(id wire.ID, e *wire.Error) {
	before := len(c.out.buf)
	c.out.buf = wire.AppendErrorResponse(c.out.buf, c.enc, c.versioned, id, e)
	if len(c.out.buf)-before > c.limits.Message {
		e, _ = toWire(tooLarge(c.limits.Message, true))
		c.out.buf = wire.AppendErrorResponse(c.out.buf[:before], c.enc, c.versioned, id, e)
	}
}

// request starts a call, or answers why not. c.mu is held, but not while a
// handler runs.
func (c *conn) request(m *wire.Message, mine bool) {
	if c.stranger != nil && !c.stranger.admits(c, m) || c.broken != nil && !m.ID.IsZero() {
		return
	}
	caller, e := c.admit(m)
	held := len(m.Params.Raw)
	if held < keepBuffer {
		held = 0
	}
	if e == nil && !c.hold(held) {
		e = tooMuch()
	}
	if e != nil {
		c.refuseOne(m, e)
		return
	}
	queues := m.ID.IsZero() && c.queues(m)
	var in *inbound
	if mine && !queues {
		in = c.routed(m, caller)
	}
	if in == nil {
		in = newInbound(c, m, caller)
	}
	in.held, in.load = held, c.loadFor(m.Caller)
	if len(m.Params.Raw) > largeFrame {
		in.frame = c.ownFrame()
		in.call.frame = in.frame
	}
	if queues {
		if !c.lineUp(in) {
			c.hold(-held)
			giveFrame(in.frame)
			c.refuseOne(m, busy("in_flight", "over %d notifications in flight on one connection, and %d bytes of them wait", c.limits.InFlight, c.limits.busyQueue()))
		}
		if mine {
			c.awaitLine(in.load)
		}
		return
	}
	c.begin(in)
	if m.ID.IsZero() {
		c.notify(in)
	} else {
		c.served.add(in)
	}
	if in.passed != nil {
		in.passed.send(m)
		return
	}
	c.handle(in, m.Caller, mine)
}

// handle runs the handler of a call that was read, with c.mu held, but not while
// that runs. Where it is known to take its time, or nobody looks after who has the
// role of reading, that goes to another goroutine first. So handlers start in the
// order of their calls; notifications that are quick are done before what follows them
// starts, which is more than is promised, but some rely on it. spec [O2]
func (c *conn) handle(in *inbound, caller wire.Value, mine bool) {
	r, turn := &c.role, c.role.busy
	slow := c.stats.slow.apart(in.call.Method)
	switch {
	case in.windowed || !mine:
		in.keepParams()
		c.goroutines.Add(1)
		go c.handleAlone(in) // maybe for days, and with as little stack as that takes
		return
	case c.stranger == nil && (slow != nil && (in.id.IsZero() || !c.many(caller)) || slow == nil && !in.id.IsZero() && r.aside(turn)):
		in.keepParams()
		c.appoint()
	default:
		slow = nil
		r.handles, r.handling = in.call.Method, turn
		in.seen = true
		r.hurry()
	}
	c.mu.Unlock()
	returned := false
	defer func() {
		if !returned {
			c.exited(in, turn)
		}
	}()
	body, err := c.stats.slow.run(in, slow)
	returned = true
	c.mu.Lock()
	if r.besides == turn {
		r.besides = 0
	}
	in.seen = in.seen && (r.busy != turn || r.seenBusy == turn)
	in.finish(body, err, true)
}

// exited is for a handler that has ended the goroutine which read its call, in that turn:
// another one reads, and c.mu is held for those who let go of it as the goroutine ends.
func (c *conn) exited(in *inbound, turn uint64) {
	c.mu.Lock()
	if r, me := &c.role, c.role.gen; r.owner && r.busy == turn {
		c.takeOver()
		delete(r.lent, me) // nobody comes to give it back
	}
	in.finish(Body{}, errExited, true)
	c.flushLater()
}

// handleAlone is handle in a goroutine of the call's own, and then of those that wait
// for its end: started by others they would overtake each other.
func (c *conn) handleAlone(in *inbound) {
	defer c.goroutines.Done()
	defer func() {
		if in != nil { // its goroutine ends, and others wait for that
			c.mu.Lock()
			defer c.mu.Unlock()
			next := c.nextUp(in.load)
			in.finish(Body{}, errExited, true)
			c.flushLater()
			if next != nil {
				c.goroutines.Add(1)
				go c.handleAlone(next)
			}
		}
	}()
	for in != nil {
		body, err := in.run()
		c.mu.Lock()
		next := c.nextUp(in.load)
		in.finish(body, err, true)
		c.flushAmong(c.running > 0)
		c.mu.Unlock()
		in = next
	}
}

// many reports that a caller is near to having too much under way: what comes now
// is handled before more is read, for it may be quick this time, and would be
// refused only because it came together with others. c.mu is held.
func (c *conn) many(caller wire.Value) bool {
	return c.loadOf(caller).running > c.limits.InFlight*3/4
}

func (c *conn) refuseOne(m *wire.Message, e *Error) {
	c.stats.failed.Add(1)
	if !m.ID.IsZero() {
		c.respond(m.ID, e)
	} else {
		c.lose(string(m.Method), e)
	}
}

// lose logs a notification that was not done. What anybody can make happen as often as
// he likes fills no log, so of those for which there was no room one is worth a warning.
// c.mu is held.
func (c *conn) lose(method string, err error) {
	level := slog.LevelDebug
	if errors.Is(err, ErrBusy) && !c.lossy {
		c.lossy, level = true, slog.LevelWarn
	}
	c.say(level, "sabir: notification lost", "method", wire.Clip(method), "err", err)
}

func tooMuch() *Error {
	return busy("queue", "too much received and not done with, on all connections of the caller")
}

// admit decides whether a request may start. spec [E4]: what it answers means
// never started.
func (c *conn) admit(m *wire.Message) (*Caller, *Error) {
	refuse := func(e *Error) (*Caller, *Error) { return nil, e }
	switch {
	case c.served.find(m.ID) != nil:
		id := "id"
		return refuse(newError(wire.InvalidRequest, &requestParams{&id}, `member "id": a call with id %s is in flight`, m.ID))
	case c.draining:
		return refuse(newError(wire.Draining, nil, "the service is stopping"))
	case c.crowded():
		return refuse(busy("queue", "too much unsent"))
	case m.Window >= 0 && c.loadOf(m.Caller).subs >= c.limits.Subscriptions:
		return refuse(busy("subscriptions", "over %d subscriptions on one connection", c.limits.Subscriptions))
	case m.Window >= 0 && m.Caller.IsZero() && c.account.full(subscriptions, 1, c.limits.maxCallerSubs()):
		return refuse(busy("subscriptions", "%s", c.account.excess(subscriptions, 1, c.limits.maxCallerSubs())))
	case m.Window < 0 && !m.ID.IsZero() && c.loadOf(m.Caller).running >= c.limits.InFlight:
		return refuse(busy("in_flight", "over %d calls in flight on one connection", c.limits.InFlight))
	case m.Window < 0 && !m.ID.IsZero() && m.Caller.IsZero() && c.load.running+c.load.notes >= freeCalls && c.account.full(inFlight, 1, c.limits.maxCallerCalls()):
		return refuse(busy("in_flight", "%s", c.account.excess(inFlight, 1, c.limits.maxCallerCalls())))
	case c.handler == nil:
		return refuse(notFound(string(m.Method), string(m.Method), nil))
	}
	return c.onBehalf(m.Caller)
}

// notification applies one of the protocol's own. What does not fit is ignored.
// spec [M6], [S4]
func (c *conn) notification(m *wire.Message) {
	switch string(m.Method) {
	case wire.MethodItem:
		it, ok := m.Item, true
		if it == nil {
			it = new(wire.Item)
			ok = wire.ParseItem(m.Params, it)
		}
		if o := c.asked(it.ID); ok && o != nil {
			o.item(it)
		}
	case wire.MethodLive:
		var l wire.Live
		if wire.ParseLive(m.Params, &l) {
			if o := c.asked(l.ID); o != nil {
				o.live(&l)
			}
		}
	case wire.MethodMore:
		if id, n, ok := wire.ParseMore(m.Params); ok {
			if in := c.served.find(id); in != nil {
				in.more(n)
			}
		}
	case wire.MethodCancel:
		if id, ok := wire.ParseCancel(m.Params); ok {
			if in := c.served.find(id); in != nil {
				in.cancel(errCancelled)
				if !c.role.owner {
					c.flushLater()
				}
			}
		}
	case wire.MethodGoaway:
		c.goneAway = true
		c.out.dismiss()
	}
}

// asked returns the call of ours that has an id, nil if none has.
func (c *conn) asked(id wire.ID) *outbound {
	if n, ok := id.Int(); ok {
		return c.made.find(n)
	}
	return nil
}

// response hands an answer to its caller.
func (c *conn) response(m *wire.Message) {
	if m.Error == nil || m.Error.Code != wire.Busy {
		c.turns.give() // also where nobody waits for the answer any more: there is room again
	}
	o := c.asked(m.ID)
	if o == nil {
		if m.ID.IsNull() && m.Error != nil {
			c.refused = fromWire(m.Error)
		}
		c.putDown(m.ID)
		return // spec [M11]
	}
	c.unmake(o)
	o.unload()
	if o.back != nil {
		c.bring(o.back, m)
		return
	}
	if m.Error != nil {
		o.finish(wire.Value{}, fromWire(m.Error))
	} else {
		o.finish(m.Result, nil)
	}
}

var errCancelled = errors.New("cancelled by the caller")
