package sabir

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/wire"
)

// inbound is a call that we serve. It is the context of its handler and the
// Sink of its items.
type inbound struct {
	c        *conn
	id       wire.ID // zero: nobody waits for an answer
	call     *Call   // of calls; nil when the handler has returned
	caller   *Caller // is asked for longer
	held     int     // bytes that conn.hold has counted
	frame    *[]byte // of large params; of the result, once a call that was passed on is answered
	windowed bool    // asks for items
	counted  bool    // and each needs credit
	seen     bool    // by a tick, while its handler had the role of reading
	timed    int32   // its place among c.timed, from 1; 0: it is not there
	deadline time.Time
	load     *load

	ready chan struct{} // the handler that waits for room or credit may look again

	// Guarded by c.mu.
	credit   int64
	passed   *relayed      // what it is part of; nil: it is handled here
	onward   func(n int64) // gives the credit that comes to whom the items come from; nil: it is ours
	answered bool
	live     bool // a subscription that is active
	listed   bool // among c.out.blocked
	ctxErr   error
	done     chan struct{}
	timer    *time.Timer
	after    []*afterFunc
}

type afterFunc struct{ f func() }

// calls go round: they are two thirds of what a call takes, and belong to the
// handler until it returns.
var calls = sync.Pool{New: func() any { return new(Call) }}

func newInbound(c *conn, m *wire.Message, caller *Caller) *inbound {
	in := &inbound{c: c, id: m.ID, caller: caller, call: calls.Get().(*Call)}
	*in.call = Call{
		Method: c.method(m.Method), Params: RawBody(m.Params), Window: NoWindow, Trace: m.Trace,
		Caller: *caller, Notify: m.ID.IsZero(),
	}
	if m.Window >= 0 && !m.ID.IsZero() {
		in.windowed, in.counted = true, m.Window > 0
		in.credit = min(m.Window, maxWindow)
		in.call.Window = int(in.credit)
		in.ready = make(chan struct{}, 1)
	}
	if m.Since != nil {
		in.call.Since = &Position{m.Since.Epoch, m.Since.Seq}
	}
	in.expire(m.Timeout)
	return in
}

// method returns the text of a method's name, which mostly was among the last.
func (c *conn) method(b []byte) string {
	for _, s := range c.methods {
		if s == string(b) {
			return s
		}
	}
	s := string(b)
	if len(s) <= 64 {
		copy(c.methods[1:], c.methods[:])
		c.methods[0] = s
	}
	return s
}

// keepParams makes the params outlast the frame they came in, unless it is theirs.
func (in *inbound) keepParams() {
	if in.frame != nil {
		return
	}
	in.call.Params.raw.Raw = slices.Clone(in.call.Params.raw.Raw)
}

// logged is the failure of a handler that its caller is not told, and that is in the log.
type logged struct{ error }

// run calls the handler, whose panic is a failure like others.
func (in *inbound) run() (body Body, err error) {
	c := in.c
	c.stats.calls.Add(1)
	gauge := &c.stats.inFlight
	if in.windowed {
		gauge = &c.stats.subscriptions
	}
	gauge.Add(1)
	defer gauge.Add(-1)
	returned := false
	defer func() {
		switch p := recover(); {
		case p != nil:
			err = logged{fmt.Errorf("panic: %v", p)}
			c.log.Error("sabir: handler panicked", "method", wire.Clip(in.call.Method), "panic", p, "stack", string(debug.Stack()))
		case !returned:
			c.log.Error("sabir: handler called runtime.Goexit", "method", wire.Clip(in.call.Method), "stack", string(debug.Stack()))
		}
	}()
	var sink Sink
	if in.windowed {
		sink = in
	}
	body, err = c.handler.Handle(in, in.call, sink)
	returned = true
	if err != nil && !tells(err) {
		text := "sabir: call failed"
		if in.Err() != nil {
			text += " after its end"
		}
		c.log.Error(text, "method", wire.Clip(in.call.Method), "err", err)
		err = logged{err}
	}
	return body, err
}

// errExited is what becomes of a call whose handler has ended its goroutine, as the
// FailNow of a test does.
var errExited = logged{errors.New("runtime.Goexit")}

