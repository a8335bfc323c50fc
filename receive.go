package sabir

import (
	"errors"
	"strings"

	"github.com/sabir-ipc/sabir/wire"
)

// receive does what a message, or the error in its place, asks for, with c.mu
// held. mine tells that the reading goroutine may run a handler. What comes back
// is an error that ends the reading.
func (c *conn) receive(m *wire.Message, err error, mine bool) error {
	if c.end != nil {
		return c.end
	}
	var shape *wire.ShapeError
	switch {
	case errors.As(err, &shape):
		if m.Versioned {
			c.versioned = true
		}
		if !c.strict || c.handler != nil {
			params := &requestParams{}
			if shape.Member != "" {
				params.Member = &shape.Member
			}
			c.respond(shape.ID, newError(wire.InvalidRequest, params, "%s", shape))
		}
		return nil
	case err != nil:
		return err
	}
	if m.Versioned {
		c.versioned = true
	}
	switch {
	case !m.IsRequest():
		c.response(m)
	case m.ID.IsZero() && strings.HasPrefix(string(m.Method), "rpc."):
		c.notification(m)
	default:
		c.request(m, mine)
	}
	return nil
}

// respond writes the answer no.
func (c *conn) respond(id wire.ID, e *Error) {
	w, _ := toWire(e)
	c.out.buf = wire.AppendErrorResponse(c.out.buf, c.enc, c.versioned, id, w)
	c.charge()
	if !c.role.owner {
		c.flushLater()
	}
}

// request starts a call, or answers why not. c.mu is held, but not while a
// handler runs.
func (c *conn) request(m *wire.Message, mine bool) {
	if e := c.admit(m); e != nil {
		c.stats.failed.Add(1)
		if !m.ID.IsZero() {
			c.respond(m.ID, e)
		} else {
			c.log.Debug("sabir: notification refused", "method", string(m.Method), "err", e)
		}
		return
	}
	in := newInbound(c, m)
	if in.windowed {
		c.subs++
	} else {
		c.running++
	}
	if !m.ID.IsZero() {
		c.served[m.ID] = in
	}
	if mine && !in.windowed {
		c.mu.Unlock()
		body, err := in.run()
		c.mu.Lock()
		in.finish(body, err)
		return
	}
	in.keepParams()
	c.goroutines.Add(1)
	go func() {
		defer c.goroutines.Done()
		body, err := in.run()
		c.mu.Lock()
		defer c.mu.Unlock()
		in.finish(body, err)
		c.flush()
	}()
}

// admit decides whether a request may start. spec [E4]: what it answers means
// never started.
func (c *conn) admit(m *wire.Message) *Error {
	switch _, used := c.served[m.ID]; {
	case used:
		id := "id"
		return newError(wire.InvalidRequest, &requestParams{&id}, `member "id": a call with id %s is in flight`, m.ID)
	case c.draining:
		return newError(wire.Draining, nil, "the service is stopping")
	case c.crowded():
		return busy("queue", "too much unsent")
	case m.Window >= 0 && c.subs >= maxSubscriptions:
		return busy("subscriptions", "over %d subscriptions on one connection", maxSubscriptions)
	case m.Window < 0 && c.running >= maxInFlight:
		return busy("in_flight", "over %d calls in flight on one connection", maxInFlight)
	case c.handler == nil:
		return notFound(string(m.Method), string(m.Method), nil)
	case !m.Caller.IsZero():
		// Only hubs may say on whose behalf they ask, and none is trusted yet.
		caller := "caller"
		return newError(wire.InvalidRequest, &requestParams{&caller}, `member "caller": refused from anyone but a hub`)
	}
	return nil
}

// notification applies one of the protocol's own. What does not fit is ignored.
// spec [M6], [S4]
func (c *conn) notification(m *wire.Message) {
	switch string(m.Method) {
	case wire.MethodItem:
		var it wire.Item
		if wire.ParseItem(m.Params, &it) {
			if n, ok := it.ID.Int(); ok && c.made[n] != nil {
				c.made[n].item(&it)
			}
		}
	case wire.MethodLive:
		var l wire.Live
		if wire.ParseLive(m.Params, &l) {
			if n, ok := l.ID.Int(); ok && c.made[n] != nil {
				c.made[n].live(&l)
			}
		}
	case wire.MethodMore:
		if id, n, ok := wire.ParseMore(m.Params); ok {
			if in := c.served[id]; in != nil {
				in.more(n)
			}
		}
	case wire.MethodCancel:
		if id, ok := wire.ParseCancel(m.Params); ok {
			if in := c.served[id]; in != nil {
				in.cancel(errCancelled)
				if !c.role.owner {
					c.flushLater()
				}
			}
		}
	case wire.MethodGoaway:
		c.goneAway = true
	}
}

// response hands an answer to its caller.
func (c *conn) response(m *wire.Message) {
	n, ok := m.ID.Int()
	o := c.made[n]
	if !ok || o == nil {
		if m.ID.IsNull() && m.Error != nil {
			c.refused = fromWire(m.Error)
		}
		return // spec [M11]
	}
	delete(c.made, n)
	if m.Error != nil {
		o.finish(wire.Value{}, fromWire(m.Error))
	} else {
		o.finish(m.Result, nil)
	}
}

var errCancelled = errors.New("cancelled by the caller")
