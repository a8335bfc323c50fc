package sabir

import (
	"context"
	"errors"
	"sync"

	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// outbound is a call that we make.
type outbound struct {
	c       *conn
	id      int64
	start   int64 // where in the stream the request begins
	window  int   // NoWindow: a plain request
	uploads int   // bytes that it is in conn.uploads with
	wake    chan struct{}
	back    *relayed // what it is part of; nil: it is ours
	carried

	// Guarded by c.mu.
	arrived     []arrival // items and lives that the caller has not taken
	arena       []byte    // what their values are kept in
	frame       *[]byte   // what a large result is kept in; nil: the arena
	done        bool
	result      wire.Value
	err         error
	parked      bool // among c.waiting
	place       int  // there
	interrupted bool // its context ended while it read
	held        bool // by who interrupts it, who may still be about to

	// The caller's own.
	spare      []arrival
	spareArena []byte
}

// arrival is an item, or a live.
type arrival struct {
	item wire.Item
	live *wire.Live
}

// batch is how many items a caller that reads takes at once.
const batch = 64

// outbounds go round.
type outbounds struct{ sync.Pool }

var allOutbounds = newOutbounds()

func newOutbounds() *outbounds {
	return &outbounds{sync.Pool{New: func() any { return &outbound{wake: make(chan struct{}, 1)} }}}
}

// round is where those of a connection go round: with all others, but in process
// among themselves, since a channel of one bubble of testing/synctest may not be used
// in another.
func round(t *transport.Conn) *outbounds {
	if t.Peer().Transport == "inproc" {
		return newOutbounds()
	}
	return allOutbounds
}

// errNotSent is the fate of a call of which the peer has not seen a byte.
var errNotSent = errors.New("not sent")

// ready reports whether there is something to take. c.mu is held.
func (o *outbound) ready() bool { return o.done || len(o.arrived) > 0 }

// hungry reports whether more of what is buffered should be read along.
func (o *outbound) hungry() bool { return !o.done && o.window != NoWindow && len(o.arrived) < batch }

// signal tells a parked caller that there is something, or that it may read.
func (o *outbound) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// notify is signal where something has come.
func (o *outbound) notify() {
	if o.parked {
		o.c.role.served = true
	}
	o.signal()
}

// keep copies a value out of its frame. Slices handed out earlier stay good
// when the arena grows: they keep the memory they have.
func (o *outbound) keep(v wire.Value) wire.Value {
	at := len(o.arena)
	o.arena = append(o.arena, v.Raw...)
	return wire.Value{Enc: v.Enc, Raw: o.arena[at:len(o.arena):len(o.arena)]}
}

// takes reports whether what has come is for the caller, who asked for nothing
// but the answer if he has no window. More than a window allows, and a few lives,
// ends the connection.
func (o *outbound) takes() bool {
	switch {
	case o.window == NoWindow:
		return false
	case len(o.arrived) >= 2*o.window+2:
		o.c.fail(errors.New("the peer sends items that it has no credit for"))
		return false
	}
	return true
}

// item takes an rpc.item. c.mu is held.
func (o *outbound) item(it *wire.Item) {
	if !o.takes() {
		return
	}
	it.Value = o.keep(it.Value)
	o.arrived = append(o.arrived, arrival{item: *it})
	o.notify()
}

func (o *outbound) live(l *wire.Live) {
	if !o.takes() {
		return
	}
	live := *l
	o.arrived = append(o.arrived, arrival{live: &live})
	o.notify()
}

// finish takes the response, or what there is in its place.
func (o *outbound) finish(result wire.Value, err error) {
	if o.back != nil {
		o.bringLater(err)
		return
	}
	o.done, o.err = true, err
	switch {
	case err != nil:
	case len(result.Raw) > largeFrame:
		o.result, o.frame = result, o.c.ownFrame()
	default:
		o.result = o.keep(result)
	}
	o.notify()
}

// lost ends the call with its connection. spec [O7]
func (o *outbound) lost(sent bool) {
	err := errNotSent
	if sent {
		switch refused := o.c.refused; {
		case limitOf(refused) == "connections": // the connection itself was one too many
			err = refused
		case refused != nil:
			err = &Unanswered{Sent: true, Err: refused}
		default:
			err = &Unanswered{Sent: true, Err: errors.New("the connection ended")}
		}
	}
	o.finish(wire.Value{}, err)
}

// call makes a call and hands its items to sink. The result lasts until release
// is called, which has to be.
func (c *conn) call(ctx context.Context, call *Call, sink Sink, result func(wire.Value, *[]byte) error) error {
	if call.Window == 0 {
		call.Window = defaultWindow // what comes waits here for the sink, and has to have a bound
	}
	call.Window = min(call.Window, maxWindow) // more is cut there, and would not be asked for again. spec [S1]
	o, err := c.send(ctx, call)
	switch {
	case err == errEnded:
		return ctx.Err()
	case o == nil || err != nil:
		return err
	}
	if from, ok := ctx.Value(peerKey{}).(*conn); ok && from != c {
		from.callsOut()
	}
	if call.Window != NoWindow && ctx.Done() != nil { // else lead does, where it has to
		o.held = true
		defer context.AfterFunc(ctx, func() { c.kick(o) })()
	}
	passes := false
	if from, ok := sink.(interface{ passCredit(func(int64)) bool }); ok && o.window > 0 {
		passes = from.passCredit(func(n int64) { c.more(ctx, o, n) })
	}
	left := credit{window: o.window, left: o.window, grows: call.grows}
	answered := false
	defer func() { // so that it also ends where whoever takes the items panics, or ends his goroutine
		if !answered {
			c.forget(o)
		}
	}()
	for {
		arrived, err := c.await(ctx, o)
		if err != nil {
			return err
		}
		for i := range arrived {
			a := &arrived[i]
			if err = pass(ctx, a, sink); err != nil {
				return err
			}
			if a.live != nil || passes {
				continue
			}
			if more := left.use(len(a.item.Value.Raw)); more > 0 {
				c.more(ctx, o, int64(more))
			}
		}
		if len(arrived) > 0 {
			continue
		}
		answered = true
		err = o.err
		if err == nil {
			err = result(o.result, o.frame)
			giveFrame(o.frame)
		}
		if !o.held && !passes {
			o.recycle()
		}
		return err
	}
}

// pass hands one arrival to the sink.
func pass(ctx context.Context, a *arrival, sink Sink) error {
	if l := a.live; l != nil {
		return sink.Live(Live{l.Epoch, l.Seq, l.Lost})
	}
	if err := sink.Ready(ctx); err != nil {
		return err
	}
	it := &a.item
	return sink.Item(Item{Epoch: it.Epoch, Seq: it.Seq, Lost: it.Lost, Key: it.Key, Keyed: it.Keyed, Gone: it.Gone, Reset: it.Reset, Value: RawBody(it.Value)})
}

// await waits until something has come for o and takes it. No arrivals and no
// error: the call is done.
func (c *conn) await(ctx context.Context, o *outbound) ([]arrival, error) {
	// ctx may be a call that came over this very connection: asking it anything
	// but this channel takes the lock.
	ended := ctx.Done()
	c.mu.Lock()
	for !o.ready() {
		select {
		case <-ended:
			c.promote() // it may have been our turn to read
			c.mu.Unlock()
			return nil, ctx.Err()
		default:
		}
		if r := &c.role; r.canLead && !r.owner && r.leader == nil && c.end == nil && !c.eof {
			c.lead(ctx, o)
			continue
		}
		c.park(o)
		c.mu.Unlock()
		if ended == nil {
			<-o.wake // a third of what select takes
		} else {
			select {
			case <-o.wake:
			case <-ended:
			}
		}
		c.mu.Lock()
		c.unpark(o)
	}
	defer c.mu.Unlock()
	c.promote()
	arrived := o.arrived
	o.arrived, o.spare = o.spare[:0], arrived
	if o.done {
		return arrived, nil
	}
	o.arena, o.spareArena = o.spareArena[:0], o.arena
	return arrived, nil
}

func (c *conn) park(o *outbound) {
	o.parked, o.place = true, len(c.waiting)
	c.waiting = append(c.waiting, o)
}

func (c *conn) unpark(o *outbound) {
	last := len(c.waiting) - 1
	c.waiting[o.place], c.waiting[last].place = c.waiting[last], o.place
	c.waiting[last] = nil
	c.waiting = c.waiting[:last]
	o.parked = false
}

// more gives the peer credit.
func (c *conn) more(ctx context.Context, o *outbound, n int64) {
	ended := ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil && !o.done {
		o.window = max(o.window, int(n)) // of one that grows: never is more given at once
		c.out.buf = wire.AppendMore(c.out.buf, c.enc, c.versioned, wire.IntID(o.id), n)
		c.flushOwn(ctx, ended)
	}
}

// forget gives a call up and tells the peer. Its answer will find nobody.
func (c *conn) forget(o *outbound) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil && !o.done {
		c.leaveBehind(o)
		c.out.buf = wire.AppendCancel(c.out.buf, c.enc, c.versioned, wire.IntID(o.id))
		c.flushLater()
	}
	o.done = true
}

// recycle gives the memory of a finished call to the next.
func (o *outbound) recycle() {
	arena, arrived := o.arena, o.arrived
	if cap(arena) > largeFrame || cap(o.spareArena) > largeFrame || cap(arrived) > 2*batch || cap(o.spare) > 2*batch {
		return
	}
	clear(arrived[:cap(arrived)])
	clear(o.spare[:cap(o.spare)])
	select {
	case <-o.wake:
	default:
	}
	round := o.c.round
	*o = outbound{wake: o.wake, arena: arena[:0], arrived: arrived[:0], spare: o.spare[:0], spareArena: o.spareArena[:0]}
	round.Put(o)
}