// finish ends the call with what its handler returned, and answers unless that
// was done. now allows to write a large result, which is in the goroutine's own
// time; else it waits. c.mu is held.
func (in *inbound) finish(body Body, err error, now bool) {
	c := in.c
	c.done(in)
	c.hold(-in.held)
	c.role.turn++
	in.stopClock()
	if err != nil {
		c.stats.failed.Add(1)
	}
	if !in.answered && c.end == nil {
		before := c.out.mark()
		if err == nil {
			err = in.answer(body, now)
		}
		if err != nil {
			e, told := toWire(err)
			switch {
			case !told && !errors.As(err, new(logged)):
				c.say(slog.LevelError, "sabir: call failed", "method", wire.Clip(in.call.Method), "err", err)
			case told && in.id.IsZero():
				c.lose(in.call.Method, err)
			}
			if !in.id.IsZero() {
				c.appendError(in.id, e)
			}
		}
		c.stats.slow.answered(in.call.Method, c.out.mark()-before, in.seen)
		c.charge()
	} else {
		if in.seen && c.end == nil && c.stats.slow.unsure(in.call.Method) {
			// Nobody waited for it, or else a method for which nobody ever waits long enough would stay unknown.
			c.stats.slow.answered(in.call.Method, size(body, c.enc), true)
		}
		if err != nil && !tells(err) && !errors.As(err, new(logged)) {
			c.say(slog.LevelError, "sabir: call failed after its end", "method", wire.Clip(in.call.Method), "err", err)
		}
	}
	in.over(context.Canceled)
	if now && len(c.out.loose.Data) > 0 {
		c.flush()
	}
	giveFrame(in.frame)
	if in.passed == nil {
		*in.call = Call{}
		calls.Put(in.call)
		in.call = nil
	}
	if c.eof || c.draining {
		c.settle()
	}
}

// size is how many bytes a body takes.
func size(body Body, enc wire.Encoding) int64 {
	b, _ := body.Append(nil, enc)
	return int64(len(b))
}

// answer writes the result; with an error it has written nothing.
func (in *inbound) answer(body Body, now bool) error {
	c := in.c
	if in.id.IsZero() {
		return nil
	}
	c.out.room(fewBytes)
	buf, f := wire.OpenResult(c.out.buf, c.enc, c.versioned, in.id)
	buf, err := body.append(buf, c.enc, c.loosely(&f, in.frame, now))
	if err == nil {
		switch size := f.Size(buf); {
		case size > c.limits.Message:
			err = tooLarge(c.limits.Message, true)
		case c.overflows(size):
			err = newError(wire.TooLarge, &sizeParams{Limit: c.limits.resultQueue(), Started: true}, "over %d bytes wait to be read, with this result", c.limits.resultQueue())
		}
	}
	if err != nil {
		c.out.buf = f.Undo(buf)
		return err
	}
	c.out.add(buf, &f, in.frame, now)
	return nil
}

// cancel answers a call before its handler has returned, and tells the handler
// to stop; its slot stays taken until it does. c.mu is held. spec [S7], [M9]
func (in *inbound) cancel(why error) {
	c := in.c
	if in.answered || in.ctxErr != nil || c.end != nil {
		return
	}
	in.answered = true
	if !in.id.IsZero() {
		e, _ := toWire(context.Canceled)
		if why == context.DeadlineExceeded {
			e, _ = toWire(why)
		}
		c.out.buf = wire.AppendErrorResponse(c.out.buf, c.enc, c.versioned, in.id, e)
	}
	in.over(why)
}

// abandon tells the handler to stop; nobody is there to be answered.
func (in *inbound) abandon(why error) {
	in.answered = true
	in.over(why)
}

// over ends the context and frees the id. c.mu is held.
func (in *inbound) over(why error) {
	if in.ctxErr != nil {
		return
	}
	in.ctxErr = context.Canceled
	if why == context.DeadlineExceeded {
		in.ctxErr = why
	}
	in.stopClock()
	if in.done != nil {
		close(in.done)
	}
	for _, a := range in.after {
		go a.f()
	}
	in.after = nil
	if r := in.passed; r != nil && r.id != 0 {
		id := r.id
		in.c.goroutines.Go(func() {
			r.giveUp(id)
		})
	}
	in.c.served.remove(in)
	delete(in.c.notified, in)
}

// more adds credit. c.mu is held. spec [S1]
func (in *inbound) more(n int64) {
	if !in.counted {
		return
	}
	n = min(n, maxWindow-in.credit)
	in.credit += n
	in.wake()
	if onward := in.onward; onward != nil && n > 0 {
		// The other connection has a lock of its own.
		in.c.goroutines.Go(func() {
			onward(n)
		})
	}
}

// passCredit has credit given to f as it comes, for items that come from
// another connection; false: the caller gives none. So what is the newest, and
// what was lost, is decided where the items are, however many hubs are between.
// spec [U5]
func (in *inbound) passCredit(f func(n int64)) bool {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	if in.counted {
		in.onward = f
	}
	return in.counted
}

