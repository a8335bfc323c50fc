package sabir

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/sabir-ipc/sabir/internal/pulse"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// role is the role of reading: the bytes of a connection are read by one
// goroutine at a time, and handing a message to another goroutine costs more
// than all the rest of a small call. So whoever would have to wait for a message
// reads it himself:
//
//   - On a connection that serves, the goroutine that read a request runs its
//     handler. A handler that takes longer than a tick or two loses the role to
//     a fresh goroutine and finishes on its own, and from then on those of its
//     method have goroutines of their own (see slow.go), so that a slow one never
//     holds up its connection. For all that would cost twice the time of a small
//     call.
//   - On a connection that only makes calls, a caller that waits reads, for
//     the others too, until it has its answer, and leaves the role to the next.
//     While nobody waits, a goroutine of the connection reads.
//
// That is where there is traffic; where there is little, see tick.go.
type role struct {
	c       *conn
	reader  *wire.Reader
	parser  wire.Parser
	canLead bool // callers may read: the transport can interrupt a read

	// Guarded by c.mu. The reader and the parser belong to the owner or leader.
	first    bool      // the framing is known
	gen      uint64    // which owner it is; a goroutine that finds another has lost the role
	owner    bool      // a goroutine of the connection reads
	leader   *outbound // a caller reads
	served   bool      // the owner has answered a caller that waited
	kicked   bool      // the read was interrupted, of the leader or of an owner who is to rest
	grown    bool      // the owner has been at work, and has the stack for it
	rested   bool      // it was relieved once
	lastTurn uint64    // turn when rest looked
	busy     uint64    // the owner is at something else than reading: which turn; 0: it reads
	turn     uint64    // counts turns, and anything else that shows life
	handles  string    // the method whose handler the owner runs
	handling uint64    // in which turn
	suspect  string    // handles at the last tick, if there was little else
	seenBusy uint64    // busy at the last tick
	seenTurn uint64
	lent     map[uint64][]byte // frames that those who lost the role are busy with, by which owner they were
	spare    []chan uint64     // goroutines that have lost the role, and may have it again: each gets which owner it is
	owed     []*conn           // those to whom calls and answers were passed on, and not flushed
	beat     *pulse.Beat       // the next tick, while there is traffic
	lull     *pulse.Beat       // the next rest, once there is none; nil in process, as beat
	timer    *time.Timer       // the next look where that will do later; nil: there was none yet
	armed    bool
	lulled   bool      // the next rest is asked for
	passing  bool      // the owner passes something on, and nobody takes the role meanwhile
	low      bool      // at the last tick there was little traffic
	calm     bool      // there is so little that no ticks are needed
	since    time.Time // when turns since then were counted, while it is calm
	counted  uint64    // turn then
	besides  uint64    // the turn whose handler runs aside; 0: none does
}

func (r *role) init(c *conn) {
	r.c = c
	src := counted{c.t, c.stats}
	r.reader = wire.NewReader(src, wire.JSON, 2*c.limits.Message)
	if c.t.Lends() {
		r.reader.SetLender(src)
	}
	r.reader.SetRoom(c.holds)
	r.canLead = c.t.SetReadDeadline(time.Time{}) == nil
	if c.t.Peer().Transport != "inproc" {
		r.beat, r.lull = pulse.New(r.tick), pulse.NewSlow(r.rest)
	}
}

type counted struct {
	t *transport.Conn
	s *stats
}

func (r counted) Read(b []byte) (int, error) {
	n, err := r.t.Read(b)
	r.s.bytesIn.Add(int64(n))
	return n, err
}

func (r counted) ReadLent(lend func() []byte, back func()) (int, error) {
	n, err := r.t.ReadLent(lend, back)
	r.s.bytesIn.Add(int64(n))
	return n, err
}

func (r *role) stop() {
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.beat != nil {
		r.beat.Stop() // or it would hold the connection until it beats
		r.lull.Stop()
	}
	r.dismiss()
}

// maxSpare is how many goroutines wait for the role at most.
const maxSpare = 64

// spares keeps a goroutine that was owner me until it has the role again, with
// c.mu held; which is the owner it is then. false: it is not needed any more. A
// fresh one for each handler that calls out would spend a third of its time on
// growing its stack.
func (r *role) spares(me uint64) (which uint64, again bool) {
	c := r.c
	if frame := r.lent[me]; frame != nil {
		delete(r.lent, me)
		wire.GiveFrame(frame)
	}
	if c.end != nil || c.eof || len(r.spare) >= maxSpare {
		return 0, false
	}
	wake := make(chan uint64, 1)
	r.spare = append(r.spare, wake)
	c.mu.Unlock()
	which, again = <-wake
	c.mu.Lock()
	return which, again
}

