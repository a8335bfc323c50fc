package sabir

import "time"

// What a handler needs of stack is twice what it takes to wait, and the garbage
// collector, which would take it back, does not run where nothing happens. So the
// goroutine that reads a silent connection is relieved by a fresh one: at the first
// silence at once, since of many connections most say something and then listen;
// after that when a second was silent, since a fresh one for each call that comes
// now and then would cost a third more.

// quiet is for a tick without traffic, with c.mu held.
func (r *role) quiet() {
	if r.lull == nil {
		r.dismiss()
		return
	}
	first := r.grown && !r.rested
	if first {
		r.rested = true
		r.relieve()
	}
	if r.grown && !first || len(r.spare) > 0 {
		r.watch()
	}
}

// watch has somebody look in a second whether all is silent, or stuck, with c.mu held.
func (r *role) watch() {
	switch {
	case r.lull == nil:
		r.arm()
	case !r.lulled && r.c.end == nil:
		r.lulled = true
		r.lull.Next()
	}
}

// rest is called once a second while there is traffic, and once after.
func (r *role) rest() {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	r.lulled = false
	stuck := c.stallCheck(time.Now())
	if r.turn == r.lastTurn {
		r.relieve()
		r.dismiss()
	}
	if r.turn != r.lastTurn || stuck {
		r.watch()
	}
	r.lastTurn = r.turn
}

// relieve ends the read of an owner who waits, with c.mu held.
func (r *role) relieve() {
	if r.grown && r.owner && r.busy == 0 && r.canLead && !r.kicked && !r.c.eof && r.c.end == nil {
		r.kick()
	}
}

// relieved is for that owner, with c.mu held.
func (r *role) relieved() {
	r.unkick()
	r.grown, r.busy = false, 0
	r.c.goroutines.Add(1)
	go r.c.attend(false)
}

// attend begins an owner's loop where there may be nothing to read for long.
func (c *conn) attend(sniff bool) {
	c.t.AwaitRead()
	c.readOn(sniff)
}
