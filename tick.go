package sabir

import (
	"time"

	"github.com/sabir-ipc/sabir/internal/pulse"
)

// What has the role of reading is looked at every millisecond while there is much
// traffic. Where there is little, a tick or two after each call, at both ends, would
// be most of what the call takes, and wake two processes that have nothing to do. So
// there it is calm: who reads only reads, and needs no looking after. Who has read a
// call gives the role to another goroutine before he handles it, and an answer is
// handed to its caller; that takes a microsecond more, of the thirty or so that waking
// a process takes. Where a process has little traffic on each of many connections, it
// is awake, and ticks cost less than that.

// tick is how long a handler may keep the role of reading; it has it for one
// tick at least and two at most.
const tick = pulse.Period

const (
	// lowTurns a tick, twice in a row, are little traffic; a call is two or three.
	lowTurns = 6
	// So many turns in a tick are much again.
	muchTurns = 8
)

// arm starts the ticks, with c.mu held.
func (r *role) arm() {
	if !r.armed && r.c.end == nil {
		r.wait(tick)
	}
}

// wait has the next look in d. In process there is no kernel to sleep in, so
// a timer is as cheap as a beat, and right in a bubble with its own time.
func (r *role) wait(d time.Duration) {
	r.armed = true
	if d == tick && r.beat != nil {
		r.beat.Next()
	} else if r.timer == nil {
		r.timer = time.AfterFunc(d, r.tick)
	} else {
		r.timer.Reset(d)
	}
}

func (r *role) tick() {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	r.armed = false
	if c.end != nil {
		return
	}
	c.startClocks()
	r.suspects()
	var next time.Duration
	if r.lull == nil && c.stallCheck(time.Now()) {
		next = maxStall / 20
	}
	turns := r.turn - r.seenTurn
	low := turns < lowTurns && r.busy == 0
	if r.busy != 0 && r.busy == r.seenBusy {
		c.takeOver()
	}
	if r.calm = low && (r.low || turns == 0) && !pulse.Crowded(); r.calm {
		r.besides = 0
	}
	r.low = low
	silent := low && turns == 0
	if !r.owner && r.leader == nil && !c.eof && (r.calm || silent) {
		c.takeOver()
	}
	if !c.out.flushing && r.owner && r.busy == 0 || !r.owner {
		c.flushLater() // replies that a handler in the reader's way held back
	}
	if c.eof && c.checkHangup() {
		next = time.Second
	}
	switch {
	case silent:
		r.quiet()
	case r.calm:
		r.counted, r.since = r.turn, time.Now()
		r.watch()
	default:
		next = tick
	}
	r.seenBusy, r.seenTurn = r.busy, r.turn
	if next > 0 && c.end == nil {
		r.wait(next)
	}
}

// stir is for each turn while it is calm, with c.mu held.
func (r *role) stir() {
	if r.lull != nil {
		r.watch()
	}
	if pulse.Count() {
		r.hurry()
		return
	}
	if r.turn-r.counted < muchTurns {
		return
	}
	now := time.Now()
	much := now.Sub(r.since) < tick || r.reader.Buffered()
	r.counted, r.since = r.turn, now
	if much {
		r.hurry()
	}
}

// hurry ends the calm, if it is, with c.mu held.
func (r *role) hurry() {
	if r.calm {
		r.calm, r.low = false, false
		r.arm()
	}
}

// aside reports whether the handler of a turn is to run aside because it is calm: one
// at a time. With several there is traffic again; one that is still at it when it has
// become calm once more counts no longer. c.mu is held.
func (r *role) aside(turn uint64) bool {
	if !r.calm || r.besides != 0 || r.reader.Buffered() {
		return false
	}
	r.besides = turn
	return true
}