// dismiss lets those go who wait for the role.
func (r *role) dismiss() {
	for _, wake := range r.spare {
		close(wake)
	}
	r.spare = nil
}

// takeOver gives the role to a fresh goroutine of the connection, with c.mu
// held. Whoever had it is busy and finds out when it is done.
func (c *conn) takeOver() {
	r := &c.role
	if c.end != nil || c.eof || c.stranger != nil || c.parting != nil || r.passing {
		return // of a stranger nothing is read until it has its answer
	}
	if r.owner {
		if r.lent == nil {
			r.lent = make(map[uint64][]byte)
		}
		r.lent[r.gen] = c.detach() // the frame belongs to the one who is busy with it
	}
	c.appoint()
}

// appoint gives the role to another goroutine of the connection, with c.mu held.
func (c *conn) appoint() {
	r := &c.role
	r.gen++
	r.owner, r.busy = true, 0
	if n := len(r.spare); n > 0 {
		r.spare[n-1] <- r.gen
		r.spare = r.spare[:n-1]
		return
	}
	c.goroutines.Add(1)
	go c.readOn(false)
}

// callsOut tells a connection that one of its handlers is about to wait for
// somebody else: if it is the one that has the role, others do not wait for as
// long as that takes. Left to the tick, a hub passed a call in a millisecond.
func (c *conn) callsOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := &c.role; r.owner && r.busy != 0 {
		c.takeOver()
	}
}

// work marks the owner as busy, with c.mu held.
func (r *role) work() {
	r.turn++
	r.busy = r.turn
	r.grown = true
	if r.calm {
		r.stir()
	} else {
		r.arm()
	}
}

// readOn is the owner's loop.
func (c *conn) readOn(sniff bool) {
	defer c.goroutines.Done()
	r := &c.role
	if sniff && !c.sniff() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if sniff {
		r.owner = true
	}
	me, again := r.gen, true
	var m wire.Message
	for {
		if (len(c.out.buf) > 0 || len(r.owed) > 0) && !r.reader.Buffered() {
			// The answers of all requests that came together leave together.
			r.work()
			r.pay()
			if r.calm {
				c.tryFlush() // nobody would take the role if this took its time
			} else {
				c.flush()
			}
			if r.gen != me {
				if me, again = r.spares(me); !again {
					return
				}
				continue
			}
		}
		r.busy = 0
		if c.end != nil || c.parting != nil || !r.owner {
			return
		}
		c.mu.Unlock()
		frame, err := r.reader.Next()
		if err == nil {
			err = r.parser.Parse(frame, &m)
		}
		c.mu.Lock()
		if r.kicked && r.gen == me && errors.Is(err, os.ErrDeadlineExceeded) {
			r.relieved()
			return
		}
		r.work()
		if err = c.receive(&m, err, true); err != nil {
			if r.gen == me {
				r.owner, r.busy = false, 0
			}
			c.readFailed(err)
			return
		}
		if r.gen != me {
			r.pay()
			c.flushAmong(c.running > 0) // nobody else knows of the answer
			if me, again = r.spares(me); !again {
				return
			}
			continue
		}
		if c.handler == nil && r.canLead && !r.calm && r.abdicate() {
			return
		}
	}
}

// abdicate gives the role up if callers have been served who will come back to
// read themselves, with c.mu held.
func (r *role) abdicate() bool {
	if !r.served {
		return false
	}
	r.served = false
	r.owner, r.busy = false, 0
	r.gen++
	r.c.promote()
	r.arm()
	return true
}

// lead reads until o has something or its context ends, with c.mu held.
func (c *conn) lead(ctx context.Context, o *outbound) {
	r := &c.role
	r.leader = o
	var m wire.Message
	var stop func() bool
	for c.end == nil && !o.interrupted && (!o.ready() || o.hungry() && r.reader.Buffered()) {
		c.mu.Unlock()
		if stop == nil && !o.held && ctx.Done() != nil && !r.reader.Buffered() {
			stop = context.AfterFunc(ctx, func() { c.kick(o) }) // takes more than all the rest of a call among many, who do not read
		}
		frame, err := r.reader.Next()
		if err == nil {
			err = r.parser.Parse(frame, &m)
		}
		c.mu.Lock()
		r.turn++
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.unkick()
			continue
		}
		if err = c.receive(&m, err, false); err != nil {
			c.readFailed(err)
			break
		}
	}
	if stop != nil {
		c.mu.Unlock() // ctx may be a call of this connection
		o.held = !stop()
		c.mu.Lock()
	}
	r.leader = nil
	r.unkick()
	if r.calm {
		c.takeOver()
		return
	}
	r.arm()
	c.promote()
}