func (in *inbound) wake() {
	in.listed = false
	select {
	case in.ready <- struct{}{}:
	default:
	}
}

// Encoding is what items are written in.
func (in *inbound) Encoding() wire.Encoding { return in.c.enc }

// Ready waits for credit and for a short queue. spec [S1], [O4]
func (in *inbound) Ready(ctx context.Context) error {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return in.await(ctx)
}

// Item sends an item.
func (in *inbound) Item(it Item) error {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return in.item(&it)
}

// send is Ready and Item.
func (in *inbound) send(ctx context.Context, it *Item) error {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	if err := in.await(ctx); err != nil {
		return err
	}
	return in.item(it)
}

// await is Ready with c.mu held, which is released while it waits.
func (in *inbound) await(ctx context.Context) error {
	c := in.c
	for {
		if in.ctxErr != nil {
			return in.ctxErr
		}
		long := c.out.long()
		if !long && (!in.counted || in.credit > 0) {
			return nil
		}
		if long && !in.listed {
			in.listed = true
			c.out.blocked = append(c.out.blocked, in)
		}
		c.mu.Unlock()
		var err error
		select {
		case <-in.ready:
		case <-in.Done():
		case <-ctx.Done():
			err = ctx.Err()
		}
		c.mu.Lock()
		if err != nil {
			return err
		}
	}
}

// item is Item with c.mu held.
func (in *inbound) item(it *Item) error {
	if err := in.write(it, &wire.Item{ID: in.id}); err != nil {
		return err
	}
	in.c.stats.items.Add(1)
	in.begun()
	return nil
}

// Room returns how many items may be sent at once, after Ready.
func (in *inbound) Room() int {
	if !in.counted {
		return maxBatch
	}
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return int(min(in.credit, maxBatch))
}

// Items sends items for which there is room, and takes the lock once for all.
func (in *inbound) Items(items []Item) error {
	size := 0
	for i := range items {
		size += len(items[i].Value.raw.Raw) + len(items[i].Key) + itemHead
	}
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	in.c.out.room(size)
	note := wire.Item{ID: in.id} // to be filled for each costs less than a new one for each
	for i := range items {
		if err := in.write(&items[i], &note); err != nil {
			in.c.stats.items.Add(int64(i))
			return err
		}
	}
	in.c.stats.items.Add(int64(len(items)))
	in.begun()
	return nil
}

const (
	// itemHead is about what an rpc.item takes beside its value and its key.
	itemHead = 64
	// fewBytes are more than most messages take.
	fewBytes = 512
)

// write appends an item to what waits as a note that has its id already, with
// c.mu held.
func (in *inbound) write(it *Item, note *wire.Item) error {
	c := in.c
	if in.ctxErr != nil {
		return in.ctxErr
	}
	if in.counted && in.credit <= 0 {
		return errors.New("sabir: item without credit: Sink.Ready comes first")
	}
	note.Epoch, note.Seq, note.Lost = it.Epoch, it.Seq, it.Lost
	note.Key, note.Keyed, note.Gone, note.Reset = it.Key, it.Keyed, it.Gone, it.Reset
	c.out.room(fewBytes)
	buf, f := wire.OpenItem(c.out.buf, c.enc, c.versioned, note)
	var err error
	if !it.Gone && !it.Reset {
		buf, err = it.Value.Append(buf, c.enc)
	}
	if err == nil && f.Size(buf) > c.limits.Message {
		err = tooLarge(c.limits.Message, true)
	}
	if err != nil {
		c.out.buf = f.Undo(buf)
		return err
	}
	c.out.grown(f.CloseItem(buf))
	if in.counted {
		in.credit--
	}
	if it.Lost > 0 {
		c.stats.lost.Add(it.Lost)
	}
	return nil
}

// Live tells that a subscription is active.
func (in *inbound) Live(l Live) error {
	c := in.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if in.ctxErr != nil {
		return in.ctxErr
	}
	c.out.buf = wire.AppendLive(c.out.buf, c.enc, c.versioned, &wire.Live{ID: in.id, Epoch: l.Epoch, Seq: l.Seq, Lost: l.Lost})
	in.live = true
	if l.Lost > 0 {
		c.stats.lost.Add(l.Lost)
	}
	in.begun()
	if c.draining {
		in.cancel(context.Canceled)
	}
	return nil
}

// begun stops the clock of the timeout, which runs to the first sign. spec [M9]
func (in *inbound) begun() {
	in.stopClock()
	in.deadline = time.Time{}
	in.c.charge()
	in.c.flushLater()
}
