package sabir

import (
	"context"
	"time"
)

// Most calls that have a time-out are over in less than a tick. So a call gets a
// timer only at the tick after it came: a timer for each took a tenth of a call,
// and for one that passes a hub, where its memory could not go round, more.

// expire cancels the call when so many seconds are over; 0: never. c.mu is held.
// spec [M9]
func (in *inbound) expire(timeout float64) {
	if timeout <= 0 {
		return
	}
	c, d := in.c, seconds(timeout)
	in.deadline = time.Now().Add(d)
	if d < 4*tick || c.role.beat == nil || c.role.calm {
		in.startClock(d)
		return
	}
	c.timed = append(c.timed, in)
	in.timed = int32(len(c.timed))
	c.role.arm()
}

// startClocks is for those who are there at a tick, with c.mu held.
func (c *conn) startClocks() {
	for i, in := range c.timed {
		in.timed = 0
		in.startClock(time.Until(in.deadline))
		c.timed[i] = nil
	}
	c.timed = c.timed[:0]
}

func (in *inbound) startClock(d time.Duration) {
	in.timer = time.AfterFunc(d, func() {
		in.c.mu.Lock()
		defer in.c.mu.Unlock()
		if in.deadline.IsZero() {
			return // its first item was sent while the time was up
		}
		in.cancel(context.DeadlineExceeded)
		in.c.flushLater()
	})
}

// stopClock is for a call that is over, or has begun to send items. c.mu is held.
func (in *inbound) stopClock() {
	if in.timer != nil {
		in.timer.Stop()
	}
	if in.timed == 0 {
		return
	}
	timed := in.c.timed
	last := len(timed) - 1
	timed[last].timed, timed[in.timed-1] = in.timed, timed[last]
	timed[last], in.timed = nil, 0
	in.c.timed = timed[:last]
}
