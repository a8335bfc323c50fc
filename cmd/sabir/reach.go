package main

import (
	"context"
	"sync"

	"github.com/sabir-ipc/sabir"
)

// switchboard has connections that outlast a command, for a shell: by address,
// those past a hub apart.
// Each makes itself again when it is lost.
type switchboard struct {
	mu   sync.Mutex
	open map[string]*sabir.Client
}

func newSwitchboard() *switchboard {
	return &switchboard{open: make(map[string]*sabir.Client)}
}

// reach returns a connection to an address, and what to do when it has served.
func (a *app) reach(ctx context.Context, address string) (c *sabir.Client, hangUp func(), err error) {
	if a.board != nil {
		c, err = a.board.to(ctx, a, address)
		return c, func() {}, err
	}
	if c, err = a.dial(ctx, address, false); err != nil {
		return nil, nil, err
	}
	return c, func() { c.Close() }, nil
}

func (b *switchboard) to(ctx context.Context, a *app, address string) (*sabir.Client, error) {
	key := address
	if a.direct {
		key = "direct " + address // which is no address
	}
	b.mu.Lock()
	c := b.open[key]
	b.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := a.dial(ctx, address, false)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if other := b.open[key]; other != nil { // somebody in the background was faster
		c.Close()
		return other, nil
	}
	b.open[key] = c
	return c, nil
}

// hangUp ends all of them.
func (b *switchboard) hangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.open {
		c.Close()
	}
	clear(b.open)
}
