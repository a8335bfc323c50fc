package sabir_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
)

// subscribed asks for a subscription that lasts until the client is closed.
func subscribed(t *testing.T, c *sabir.Client) error {
	t.Helper()
	up := make(chan error, 1)
	go func() {
		for e, err := range sabir.Watch[any](context.Background(), c, "probe.tick", map[string]any{"name": "a"}, &sabir.WatchOptions{Once: true}) {
			if err != nil || e.Kind == sabir.Up {
				select {
				case up <- err:
				default:
				}
			}
		}
	}()
	return <-up
}

// Many callers, each within its limits, take what there is for all. Then each
// has an equal share, so that who comes late is not turned away.
//
// clause: B7
func TestShares(t *testing.T) {
	const own, all, callers = 8, 32, 6
	r := serveTCPWith(t, probe.New(), sabir.Limits{Connections: own / 4, Subscriptions: own})
	clients := make([]*sabir.Client, callers)
	for i := range clients {
		_, opts := r.token(t, "write")
		clients[i] = dial(t, "tcp:"+r.plain, *opts)
		if _, err := sabir.Do[sabir.None](t.Context(), clients[i], "rpc.ping", nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range clients[:all/own] {
		for n := range own {
			if err := subscribed(t, c); err != nil {
				t.Fatalf("caller %d, subscription %d: %v", i, n, err)
			}
		}
	}
	for i, c := range clients[all/own:] {
		for n := range all / callers {
			if err := subscribed(t, c); err != nil {
				t.Fatalf("caller %d of those who come late, subscription %d: %v", i, n, err)
			}
		}
		if err := subscribed(t, c); !errors.Is(err, sabir.ErrBusy) || !strings.Contains(err.Error(), "over 32 subscriptions of all callers together") {
			t.Errorf("more than a share: %v", err)
		}
	}
	// What one has is given back when he goes.
	clients[0].Close()
	clients[1].Close()
	for try := 0; ; try++ {
		err := subscribed(t, clients[callers-1])
		if err == nil {
			break
		}
		if try == 100 {
			t.Fatal(err)
		}
	}
}

// Calls on several connections are counted together, but for the first few on each.
//
// clause: B3
func TestCallsOfOneCaller(t *testing.T) {
	const conn, caller, free = 16, 16, 4
	r := limited(t, sabir.Limits{Connections: 4, InFlight: conn})
	first, second, third := dial(t, r.path, sabir.DialOptions{}), dial(t, r.path, sabir.DialOptions{}), dial(t, r.path, sabir.DialOptions{})
	asks := third
	held := func(c *sabir.Client, n, together int) {
		for range n {
			go sabir.Do[sabir.None](context.Background(), c, "s.hold", nil)
		}
		for { // until they are there
			info, err := sabir.Do[struct{ InFlight int }](t.Context(), asks, "rpc.stats", nil)
			if err != nil {
				t.Fatal(err)
			}
			if info.InFlight == together+1 { // and the one that asks
				return
			}
		}
	}
	held(first, conn, conn)
	held(second, free+caller-(conn-free), conn+free+caller-(conn-free))
	_, err := sabir.Do[text](t.Context(), second, "s.echo", text{"x"})
	if !errors.Is(err, sabir.ErrBusy) || !strings.Contains(err.Error(), "over 16 calls in flight of one caller") {
		t.Errorf("one call more: %v", err)
	}
	if _, err := sabir.Do[text](t.Context(), third, "s.echo", text{"x"}); err != nil {
		t.Errorf("the first of another connection: %v", err)
	}

	// What runs on is counted, though all connections are gone.
	for _, c := range []*sabir.Client{first, second, third} {
		c.Close()
	}
	waitFor(t, func() bool {
		asks = dial(t, r.path, sabir.DialOptions{})
		info, err := sabir.Do[struct{ Connections int }](t.Context(), asks, "rpc.stats", nil)
		if err != nil || info.Connections > 1 {
			asks.Close() // the others are still being closed
			return false
		}
		return true
	})
	fourth := dial(t, r.path, sabir.DialOptions{})
	held(fourth, free, conn+free+caller-(conn-free)+free)
	_, err = sabir.Do[text](t.Context(), fourth, "s.echo", text{"x"})
	if !errors.Is(err, sabir.ErrBusy) || !strings.Contains(err.Error(), "over 16 calls in flight of one caller") {
		t.Errorf("one call more on a new connection: %v", err)
	}
}
