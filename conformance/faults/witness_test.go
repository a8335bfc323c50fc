package faults_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
)

// served is a service in a process of its own, and what a client has to know of it.
type served struct {
	dir     string
	listen  string
	pairing transport.Pairing
}

func newServed(t *testing.T, listen string) *served {
	t.Helper()
	s := &served{listen: listen}
	var err error
	if s.dir, err = os.MkdirTemp("", "sabir"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	state, err := stateIn(s.dir).ServiceDir("history")
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
	s.pairing = transport.Pairing{Pin: identity.Fingerprint(), ID: c.ID, Secret: secret.Reveal()}
	return s
}

// serve starts it, or starts it again.
func (s *served) serve(t *testing.T, start func(*exec.Cmd) error) *witness {
	t.Helper()
	w := newWitness(t, start, "server", s.dir, s.listen)
	w.wait("ready", 1, time.Now().Add(20*time.Second))
	return w
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

// newWitness starts the process by start, which may do so elsewhere.
func newWitness(t *testing.T, start func(*exec.Cmd) error, role, dir, address string) *witness {
	t.Helper()
	w := &witness{t: t, who: role, cmd: exec.Command(os.Args[0], dir, address), more: make(chan struct{})}
	w.cmd.Env = append(os.Environ(), roleEnv+"="+role)
	w.cmd.Stderr = os.Stderr
	if _, err := w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = start(w.cmd)
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
	t.Cleanup(w.kill)
	return w
}

// kill ends it at once, and returns when all that it said is there.
func (w *witness) kill() {
	w.cmd.Process.Kill()
	w.all.Wait()
	w.cmd.Wait()
}

func (w *witness) said() []said {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lines)
}

// waitFor waits until a line is there that fits.
func (w *witness) waitFor(what string, until time.Time, fits func(said) bool) {
	w.t.Helper()
	for from := 0; ; {
		w.mu.Lock()
		lines, more := w.lines[from:], w.more
		from = len(w.lines)
		w.mu.Unlock()
		if slices.ContainsFunc(lines, fits) {
			return
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
	return slices.ContainsFunc(w.said(), func(l said) bool { return l.text == text })
}

// told is what it said that is not the same all the time.
func (w *witness) told() string {
	var b strings.Builder
	for _, l := range w.said() {
		if !strings.HasPrefix(l.text, "saw ") && !strings.HasPrefix(l.text, "call ") {
			fmt.Fprintln(&b, l.at.Format("05.000"), l.text)
		}
	}
	return b.String()
}
