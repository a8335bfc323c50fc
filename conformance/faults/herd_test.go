package faults_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// herd is how many clients lose their service at once.
const herd = 500

// Case 68: a daemon with 500 subscribers is killed and is there again at once, the worst that can be: nobody has begun
// to wait longer. All come back within a minute, and in no tenth of a second a tenth of them.
//
// clause: S12
func TestCase68Restart(t *testing.T) {
	for _, road := range []string{"unix", "tls"} {
		if raced && road == "tls" {
			continue // five hundred handshakes are all that it would show
		}
		t.Run(road, func(t *testing.T) {
			came, stalled := restart(t, road)
			const span = 100 * time.Millisecond
			most, when := densest(came, span)
			t.Logf("all %d within %v, at most %d in %v, %v after the first; this process stood still for up to %v",
				len(came), came[len(came)-1].Sub(came[0]), most, span, when, stalled)
			// Who waited while nothing ran here comes together through no fault of his.
			if at := herd * (span + stalled) / time.Second; most >= int(at) {
				t.Errorf("%d came within %v", most, span)
			}
		})
	}
}

// restart returns when they came back, in order, and for how long at most nothing ran here.
func restart(t *testing.T, road string) (came []time.Time, stalled time.Duration) {
	t.Helper()
	s := newServed(t, "sabir://127.0.0.1:0")
	server := s.serve(t, (*exec.Cmd).Start)
	at := transport.Address{Scheme: "unix", Path: filepath.Join(s.dir, "history.sock")}
	if road == "tls" {
		_, at.Port, _ = strings.Cut(server.said()[0].text, ":")
		at.Scheme, at.Host = "sabir", "127.0.0.1"
		s.listen = at.String() // the same one again
		at = at.WithPairing(s.pairing)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	up := make(chan error, herd)
	for range herd {
		all.Go(func() {
			c, err := sabir.Dial(ctx, at.String(), &sabir.DialOptions{Log: quiet, Env: stateIn(s.dir)})
			for err != nil && ctx.Err() == nil { // 64 strangers are taken at once
				time.Sleep(50 * time.Millisecond)
				c, err = sabir.Dial(ctx, at.String(), &sabir.DialOptions{Log: quiet, Env: stateIn(s.dir)})
			}
			if err != nil {
				return
			}
			defer c.Close()
			for e, err := range sabir.Watch[number](ctx, c, "history.silence", nil, nil) {
				if err != nil && ctx.Err() == nil || err == nil && e.Kind == sabir.Up {
					up <- err
				}
			}
		})
	}
	defer stop()
	allUp := func() {
		t.Helper()
		deadline := time.After(time.Minute)
		for n := range herd {
			select {
			case err := <-up:
				if err != nil {
					t.Fatal(err)
				}
			case <-deadline:
				t.Fatalf("%d of %d came within a minute", n, herd)
			}
		}
	}
	allUp()
	server.kill()
	clock := newStallClock()
	server = s.serve(t, (*exec.Cmd).Start)
	allUp()
	stalled = clock.stop()
	server.wait("comes", herd, time.Now().Add(20*time.Second))
	for _, l := range server.said() {
		var nanos int64
		if n, _ := fmt.Sscanf(l.text, "comes %d", &nanos); n == 1 {
			came = append(came, time.Unix(0, nanos))
		}
	}
	slices.SortFunc(came, time.Time.Compare)
	return came, stalled
}

// densest is the largest number of times in any span, and when after the first it begins.
func densest(times []time.Time, span time.Duration) (most int, when time.Duration) {
	from := 0
	for to := range times {
		for times[to].Sub(times[from]) >= span {
			from++
		}
		if n := to - from + 1; n > most {
			most, when = n, times[from].Sub(times[0])
		}
	}
	return most, when
}

// stallClock measures for how long at most this process did not get to run.
type stallClock struct {
	done chan struct{}
	most chan time.Duration
}

func newStallClock() *stallClock {
	c := &stallClock{make(chan struct{}), make(chan time.Duration)}
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		most, last := time.Duration(0), time.Now()
		for {
			select {
			case <-tick.C:
				most, last = max(most, time.Since(last)), time.Now()
			case <-c.done:
				c.most <- most
				return
			}
		}
	}()
	return c
}

func (c *stallClock) stop() time.Duration {
	close(c.done)
	return <-c.most
}