// kick interrupts the read of o's caller, whose context has ended.
func (c *conn) kick(o *outbound) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.interrupted = true
	if c.role.leader == o && !c.role.kicked {
		c.role.kick()
	}
}

func (r *role) kick() {
	r.kicked = true
	r.c.t.SetReadDeadline(time.Unix(1, 0))
}

func (r *role) unkick() {
	if r.kicked {
		r.kicked = false
		r.c.t.SetReadDeadline(time.Time{})
	}
}

// promote wakes one waiting caller to read, if nobody does. c.mu is held.
func (c *conn) promote() {
	if n := len(c.waiting); n > 0 && !c.role.owner && c.role.leader == nil {
		c.waiting[n-1].signal()
	}
}

// help is for the person who finds this port.
const help = `this is a Sabir service: JSON-RPC 2.0, one object a line; try {"id":1,"method":"rpc.describe"}`

// sniff finds out how the peer speaks. spec/framings.md
func (c *conn) sniff() bool {
	r := &c.role
	b, err := r.reader.First()
	enc := wire.JSON
	ok := err == nil
	switch {
	case !ok:
	case b == '{':
	case b == wire.Magic[0]:
		enc = wire.CBOR
		ok, err = r.reader.Magic()
	case c.visit != nil && c.startsHTTP():
		c.handOver()
		return false
	default:
		ok = false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil {
		return false
	}
	if !ok {
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			c.out.buf = append(c.out.buf, help+"\n"...)
		}
		c.part(errors.New("peer speaks no Sabir"))
		return false
	}
	c.enc = enc
	r.first = true
	r.reader.SetEncoding(enc)
	r.parser.Enc = enc
	if c.draining {
		c.out.buf = wire.AppendGoaway(c.out.buf, c.enc, c.versioned)
	}
	return true
}

// readFailed ends the reading, with c.mu held: for good, or, at the end of what
// the peer sends, until all is answered. spec [O6], [M14], [B2]
func (c *conn) readFailed(err error) {
	var syntax *wire.SyntaxError
	var size *wire.SizeError
	switch {
	case c.end != nil:
	case errors.Is(err, io.EOF):
		c.eof = true
		c.out.dismiss()
		if c.handler == nil && c.out.flushing && c.t.Lends() {
			c.parting = errClosed // whether what is being written was sent is known when that has failed
			return
		}
		c.loseMade()
		c.flush()
		if c.handler == nil {
			c.fail(errClosed)
			return
		}
		c.settle()
		if c.end == nil {
			c.checkHangup()
			c.role.turn++
			c.role.arm()
		}
	case errors.As(err, &syntax):
		e := newError(wire.ParseError, nil, "%s; %s", syntax, help)
		c.refuse(e, err)
	case errors.As(err, &size):
		c.refuse(tooLarge(size.Limit, false), err)
	case errors.Is(err, wire.ErrNoRoom):
		c.refuse(tooMuch(), err)
	default:
		c.depart(err)
	}
}

// refuse answers what has no id and ends the connection.
func (c *conn) refuse(e *Error, why error) {
	if !c.strict {
		w, _ := toWire(e)
		c.out.buf = wire.AppendErrorResponse(c.out.buf, c.enc, c.versioned, wire.NullID, w)
	}
	c.part(why)
}

// checkHangup ends the subscriptions of a peer that sends no more, unless the
// transport knows that it still reads; then it tells to look again. c.mu is
// held. spec [O6]
func (c *conn) checkHangup() (again bool) {
	if c.end != nil || c.running+c.subs == 0 {
		return false
	}
	gone, known := c.t.HungUp()
	if known && !gone {
		return true
	}
	if known {
		c.depart(errClosed)
		return false
	}
	for in := range c.served.all() {
		if in.windowed {
			in.cancel(errHungUp)
		}
	}
	c.flushLater()
	return false
}

var errHungUp = errors.New("the peer sends no more")
