package sabir

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sabir-ipc/sabir/wire"
)

// output is what waits to be sent on a connection, guarded by its mutex.
//
// Whoever has something to send appends it to buf. One goroutine at a time
// takes the whole of it and writes it, so many small messages cost one write.
// For replies and requests that is the goroutine that has them, there is
// nobody to wake; for items it is one of the connection's own, so that a
// producer can go on while the kernel is busy.
type output struct {
	piece            // what waits
	spare     []byte // the buffer before, for the next
	flushing  bool
	scheduled bool            // a goroutine is on its way to flush
	taken     int64           // bytes ever taken out of buf
	blocked   []*inbound      // streams that wait until little waits
	queued    []chan struct{} // and those who make calls, of whom one at a time is told
	written   chan struct{}   // closed when something has been; nil: nobody waits for that

	progress     atomic.Int64 // bytes ever written
	seenProgress int64
	seenAt       time.Time
	charged      int // what the account was told
}

// piece is what is written together. Most of one large message may be loose,
// which is not to change until it is written. There are two ways to be sure of
// that: whoever has it writes it now, before anything else, as those do who make a
// call or have handled one; or it is part of a frame, which goes along with it, as
// in a call that is passed on.
type piece struct {
	buf   []byte
	loose wire.Loose
	frame []byte // the memory of loose, which goes round after; nil: it is somebody's
}

func (p *piece) size() int { return len(p.buf) + len(p.loose.Data) }

// cut returns what is left of a piece from n on, of which nothing is anybody's who
// does not wait for it any more.
func (p piece) cut(n int) (rest piece, from int) {
	if len(p.loose.Data) == 0 || p.frame != nil {
		return p, n
	}
	rest.buf = wire.TakeBuffer(p.size() - n)
	for n < p.size() {
		b := p.from(n)
		rest.buf = append(rest.buf, b...)
		n += len(b)
	}
	wire.GiveBuffer(p.buf)
	return rest, 0
}

// from returns what comes at n, or the beginning of it; it is empty at the end.
func (p *piece) from(n int) []byte {
	at, end := p.loose.At, p.loose.At+len(p.loose.Data)
	switch {
	case n < at:
		return p.buf[n:at]
	case n < end:
		return p.loose.Data[n-at:]
	}
	return p.buf[n-len(p.loose.Data):]
}

// unsent is how much waits, in bytes.
func (o *output) unsent() int { return o.size() + int(o.taken-o.progress.Load()) }

func (o *output) busy() bool { return o.flushing || len(o.buf) > 0 }

// room makes room for n bytes, in a buffer of those that go round if they are many
// with what is there: what append would grow here, from nothing for each batch, was
// half of what a hub did for a hundred subscribers.
func (o *output) room(n int) {
	if cap(o.buf)-len(o.buf) >= n || len(o.buf)+n < keepBuffer/8 {
		return
	}
	o.grown(append(wire.TakeBuffer(len(o.buf)+n), o.buf...))
}

// grown takes buf with one more message in it, for which it may have moved.
func (o *output) grown(buf []byte) {
	if cap(o.buf) > 0 && &o.buf[:1][0] != &buf[:1][0] {
		wire.GiveBuffer(o.buf)
	}
	o.buf = buf
}

// mark is the end of what is in buf now, as a position in the stream.
func (o *output) mark() int64 { return o.taken + int64(o.size()) }

// sent reports whether a byte of the call may have reached the peer.
func (o *output) sent(call *outbound) bool { return call.start < o.taken }

// drop forgets what waits.
func (o *output) drop(c *conn) {
	wire.GiveBuffer(o.frame)
	o.piece, o.spare = piece{}, nil
	o.release()
	o.dismiss()
	c.account.add(unsent, -o.charged)
	o.charged = 0
}

// long reports whether items have to stay in their streams, and requests with who
// makes them. spec [O4]
func (o *output) long() bool { return o.size() >= shortQueue }

// next tells the next of those who make calls that there is room, if there is.
func (o *output) next() {
	if len(o.queued) > 0 && !o.long() {
		close(o.queued[0])
		o.queued = slices.Delete(o.queued, 0, 1)
	}
}

// dismiss tells all of them that there will be none here.
func (o *output) dismiss() {
	for _, turn := range o.queued {
		close(turn)
	}
	o.queued = nil
}

