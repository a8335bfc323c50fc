package sabir

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// resource is something of which a server has only so much.
type resource uint8

const (
	connections   resource = iota
	inFlight               // calls, beyond freeCalls a connection
	subscriptions          // requests with a window
	unsent                 // bytes that wait to be sent
	received               // bytes of messages on their way, and of params
	resources
)

func (r resource) String() string {
	return [...]string{"connections", "calls in flight", "subscriptions", "bytes unsent", "bytes received and not done with"}[r]
}

// taken counts what is taken of each, by one caller or by all together.
type taken [resources]atomic.Int64

// account is what one caller takes of a server, over all of its connections. A
// nil account takes nothing: that of a client, or of a stranger, who has limits
// of his own. Any goroutine may use it.
type account struct {
	of  *accounts
	key any
	taken
}

// accounts are those of a server. One exists while its caller is connected, and
// while calls run on that he has left behind.
type accounts struct {
	most int // connections of one

	together taken
	callers  atomic.Int64

	mu  sync.Mutex
	all map[any]*account
}

// togetherTimes is how many times what one caller may take all may together,
// before each of them may take only an equal share of that. spec [B7]
const togetherTimes = 4

// add counts more of a resource, or less.
func (a *account) add(r resource, n int) {
	if a != nil && n != 0 {
		a.taken[r].Add(int64(n))
		a.of.together[r].Add(int64(n))
	}
}

// full reports whether n more of a resource is too much, where one caller may
// take most of it. Others may have come to the same answer at the same time, so
// that the limits are not exact.
func (a *account) full(r resource, n, most int) bool {
	if a == nil {
		return false
	}
	mine := a.taken[r].Load() + int64(n)
	if mine > int64(most) {
		return true
	}
	all := togetherTimes * int64(most)
	return a.of.together[r].Load()+int64(n) > all && mine > all/max(1, a.of.callers.Load())
}

// excess says of what is full by whom it is.
func (a *account) excess(r resource, n, most int) string {
	if a.taken[r].Load()+int64(n) > int64(most) {
		return fmt.Sprintf("over %d %s of one caller", most, r)
	}
	return fmt.Sprintf("over %d %s of all callers together, and this one has more than an equal share", togetherTimes*most, r)
}

// take counts n more of a resource unless that is too much.
func (a *account) take(r resource, n, most int) bool {
	a.add(r, n)
	if n > 0 && a.full(r, 0, most) {
		a.add(r, -n)
		return false
	}
	return true
}

// open counts a connection of the caller; nil: it has too many.
func (as *accounts) open(key any) *account {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.all[key]
	if a == nil {
		as.sweep()
		if as.all == nil {
			as.all = make(map[any]*account)
		}
		a = &account{of: as, key: key}
		as.all[key] = a
	}
	if a.taken[connections].Load() == 0 {
		as.callers.Add(1)
	}
	if !a.take(connections, 1, as.most) {
		as.leave(a)
		return nil
	}
	return a
}

func (as *accounts) close(a *account) {
	as.mu.Lock()
	defer as.mu.Unlock()
	a.add(connections, -1)
	as.leave(a)
}

// leave is for a caller who may have no connection any more, with as.mu held.
func (as *accounts) leave(a *account) {
	if a.taken[connections].Load() > 0 {
		return
	}
	as.callers.Add(-1)
	if a.taken[inFlight].Load() == 0 {
		delete(as.all, a.key)
	}
}

// sweep forgets those whose last calls have ended since they left, with as.mu held.
func (as *accounts) sweep() {
	for key, a := range as.all {
		if a.taken[connections].Load()+a.taken[inFlight].Load() == 0 {
			delete(as.all, key)
		}
	}
}
