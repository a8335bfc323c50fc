package sabir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sabir-ipc/sabir/wire"
)

// How a request gets on its way. Whoever makes a call writes it, and what else
// waits; but he waits no longer than his context lasts, whatever the peer reads.

// send writes the request. A nil outbound without error is a notification, sent.
func (c *conn) send(ctx context.Context, call *Call) (*outbound, error) {
	m := wire.Message{Method: []byte(call.Method)} // here, where it needs no memory of its own
	part, err := c.head(ctx, &m, call)
	if err != nil {
		return nil, err
	}
	ended := ctx.Done() // ctx may be a call of this connection: asking it anything else takes the lock
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := &c.role; r.owner && r.busy != 0 && c.running > 0 {
		c.takeOver() // a handler that calls out must not be who reads the answer
	}
	if c.out.long() || len(c.out.queued) > 0 {
		begun := time.Now()
		if !c.awaitRoom(ended) {
			part.unload()
			return nil, errEnded
		}
		if m.Timeout > 0 {
			m.Timeout = max(m.Timeout-time.Since(begun).Seconds(), 0.001)
		}
	}
	var o *outbound
	if !call.Notify {
		o = c.round.Get().(*outbound)
	}
	err = c.append(o, &m, call, part, c.cuts || ended == nil)
	c.out.next()
	if err != nil {
		part.unload()
		return nil, err
	}
	c.flushOwn(ctx, ended)
	return o, nil
}

// errEnded is the fate of a call whose context has ended before there was room for it.
var errEnded = errors.New("ended")

// awaitRoom waits until little waits to be sent, first come first served; false: until
// ended. Who would not wait could fill the memory with what a slow peer does not
// read. c.mu is held, and released while it waits. spec [O4]
func (c *conn) awaitRoom(ended <-chan struct{}) bool {
	o := &c.out
	for place := len(o.queued); (o.long() || place > 0) && !c.closing(); place = 0 {
		turn := make(chan struct{})
		o.queued = slices.Insert(o.queued, place, turn)
		c.flushLater()
		c.mu.Unlock()
		late := false
		select {
		case <-turn:
		case <-ended:
			late = true
		}
		c.mu.Lock()
		if !late {
			continue
		}
		if i := slices.Index(o.queued, turn); i >= 0 {
			o.queued = slices.Delete(o.queued, i, i+1)
		} else {
			o.next()
		}
		return false
	}
	return true
}

// flushOwn is flush for who has something to say, and waits until it is on its way:
// not for what others say behind it, nor longer than ctx lasts, which is until ended.
// c.mu is held, and released while writing.
func (c *conn) flushOwn(ctx context.Context, ended <-chan struct{}) {
	if ended != nil && !c.cuts {
		c.flushLater() // nothing could end this write
		return
	}
	if !c.beginFlush() {
		return
	}
	if c.made.n > 1 && len(c.waiting) > 0 {
		c.letOthersAdd()
	}
	p, n := c.takeOut(), 0
	if c.t.Lends() {
		n = c.tryWrite(p)
	}
	if n < p.size() {
		c.mu.Unlock()
		var err error
		n, err = c.writeUntil(ctx, ended, p, n)
		cut := errors.Is(err, os.ErrDeadlineExceeded)
		if cut {
			p, n = p.cut(n)
		}
		c.mu.Lock()
		switch {
		case cut:
			c.flushRestLater(p, n)
			return
		case err != nil:
			c.putBack(p, err)
			p, n = piece{}, 0
		}
	}
	c.flushFew(p, n)
}

// writeUntil is write until ctx ends; then its error is os.ErrDeadlineExceeded.
func (c *conn) writeUntil(ctx context.Context, ended <-chan struct{}, p piece, n int) (int, error) {
	if ended == nil || !c.cuts {
		return c.write(p, n)
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.t.SetWriteDeadline(time.Unix(1, 0))
		close(done)
	})
	n, err := c.write(p, n)
	if !stop() {
		<-done
		c.t.SetWriteDeadline(time.Time{})
	}
	return n, err
}

// fewPieces are what a caller writes for others, at most, behind what he has to say.
const fewPieces = 8