// release wakes those who wait for a shorter queue.
func (o *output) release() {
	o.next()
	if o.written != nil {
		close(o.written)
		o.written = nil
	}
	for i, in := range o.blocked {
		in.wake()
		o.blocked[i] = nil
	}
	o.blocked = o.blocked[:0]
}

// loosely is where large bytes of a body may be left out of buf; nil: they have to
// be copied. now tells that the goroutine writes them itself, before anything else, or
// copies what it does not write. c.mu is held.
func (c *conn) loosely(f *wire.Frame, frame *[]byte, now bool) *wire.Loose {
	may := frame != nil && *frame != nil
	if now {
		may = !c.out.flushing && c.end == nil && c.broken == nil
	}
	if !may || len(c.out.loose.Data) > 0 {
		return nil
	}
	return &f.Loose
}

// add closes a message in buf, with what is loose of it.
func (o *output) add(buf []byte, f *wire.Frame, frame *[]byte, now bool) {
	o.grown(f.Close(buf))
	if len(f.Loose.Data) == 0 {
		return
	}
	o.loose = f.Loose
	if !now {
		o.frame, *frame = *frame, nil
	}
}

// flush writes what waits, unless somebody is at it already, who will take it
// along. c.mu is held, and released while writing.
func (c *conn) flush() { c.flushAmong(c.made.n > 1 && len(c.waiting) > 0) }

// flushAmong is flush for who may not be the only one: others are let at the
// connection first, to add to this write. Without others that would cost a unary
// call half its speed.
func (c *conn) flushAmong(others bool) {
	if !c.beginFlush() {
		return
	}
	if others {
		c.letOthersAdd()
	}
	c.flushRest(piece{}, 0)
}

// letOthersAdd lets go of c.mu for a moment, before what waits is taken.
func (c *conn) letOthersAdd() {
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
}

// tryFlush is flush for who may not wait for this connection: what does not go
// at once is left to another goroutine.
func (c *conn) tryFlush() {
	if !c.t.Lends() {
		c.flushLater()
		return
	}
	if !c.beginFlush() {
		return
	}
	p := c.takeOut()
	c.flushFew(p, c.tryWrite(p))
}

func (c *conn) flushRestLater(p piece, n int) {
	c.goroutines.Add(1)
	go func() {
		defer c.goroutines.Done()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.flushRest(p, n)
	}()
}

// tryWrite writes what goes at once, and returns how much that was. c.mu is held,
// and released while writing.
func (c *conn) tryWrite(p piece) (n int) {
	c.mu.Unlock()
	defer c.mu.Lock()
	for b := p.from(0); len(b) > 0; b = p.from(n) {
		done, _ := c.t.TryWrite(b) // an error comes again
		c.wrote(done)
		n += done
		if done < len(b) {
			break
		}
	}
	return n
}

// beginFlush makes the goroutine the one that writes; false: there is nothing to
// write, or another one. c.mu is held.
func (c *conn) beginFlush() bool {
	o := &c.out
	if o.flushing || c.end != nil || c.broken != nil || len(o.buf) == 0 {
		return false
	}
	o.flushing = true
	o.seenAt = time.Time{}
	if !c.role.lulled { // asked here as well: to be called for nothing is a hundredth of a small call
		c.role.watch()
	}
	return true
}

// flushRest writes a piece that has been taken, from n on, and all that waits
// behind it. c.mu is held, and released while writing.
func (c *conn) flushRest(p piece, n int) {
	o := &c.out
	for c.end == nil && c.broken == nil {
		if p.size() == 0 {
			if len(o.buf) == 0 {
				break
			}
			p, n = c.takeOut(), 0
		}
		var err error
		if n < p.size() {
			c.mu.Unlock()
			_, err = c.write(p, n)
			c.mu.Lock()
		}
		c.putBack(p, err)
		p = piece{}
	}
	o.flushing = false
	if c.parting != nil {
		c.fail(c.parting)
	}
	c.settle()
}

// takeOut takes all that waits. c.mu is held.
func (c *conn) takeOut() piece {
	o := &c.out
	p := o.piece
	o.piece, o.spare = piece{buf: o.spare[:0]}, nil
	o.taken += int64(p.size())
	if len(c.notes) > 0 {
		c.noted()
	}
	return p
}

