package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/sabir-ipc/sabir"
)

func (h *Heating) set(_ context.Context, in Target) (sabir.None, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.targets[in.Room]; !ok {
		return sabir.None{}, NoSuchRoom{in.Room}
	}
	h.targets[in.Room] = in.Celsius
	h.changes = append(h.changes, Change{in.Room, in.Celsius, time.Now().UTC()})
	return sabir.None{}, h.show(in.Room)
}

// show publishes what has changed. Setting what is set already is no change.
func (h *Heating) show(room string) error {
	cold := false
	for room, target := range h.targets {
		cold = cold || h.measure(room) < target
	}
	return errors.Join(
		h.rooms.Set(sabir.None{}, room, Room{h.targets[room]}),
		h.boiler.Set(sabir.None{}, Boiler{cold}))
}

func (h *Heating) history(_ context.Context, in Which) (iter.Seq2[Change, error], error) {
	h.mu.Lock()
	changes := slices.Clone(h.changes)
	h.mu.Unlock()
	return func(yield func(Change, error) bool) {
		for _, c := range changes {
			if in.Room != nil && *in.Room != c.Room {
				continue
			}
			if !yield(c, nil) {
				return
			}
		}
	}, nil
}