// flushFew writes what goes at once behind a piece of which n bytes are written, and
// leaves the rest to another goroutine. c.mu is held, and released while writing.
func (c *conn) flushFew(p piece, n int) {
	for range fewPieces {
		if n < p.size() {
			break
		}
		if len(c.out.buf) == 0 || c.end != nil || c.broken != nil {
			c.flushRest(p, n)
			return
		}
		c.putBack(p, nil)
		p, n = c.takeOut(), 0
		if c.t.Lends() {
			n = c.tryWrite(p)
		}
	}
	c.flushRestLater(p, n)
}

// head fills in all of a request but its id and its params, and counts it for
// the caller that it states.
func (c *conn) head(ctx context.Context, m *wire.Message, call *Call) (part carried, err error) {
	if err := ctx.Err(); err != nil {
		return part, err
	}
	if !utf8.ValidString(call.Method) || !utf8.ValidString(call.Trace) {
		return part, errors.New("sabir: method or trace is not UTF-8")
	}
	m.Window, m.Trace = int64(call.Window), call.Trace
	if call.Since != nil {
		m.Since = &wire.Since{Epoch: call.Since.Epoch, Seq: call.Since.Seq}
	}
	if at, ok := ctx.Deadline(); ok && call.Window == NoWindow && !call.Notify {
		if m.Timeout = time.Until(at).Seconds(); m.Timeout <= 0 {
			return part, context.DeadlineExceeded
		}
	}
	if hub := cmp.Or(call.hub, c.as); hub != "" {
		// What was stated last is kept with the connection that the call came from,
		// for there it is mostly one caller; else with this one.
		last := &c.stated
		if in, ok := ctx.(*inbound); ok {
			last = &in.c.stated
		}
		s := last.Load()
		if !s.says(c, &call.Caller, hub) {
			caller := call.Caller
			if s, err = c.state(last, &caller, hub); err != nil {
				return part, err
			}
		}
		m.Caller = s.burden.caller
		return c.carry(s.burden, call)
	}
	return part, nil
}

// append adds a request to what waits to be sent, of which part is what is
// carried; o is nil for a notification. now is that of
// loosely. c.mu is held.
func (c *conn) append(o *outbound, m *wire.Message, call *Call, part carried, now bool) error {
	if c.closing() {
		return errNotSent
	}
	if part.by != nil && c.out.unsent() > c.limits.busyQueue()+c.limits.Message { // of several callers
		return busy("queue", "too much unsent on the way to the service")
	}
	m.Versioned = c.versioned
	if o != nil {
		c.lastID++
		o.c, o.id, o.window, o.start, o.carried = c, c.lastID, call.Window, c.out.mark(), part
		m.ID = wire.IntID(o.id)
	}
	c.out.room(fewBytes)
	buf, f := wire.OpenRequest(c.out.buf, c.enc, m)
	buf, err := call.Params.append(buf, c.enc, c.loosely(&f, call.frame, now))
	if err != nil {
		err = fmt.Errorf("sabir: params of %s: %w", call.Method, err)
	} else {
		switch size := f.Size(buf); {
		case size > c.limits.Message:
			err = tooLarge(c.limits.Message, false)
		case o != nil && size >= keepBuffer && part.by == nil && call.Window == NoWindow:
			if c.uploads > 0 && c.uploads+size > c.limits.uploads() && !call.insists {
				err = errCrowded
				break
			}
			o.uploads = size
			c.uploads += size
		}
	}
	if err != nil {
		c.out.buf = f.Undo(buf)
		return err
	}
	c.out.add(buf, &f, call.frame, now)
	if o != nil {
		c.made.add(o.id, o)
		c.move() // the answer has to be read
	} else {
		c.noteEnd = c.out.mark()
		if part.by != nil {
			c.notes = append(c.notes, part)
		}
	}
	c.charge()
	return nil
}

// seeOffTime is how long what was notified may take to be sent when the client is closed.
const seeOffTime = time.Second

// seeOff waits until that is on its way, since nobody would notice that it is not.
func (c *conn) seeOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var late <-chan time.Time
	for c.end == nil && c.broken == nil && c.out.progress.Load() < c.noteEnd {
		if late == nil {
			late = time.After(seeOffTime)
		}
		if c.out.written == nil {
			c.out.written = make(chan struct{})
		}
		written := c.out.written
		c.flushLater()
		c.mu.Unlock()
		select {
		case <-written:
			c.mu.Lock()
		case <-late:
			c.mu.Lock()
			return
		}
	}
}