// putBack is after a piece has been written, or not. c.mu is held.
func (c *conn) putBack(p piece, err error) {
	o := &c.out
	switch long := cap(p.buf) > keepBuffer; {
	case long && (len(o.blocked) == 0 || cap(p.buf) > 4*shortQueue):
		wire.GiveBuffer(p.buf)
	case cap(o.buf) == 0:
		o.buf = p.buf[:0] // which streams that wait will fill at once, if it is long
	default:
		o.spare = p.buf[:0]
	}
	wire.GiveBuffer(p.frame)
	c.charge()
	o.release()
	if err != nil {
		c.breakOff(err)
	}
}

// part ends the connection when what waits has been sent, by whoever is at it:
// nothing more is read. c.mu is held.
func (c *conn) part(why error) {
	c.parting = why
	c.flush()
	if !c.out.flushing {
		c.fail(why)
	}
}

// breakOff ends a connection that cannot be written to, with c.mu held. What the other
// side has said before it closed is read first: a client learns why, a server what it was
// notified.
func (c *conn) breakOff(err error) {
	if c.broken != nil {
		return
	}
	c.broken = err
	if c.t.Lends() { // and so tells what has gone: calls behind that were not sent
		c.out.taken = c.out.progress.Load()
	}
	c.out.drop(c)
	c.role.arm()
	time.AfterFunc(time.Second, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.depart(err)
	})
}

// write writes the piece from n on, and returns how much of it is written then.
func (c *conn) write(p piece, n int) (int, error) {
	for b := p.from(n); len(b) > 0; b = p.from(n) {
		done, err := c.t.WriteSome(b)
		c.wrote(done)
		if n += done; err != nil {
			return n, err
		}
	}
	return n, nil
}

// wrote counts what has gone.
func (c *conn) wrote(n int) {
	c.out.progress.Add(int64(n))
	c.stats.bytesOut.Add(int64(n))
}

// flushLater has what waits written by a goroutine of the connection.
func (c *conn) flushLater() {
	if c.out.flushing || c.end != nil || len(c.out.buf) == 0 {
		return
	}
	if c.out.scheduled {
		return
	}
	c.out.scheduled = true
	c.goroutines.Add(1)
	go func() {
		defer c.goroutines.Done()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.out.scheduled = false
		c.flush()
	}()
}

// charge tells the account how much waits here, and ends the connection where
// that is too much. c.mu is held. spec [O5]
func (c *conn) charge() {
	if c.end != nil {
		return // drop has given all back
	}
	n := c.out.unsent()
	// What items leave in short queues, and on their way to the kernel, is not on the account: many subscribers of one
	// caller who are a little behind do no harm.
	counts := max(0, n-2*shortQueue)
	if d := counts - c.out.charged; d != 0 {
		c.out.charged = counts
		c.account.add(unsent, d)
	}
	switch {
	case n >= c.limits.maxQueue():
		c.fail(fmt.Errorf("over %d bytes unsent", c.limits.maxQueue()))
	case counts > 0 && c.account.full(unsent, 0, c.limits.maxQueue()):
		c.fail(errors.New(c.account.excess(unsent, 0, c.limits.maxQueue())))
	}
}

// hold counts what a message takes while it comes and while its call runs; false: the caller has too much of that
// already. Less than an idle connection keeps does not count. c.mu is held. spec [B6]
func (c *conn) hold(bytes int) bool {
	if bytes == 0 || c.end != nil {
		return bytes <= 0 // after the end fail has given all back
	}
	if !c.account.take(received, bytes, c.limits.maxReceived()) {
		return false
	}
	c.held += bytes
	return true
}

// holds is hold for who does not have c.mu.
func (c *conn) holds(bytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hold(bytes)
}

// crowded reports whether new requests have to be refused. spec [O5]
func (c *conn) crowded() bool {
	return c.out.unsent() > c.limits.busyQueue() || c.account.full(unsent, 0, c.limits.busyCallerQueue())
}

// overflows reports whether a result of so many bytes is too much for what waits
// already. c.mu is held. spec [O5]
func (c *conn) overflows(size int) bool {
	n, most := c.out.unsent()+size, c.limits.resultQueue()
	return n > most || n > 2*shortQueue && c.account.full(unsent, size, most)
}
