package auth

import (
	"container/heap"
	"net/netip"
	"time"
)

// What a source has to wait for what it did. Small faults add up: it is kept out once it owes penaltyFrom, and then
// for all that it owes. The numbers are those of OpenSSH's PerSourcePenalties. spec [K4]
const (
	penaltyFailed  = 5 * time.Second
	penaltyIdle    = time.Second
	penaltyTimeout = 10 * time.Second
	penaltyFrom    = 15 * time.Second
	penaltyMost    = 10 * time.Minute
	maxSources     = 65536
)

// penalties is a table of what sources owe. It is guarded by the gate's lock.
type penalties struct {
	all   map[netip.Prefix]*debt
	queue debts
}

type debt struct {
	source netip.Prefix
	until  time.Time
	out    bool // it owed so much that it is kept out until then
	index  int  // in the queue
}

// Source is who is punished for an address: all of a /64, because any customer has that many IPv6 addresses.
func Source(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	switch {
	case a.Is6() && a.IsLoopback():
		bits = 128 // else it would be taken for the network of ::
	case a.Is6():
		bits = 64
	}
	p, _ := a.Prefix(bits) // fails for no address at all, whose prefix is as good a key as any
	return p
}

// add makes a source wait longer. When the table is full, the debt that ends first is forgiven: the other choice,
// to refuse everybody, would hand the daemon to whoever has many addresses.
func (p *penalties) add(s netip.Prefix, d time.Duration, now time.Time) {
	p.forget(now)
	owed := p.all[s]
	if owed == nil {
		if len(p.all) >= maxSources {
			p.drop()
		}
		owed = &debt{source: s, until: now}
		if p.all == nil {
			p.all = make(map[netip.Prefix]*debt)
		}
		p.all[s] = owed
		heap.Push(&p.queue, owed)
	}
	owed.until = owed.until.Add(d)
	if most := now.Add(penaltyMost); owed.until.After(most) {
		owed.until = most
	}
	owed.out = owed.out || owed.until.Sub(now) >= penaltyFrom
	heap.Fix(&p.queue, owed.index)
}

// wait is how long the source is kept out, 0 if it is not.
func (p *penalties) wait(s netip.Prefix, now time.Time) time.Duration {
	p.forget(now)
	if owed := p.all[s]; owed != nil && owed.out {
		return owed.until.Sub(now)
	}
	return 0
}

// forget throws out what is paid.
func (p *penalties) forget(now time.Time) {
	for len(p.queue) > 0 && !now.Before(p.queue[0].until) {
		p.drop()
	}
}

func (p *penalties) drop() {
	owed := heap.Pop(&p.queue).(*debt)
	delete(p.all, owed.source)
}

// debts are a heap by their end.
type debts []*debt

func (d debts) Len() int           { return len(d) }
func (d debts) Less(i, j int) bool { return d[i].until.Before(d[j].until) }

func (d debts) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *debts) Push(x any) {
	owed := x.(*debt)
	owed.index = len(*d)
	*d = append(*d, owed)
}

func (d *debts) Pop() any {
	last := len(*d) - 1
	owed := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return owed
}
