package auth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// How many may be before the gate at once, and for how long. spec [K3], [K4]
const (
	GateTime      = 5 * time.Second // for the first byte, TLS and authentication together
	MaxStrangers  = 64              // connections whose caller is not known yet
	MaxFromSource = 16              // of those, from one IPv4 address or IPv6 /64
	waitTime      = 2 * time.Second // for a place, of what comes by proxies
	maxWaiting    = 1024            // of that
)

// Gate counts the connections whose caller is not known yet, and remembers who knocked in vain. The zero Gate is ready.
// Any goroutine may use it.
type Gate struct {
	mu        sync.Mutex
	all       int
	sources   map[netip.Prefix]int
	penalties penalties
	waiting   []chan struct{} // each closed when its turn has come to try again
}

// ClosedError says why a connection is not even read. Nothing is answered: whoever floods learns nothing by it.
type ClosedError struct {
	Source netip.Prefix
	Reason string
	Full   bool // for now there is no place
}

func (e *ClosedError) Error() string { return fmt.Sprintf("connection of %v: %s", e.Source, e.Reason) }

// Outcome is how the time before the gate ended.
type Outcome int

const (
	Left     Outcome = iota // it went without trying, or spoke of something else
	Known                   // the caller is known
	Failed                  // a proof was wrong, or a message of the exchange
	TimedOut                // GateTime was over
	Answered                // it asked only for what everybody may see
)

// Enter lets a connection before the gate: *ClosedError if it has to be closed at once. The caller says by leave how
// that ended, once; what it says again does not count.
func (g *Gate) Enter(from netip.Addr) (leave func(Outcome), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.enter(Source(from))
}

// enter is Enter with g.mu held.
func (g *Gate) enter(s netip.Prefix) (leave func(Outcome), err error) {
	if err := g.owes(s); err != nil {
		return nil, err
	}
	if g.sources[s] >= MaxFromSource {
		return nil, &ClosedError{s, fmt.Sprintf("has %d connections that are not authenticated", MaxFromSource), true}
	}
	// From half full on, chance decides, the more strictly the fuller it is, so that somebody who fills every place as
	// soon as it is free does not shut everybody else out, as at a fixed limit.
	if free := MaxStrangers - g.all; free <= 0 || free < MaxStrangers/2 && rand.IntN(MaxStrangers/2) >= free {
		return nil, &ClosedError{s, fmt.Sprintf("%d connections are not authenticated", g.all), true}
	}
	if g.sources == nil {
		g.sources = make(map[netip.Prefix]int)
	}
	g.all++
	g.sources[s]++
	var once sync.Once
	return func(o Outcome) { once.Do(func() { g.leave(s, o) }) }, nil
}

// Wait is Enter for a source that many may share: where there is no place it waits for one, and not for long. It ends
// with ctx.
func (g *Gate) Wait(ctx context.Context, from netip.Addr) (leave func(Outcome), err error) {
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		leave, err = g.enter(Source(from))
		var closed *ClosedError
		if !errors.As(err, &closed) || !closed.Full || len(g.waiting) >= maxWaiting || ctx.Err() != nil {
			return leave, err
		}
		turn := make(chan struct{})
		g.waiting = append(g.waiting, turn)
		g.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
		}
		g.mu.Lock()
		if i := slices.Index(g.waiting, turn); i >= 0 {
			g.waiting = slices.Delete(g.waiting, i, i+1)
		}
	}
}

// next lets the one try again that waits longest. g.mu is held.
func (g *Gate) next() {
	if len(g.waiting) > 0 {
		close(g.waiting[0])
		g.waiting = slices.Delete(g.waiting, 0, 1)
	}
}

// Pass is Enter for who does not stay: it takes no place, and is kept out only for what it owes.
func (g *Gate) Pass(from netip.Addr) (leave func(Outcome), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := Source(from)
	if err := g.owes(s); err != nil {
		return nil, err
	}
	var once sync.Once
	return func(o Outcome) {
		once.Do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.charge(s, o)
		})
	}, nil
}

// owes is the error of a source that has to stay away. g.mu is held.
func (g *Gate) owes(s netip.Prefix) error {
	if wait := g.penalties.wait(s, time.Now()); wait > 0 {
		return &ClosedError{s, fmt.Sprintf("kept out for another %v", wait.Round(time.Second)), false}
	}
	return nil
}

func (g *Gate) leave(s netip.Prefix, o Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.sources[s]--; g.sources[s] == 0 {
		delete(g.sources, s)
	}
	g.next()
	g.charge(s, o)
}

// charge adds what an outcome costs. g.mu is held.
func (g *Gate) charge(s netip.Prefix, o Outcome) {
	if s.Addr().IsLoopback() && o != Failed {
		return // else any web page could have everybody on this machine kept out, by knocking
	}
	switch o {
	case Left:
		g.penalties.add(s, penaltyIdle, time.Now())
	case Failed:
		g.penalties.add(s, penaltyFailed, time.Now())
	case TimedOut:
		g.penalties.add(s, penaltyTimeout, time.Now())
	}
}
