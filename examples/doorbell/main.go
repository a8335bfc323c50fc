// Doorbell is a service that began as a description, bell/doorbell.sabir.
package main

import (
	"context"
	"iter"
	"log"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sabir-ipc/sabir"
	doorbell "github.com/sabir-ipc/sabir/examples/doorbell/bell"
)

// house answers what doorbell.API says. It may be used by any number of
// goroutines.
type house struct {
	service *doorbell.Service

	mu       sync.Mutex
	muted    time.Time
	visitors []doorbell.Visitor
}

func newHouse() *house {
	h := new(house)
	h.service = doorbell.NewService(h, nil)
	return h
}

func (h *house) Ring(_ context.Context, in doorbell.RingParams) (doorbell.RingResult, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now().UTC()
	if now.Before(h.muted) {
		return doorbell.RingResult{}, doorbell.Muted{Until: h.muted}
	}
	v := doorbell.Visitor{Name: in.Name, At: now}
	h.visitors = append(h.visitors, v)
	heard := h.service.Rung.Listeners(sabir.None{}) > 0
	return doorbell.RingResult{Heard: heard}, h.service.Rung.Publish(sabir.None{}, v)
}

func (h *house) Mute(_ context.Context, in doorbell.MuteParams) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.muted = in.Until
	return nil
}

func (h *house) Visitors(context.Context) iter.Seq2[doorbell.Visitor, error] {
	h.mu.Lock()
	visitors := slices.Clone(h.visitors)
	h.mu.Unlock()
	return func(yield func(doorbell.Visitor, error) bool) {
		for _, v := range visitors {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := sabir.ListenAndServe(ctx, "doorbell", newHouse().service, nil); err != nil {
		log.Fatal(err)
	}
}
