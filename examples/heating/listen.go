package main

import (
	"context"
	"log"
	"sync"
	"time"
)

// accept is asked before anybody gets readings; its error refuses them.
func (h *Heating) accept(_ context.Context, in InRoom) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.targets[in.Room]; !ok {
		return NoSuchRoom(in)
	}
	return nil
}

// listen is told of the first listener to a room and of the end of the last.
func (h *Heating) listen(in InRoom, listening bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !listening {
		h.stop[in.Room]()
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { h.sample(ctx, in) })
	h.stop[in.Room] = func() { cancel(); work.Wait() }
}

func (h *Heating) sample(ctx context.Context, in InRoom) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-tick.C:
			if err := h.reading.Publish(in, Reading{h.measure(in.Room), at.UTC()}); err != nil {
				log.Print(err)
			}
		}
	}
}
