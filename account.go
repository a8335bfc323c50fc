package sabir

import (
	"sync"
	"sync/atomic"
)

// account is what one caller takes of a server, over all of its connections.
type account struct {
	key    any
	conns  int // guarded by accounts.mu
	queued atomic.Int64
	held   atomic.Int64 // bytes of messages that come, and of params
	subs   atomic.Int64 // requests with a window
}

// subscribe counts one subscription more or less, on any connection of the caller.
func (a *account) subscribe(n int64) {
	if a != nil {
		a.subs.Add(n)
	}
}

func (a *account) subscribed(most int) bool { return a != nil && a.subs.Load() >= int64(most) }

func (a *account) charge(n int) {
	if a != nil {
		a.queued.Add(int64(n))
	}
}

func (a *account) crowded() bool { return a != nil && a.queued.Load() > busyCallerQueue }

// overrun reports whether connections have to be closed: many may have begun to answer before any of them counted.
func (a *account) overrun() bool { return a != nil && a.queued.Load() > maxCallerQueue }

// hold counts bytes received, unless they are over most.
func (a *account) hold(n, most int) bool {
	if a == nil {
		return true
	}
	if a.held.Add(int64(n)) > int64(most) && n > 0 {
		a.held.Add(int64(-n))
		return false
	}
	return true
}

// accounts are those of a server. One exists while its caller is connected.
type accounts struct {
	most int // connections of one

	mu  sync.Mutex
	all map[any]*account
}

// open counts a connection of the caller; nil: it has too many.
func (as *accounts) open(key any) *account {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.all[key]
	if a == nil {
		if as.all == nil {
			as.all = make(map[any]*account)
		}
		a = &account{key: key}
		as.all[key] = a
	}
	if a.conns >= as.most {
		return nil
	}
	a.conns++
	return a
}

func (as *accounts) close(a *account) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a.conns--; a.conns == 0 {
		delete(as.all, a.key)
	}
}
