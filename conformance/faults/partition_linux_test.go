package faults_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
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
			for i := range 4 {
				p.server.wait("goes", i+1, began.Add(foundWithin))
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
	p.server.cmd.Process.Kill()
	p.server.cmd.Wait()
	time.Sleep(2 * time.Second) // what its kernel still says is lost
	p.serve()
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
	t            *testing.T
	dir          string
	at           transport.Address
	cable        *cable
	server, away *witness
}

func newPartition(t *testing.T) *partition {
	t.Helper()
	p := &partition{t: t, cable: newCable(t)}
	var err error
	if p.dir, err = os.MkdirTemp("", "sabir"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(p.dir) })
	p.at = transport.Address{Scheme: "sabir", Host: p.cable.far.address.String(), Port: transport.DefaultPort}
	state, err := stateIn(p.dir).ServiceDir("history")
	if err != nil {
		t.Fatal(err)
	}
	store, err := auth.OpenStore(filepath.Join(state, sabir.CredentialsFile))
	if err != nil {
		t.Fatal(err)
	}
	c, secret, err := store.AddToken(auth.NewCredential{Name: "away", Rights: auth.Rights{Level: "write"}})
	if err != nil {
		t.Fatal(err)
	}
	identity, err := transport.OpenIdentity(state)
	if err != nil {
		t.Fatal(err)
	}
	p.serve()
	to := p.at.WithPairing(transport.Pairing{Pin: identity.Fingerprint(), ID: c.ID, Secret: secret.Reveal()})
	p.away = newWitness(t, p.cable.near, "away", p.dir, to.String())
	soon := time.Now().Add(20 * time.Second)
	for _, want := range []string{"numbers up", "silence up", "saw"} {
		p.away.wait(want, 1, soon)
	}
	p.calls(time.Now(), 20*time.Second)
	return p
}

func (p *partition) serve() {
	p.t.Helper()
	p.server = newWitness(p.t, p.cable.far, "server", p.dir, p.at.String())
	p.server.wait("ready", 1, time.Now().Add(20*time.Second))
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

// witness is a process on a machine, and what it has said, a line each.
type witness struct {
	t   *testing.T
	who string
	cmd *exec.Cmd
	all sync.WaitGroup

	mu    sync.Mutex
	lines []said
	more  chan struct{} // closed when there is another line
}

type said struct {
	at   time.Time
	text string
}

func newWitness(t *testing.T, on *machine, role, dir, address string) *witness {
	t.Helper()
	w := &witness{t: t, who: role, cmd: exec.Command(os.Args[0], dir, address), more: make(chan struct{})}
	w.cmd.Env = append(os.Environ(), roleEnv+"="+role)
	w.cmd.Stderr = os.Stderr
	if _, err := w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = on.start(w.cmd)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.all.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.mu.Lock()
			w.lines = append(w.lines, said{time.Now(), lines.Text()})
			close(w.more)
			w.more = make(chan struct{})
			w.mu.Unlock()
		}
	})
	t.Cleanup(func() { w.cmd.Process.Kill(); w.all.Wait(); w.cmd.Wait() })
	return w
}

// waitFor waits until a line is there that fits.
func (w *witness) waitFor(what string, until time.Time, fits func(said) bool) {
	w.t.Helper()
	for from := 0; ; {
		w.mu.Lock()
		lines, more := w.lines[from:], w.more
		from = len(w.lines)
		w.mu.Unlock()
		for _, l := range lines {
			if fits(l) {
				return
			}
		}
		select {
		case <-more:
		case <-time.After(time.Until(until)):
			w.t.Fatalf("%s: no %s; it said\n%s", w.who, what, w.told())
		}
	}
}

// wait waits until a line has begun like that so many times.
func (w *witness) wait(begin string, times int, until time.Time) {
	w.t.Helper()
	began := time.Now()
	w.waitFor(fmt.Sprintf("%q, %d times", begin, times), until, func(l said) bool {
		if strings.HasPrefix(l.text, begin) {
			times--
		}
		return times == 0
	})
	w.t.Logf("%s: %s after %v", w.who, begin, time.Since(began).Round(100*time.Millisecond))
}

func (w *witness) has(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lines {
		if l.text == text {
			return true
		}
	}
	return false
}

// told is what it said that is not the same all the time.
func (w *witness) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, l := range w.lines {
		if !strings.HasPrefix(l.text, "saw ") && !strings.HasPrefix(l.text, "call ") {
			fmt.Fprintln(&b, l.at.Format("05.000"), l.text)
		}
	}
	return b.String()
}
