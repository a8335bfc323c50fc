package faults_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/transport"
)

const (
	// foundWithin is how long a peer may be gone without a word, and what a busy machine adds. docs/limits.md
	foundWithin = 45*time.Second + 5*time.Second
	// dialWithin is how long one try to connect takes at most.
	dialWithin = 10 * time.Second
)

// Case 64: two machines, and what is between them fails. Both ends find it, and when it is over all goes on: of what
// was published everything came or is told as lost, no call ran twice.
//
// clause: O7, O8, S12
func TestCase64Partition(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	for _, fault := range []struct {
		name  string
		begin func(*cable)
		ends  bool // of the connections is known, at both ends
	}{
		{"for a second", func(c *cable) { c.set(true, true) }, false},
		{"for a minute", func(c *cable) { c.set(true, true) }, true},
		{"one way, what the client says", func(c *cable) { c.set(true, false) }, true},
		{"one way, what the service says", func(c *cable) { c.set(false, true) }, true},
		{"a NAT forgets", (*cable).forget, true},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			p := newPartition(t)
			began := time.Now()
			fault.begin(p.cable)
			if !fault.ends {
				time.Sleep(time.Second)
				p.cable.set(false, false)
				p.calls(time.Now(), 20*time.Second)
				p.end()
				if p.cable.dropped() == 0 {
					t.Error("nothing was cut")
				}
				if p.away.has("numbers down") || p.away.has("silence down") {
					t.Error("a second was enough to give a connection up")
				}
				return
			}
			p.away.wait("numbers down", 1, began.Add(foundWithin))
			p.away.wait("silence down", 1, began.Add(foundWithin))
			p.away.wait("hang true", 1, began.Add(foundWithin+dialWithin)) // the client asks first whether it may be repeated
			for i := range 4 {                                             // the service may learn of it from the client, who has let go
				p.server.wait("goes", i+1, began.Add(foundWithin+dialWithin))
			}
			if p.cable.isCut() {
				time.Sleep(time.Until(began.Add(time.Minute)))
			}
			p.cable.set(false, false)
			p.goesOn()
			p.end()
		})
	}
}

// The machine of the service is switched off and on again while nobody hears of it: the client that still believes in
// the connection is told as soon as it can be reached.
func TestCase64HalfOpen(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	p := newPartition(t)
	p.cable.set(true, true)
	p.server.kill()
	time.Sleep(2 * time.Second) // what its kernel still says is lost
	p.server = p.serve(t, p.cable.far.start)
	began := time.Now()
	p.cable.set(false, false)
	for _, want := range []string{"numbers down", "silence down", "hang true"} {
		p.away.wait(want, 1, began.Add(20*time.Second))
	}
	p.goesOn()
	p.end()
}

// partition is a service and a client on two machines.
type partition struct {
	*served
	t            *testing.T
	cable        *cable
	server, away *witness
}

func newPartition(t *testing.T) *partition {
	t.Helper()
	cable := newCable(t)
	at := transport.Address{Scheme: "sabir", Host: cable.far.address.String(), Port: transport.DefaultPort}
	p := &partition{newServed(t, at.String()), t, cable, nil, nil}
	p.server = p.serve(t, cable.far.start)
	p.away = newWitness(t, cable.near.start, "away", p.dir, at.WithPairing(p.pairing).String())
	soon := time.Now().Add(20 * time.Second)
	for _, want := range []string{"numbers up", "silence up", "saw"} {
		p.away.wait(want, 1, soon)
	}
	p.calls(time.Now(), 20*time.Second)
	return p
}

// calls waits until a call is answered that was made after a time.
func (p *partition) calls(after time.Time, patience time.Duration) {
	p.t.Helper()
	p.away.waitFor("an answer", after.Add(patience), func(l said) bool {
		return l.at.After(after.Add(100*time.Millisecond)) && strings.HasPrefix(l.text, "call ") && strings.HasSuffix(l.text, string(answered))
	})
}

// goesOn waits until all is as before: a client waits half a minute at most before it tries again.
func (p *partition) goesOn() {
	p.t.Helper()
	mended := time.Now()
	for _, want := range []string{"numbers up", "silence up"} {
		p.away.wait(want, 2, mended.Add(30*time.Second+dialWithin))
	}
	p.calls(mended, 30*time.Second+dialWithin)
	p.t.Logf("all goes on after %v", time.Since(mended).Round(100*time.Millisecond))
}

// end ends both and holds what the client saw against what was.
func (p *partition) end() {
	p.t.Helper()
	time.Sleep(time.Second)
	for _, w := range []*witness{p.away, p.server} {
		w.cmd.Process.Signal(os.Interrupt)
		w.all.Wait()
	}
	h, err := gather(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	var mine []seen
	for _, l := range p.away.lines {
		var x seen
		var id string
		var o outcome
		if n, _ := fmt.Sscanf(l.text, "saw %d %d", &x.n, &x.lost); n == 2 {
			mine = append(mine, x)
		}
		if words := strings.SplitN(l.text, " ", 3); words[0] == "call" {
			id, o = words[1], outcome(words[2])
			h.calls[id] = o
		}
		if strings.Contains(l.text, " ended ") && !strings.HasSuffix(l.text, " ended <nil>") && !strings.HasSuffix(l.text, "canceled") {
			p.t.Error(l.text)
		}
	}
	h.subscribers = [][]seen{mine}
	for _, fault := range h.faults() {
		p.t.Error(fault)
	}
	p.t.Logf("%d published, %d seen, %d calls", h.published, len(mine), len(h.calls))
}
