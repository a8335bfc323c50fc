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
}

func (a *account) charge(n int) {
	if a != nil {
		a.queued.Add(int64(n))
	}
}

func (a *account) crowded() bool { return a != nil && a.queued.Load() > maxCallerQueue }

// accounts are those of a server. One exists while its caller is connected.
type accounts struct {
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
	if a.conns >= maxConnections {
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
