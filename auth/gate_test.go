package auth

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// knock enters and leaves at once, and tells why it could not.
func knock(g *Gate, from string, o Outcome) string {
	leave, err := g.Enter(addr(from))
	var closed *ClosedError
	switch {
	case errors.As(err, &closed):
		return closed.Reason
	case err != nil:
		return "another error: " + err.Error()
	}
	leave(o)
	return ""
}

// clause: K4
func TestPenalties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		for range 2 {
			if reason := knock(&g, "192.0.2.1", Failed); reason != "" {
				t.Fatal(reason)
			}
		}
		if reason := knock(&g, "192.0.2.1", Failed); reason != "" {
			t.Errorf("10 s owed: %s", reason)
		}
		if reason := knock(&g, "192.0.2.1", Known); reason != "kept out for another 15s" {
			t.Errorf("15 s owed: %q", reason)
		}
		if reason := knock(&g, "::ffff:192.0.2.1", Known); reason == "" {
			t.Error("the same address in IPv6's clothes came in")
		}
		if reason := knock(&g, "192.0.2.2", Known); reason != "" {
			t.Errorf("somebody else: %s", reason)
		}
		time.Sleep(14 * time.Second)
		if reason := knock(&g, "192.0.2.1", Known); reason != "kept out for another 1s" {
			t.Errorf("1 s owed: %q", reason)
		}
		time.Sleep(time.Second)
		if reason := knock(&g, "192.0.2.1", Known); reason != "" {
			t.Errorf("paid: %s", reason)
		}
		for range 14 {
			knock(&g, "192.0.2.3", Left)
		}
		if reason := knock(&g, "192.0.2.3", Known); reason != "" {
			t.Errorf("14 s owed: %s", reason)
		}
	})
}

// A web page can knock at loopback, and not speak; it must not lock out those who can.
//
// clause: K4
func TestPenaltiesOnLoopback(t *testing.T) {
	var g Gate
	for _, from := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		for range 100 {
			if reason := knock(&g, from, Left) + knock(&g, from, TimedOut); reason != "" {
				t.Fatalf("%s: %s", from, reason)
			}
		}
	}
	for range 4 { // three are 15 s, less the moment that they took
		knock(&g, "127.0.0.1", Failed)
	}
	if reason := knock(&g, "127.0.0.1", Known); reason == "" {
		t.Error("guessing is free on loopback")
	}
}

// clause: K4
func TestPenaltiesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		tries, start := 0, time.Now()
		for range 1000 {
			if knock(&g, "2001:db8:0:1::1", Failed) == "" {
				tries++
			}
			if reason := knock(&g, "2001:db8:0:2::1", Known); reason != "" {
				t.Fatal("another network: ", reason)
			}
			time.Sleep(time.Second)
		}
		// Three tries cost 15 s, so a thousand seconds are worth at most two hundred, and they were.
		if want := 200; tries > want || time.Since(start) != 1000*time.Second {
			t.Errorf("%d tries, at most %d", tries, want)
		}
		var owed penalties
		source := Source(addr("192.0.2.9"))
		for range 1000 {
			owed.add(source, penaltyFailed, time.Now())
		}
		if wait := owed.wait(source, time.Now()); wait != penaltyMost {
			t.Errorf("a thousand tries at once: %v", wait)
		}
		for range 3 {
			g.penalties.add(netip.MustParsePrefix("2001:db8:0:3::/64"), penaltyFailed, time.Now())
		}
		if reason := knock(&g, "2001:db8:0:3:ffff::9%eth0", Known); reason != "kept out for another 15s" {
			t.Errorf("another address of the same /64: %q", reason)
		}
	})
}

// clause: K4
func TestPenaltyTableIsBounded(t *testing.T) {
	var owed penalties
	now := time.Now()
	worst := netip.MustParsePrefix("10.0.0.0/32")
	owed.add(worst, penaltyMost, now)
	for i := range maxSources + 1000 {
		from := netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)})
		owed.add(Source(from), penaltyFailed, now.Add(time.Duration(i)))
	}
	if len(owed.all) != maxSources || len(owed.queue) != maxSources {
		t.Errorf("%d sources, queue of %d", len(owed.all), len(owed.queue))
	}
	if owed.wait(worst, now) == 0 {
		t.Error("the worst was forgiven")
	}
	owed.forget(now.Add(penaltyMost))
	if len(owed.all) != 0 || len(owed.queue) != 0 {
		t.Errorf("%d sources remembered for nothing", len(owed.all))
	}
}

// clause: K3
func TestStrangers(t *testing.T) {
	var g Gate
	var leave []func(Outcome)
	for range MaxFromSource {
		l, err := g.Enter(addr("192.0.2.1"))
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	if reason := knock(&g, "192.0.2.1", Known); reason != "has 16 connections that are not authenticated" {
		t.Errorf("the 17th of a source: %q", reason)
	}
	leave[0](Known)
	leave[0](Known) // counts once
	if reason := knock(&g, "192.0.2.1", Known); reason != "" {
		t.Errorf("after one left: %s", reason)
	}
	refused := 0
	for i := range 100_000 {
		l, err := g.Enter(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		switch {
		case err != nil && !strings.Contains(err.Error(), "connections are not authenticated"):
			t.Fatal(err)
		case err != nil && g.all < MaxStrangers/2:
			t.Fatalf("refused with %d there", g.all)
		case err != nil:
			refused++
		default:
			leave = append(leave, l)
		}
	}
	if g.all != MaxStrangers || refused < 100_000-MaxStrangers {
		t.Errorf("%d before the gate, %d refused", g.all, refused)
	}
	for _, l := range leave {
		l(Known)
	}
	if g.all != 0 || len(g.sources) != 0 || len(g.penalties.all) != 0 {
		t.Errorf("%d before the gate, %d sources, %d penalties", g.all, len(g.sources), len(g.penalties.all))
	}
}

// Who comes by a proxy waits for a place, in turn, and not for long; not if it is kept out.
//
// clause: K3
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		var leave []func(Outcome)
		for range MaxFromSource {
			l, err := g.Wait(t.Context(), addr("127.0.0.1"))
			if err != nil {
				t.Fatal(err)
			}
			leave = append(leave, l)
		}
		start := time.Now()
		order := make(chan int, 3)
		for i := range 3 {
			go func() {
				l, err := g.Wait(t.Context(), addr("127.0.0.1"))
				if err != nil {
					order <- -1
					return
				}
				order <- i
				defer l(Known)
				<-t.Context().Done()
			}()
			synctest.Wait()
		}
		leave[0](Known)
		leave[1](Known)
		if a, b := <-order, <-order; a+b != 1 || time.Since(start) > 0 {
			t.Errorf("let in: %d and %d, after %v", a, b, time.Since(start))
		}
		if got := <-order; got != -1 || time.Since(start) != waitTime || len(g.waiting) > 0 {
			t.Errorf("who waits for nothing: %d after %v, %d wait", got, time.Since(start), len(g.waiting))
		}
		for range 3 {
			knock(&g, "192.0.2.1", Failed)
		}
		if _, err := g.Wait(t.Context(), addr("192.0.2.1")); err == nil || time.Since(start) != waitTime {
			t.Errorf("who owes: %v after %v", err, time.Since(start))
		}
	})
}

// Who passes takes no place, and owes what others do.
//
// clause: K4
func TestPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		for range 2 * MaxFromSource {
			if _, err := g.Pass(addr("192.0.2.1")); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			leave, _ := g.Pass(addr("192.0.2.1"))
			leave(Failed)
			leave(Failed) // counts once
		}
		if _, err := g.Pass(addr("192.0.2.1")); err == nil || !strings.Contains(err.Error(), "kept out for another 15s") {
			t.Error(err)
		}
	})
}
