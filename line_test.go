package sabir_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
)

// scribe is a service that notes numbers, in a handler that waits until it may go on.
type scribe struct {
	goOn chan struct{}

	mu  sync.Mutex
	got []int
}

type scribed struct {
	N    int
	Text *string
}

func (s *scribe) service() *sabir.Service {
	s.goOn = make(chan struct{})
	svc := sabir.NewService("scribe", "1", "")
	sabir.Method(svc, "note", func(ctx context.Context, in scribed) (sabir.None, error) {
		s.mu.Lock()
		s.got = append(s.got, in.N)
		s.mu.Unlock()
		select {
		case <-s.goOn:
		case <-ctx.Done():
		}
		return sabir.None{}, nil
	})
	sabir.Method(svc, "go_on", func(context.Context, sabir.None) (sabir.None, error) {
		s.goOn <- struct{}{}
		return sabir.None{}, nil
	})
	return svc
}

// has checks that the numbers up to n were noted, and no others.
func (s *scribe) has(t *testing.T, n int) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	want := make([]int, n)
	for i := range want {
		want[i] = i
	}
	if !slices.Equal(s.got, want) {
		t.Fatalf("noted are %v, not the first %d", s.got, n)
	}
}

func note(n int) string {
	return fmt.Sprintf(`{"method":"scribe.note","params":{"n":%d}}`, n)
}

// Of notifications as many run at once as of calls. The next ones wait, in order, and
// keep no call from being made.
// clause: B3
func TestNotificationsStandInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sc scribe
		s := serveBubble(sc.service(), &sabir.ServeOptions{Limits: sabir.Limits{InFlight: 4}})
		for n := range 20 {
			s.say(t, note(n))
		}
		sc.has(t, 4)
		for n := range 20 {
			s.say(t, fmt.Sprintf(`{"id":%d,"method":"scribe.go_on"}`, n))
			if got := s.hear(t); got != fmt.Sprintf(`{"id":%d,"result":{}}`, n) {
				t.Fatal(got)
			}
			sc.has(t, min(4+n+1, 20))
		}
		s.end(t)
	})
}

// Calls that wait for what a notification does take no place of its.
// clause: B3
func TestNotificationBesideCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sc scribe
		s := serveBubble(sc.service(), &sabir.ServeOptions{Limits: sabir.Limits{InFlight: 4}})
		for n := range 4 {
			s.say(t, fmt.Sprintf(`{"id":%d,"method":"scribe.note","params":{"n":%[1]d}}`, n))
		}
		sc.has(t, 4)
		for range 4 {
			s.say(t, `{"method":"scribe.go_on"}`)
			if got := s.hear(t); !strings.Contains(got, `"result":{}`) {
				t.Error(got)
			}
		}
		s.end(t)
	})
}

// Whose time is up while he waits in line does not run, and whose connection ends does
// not either.
// clause: M9, O7
func TestNotificationsLeaveTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sc scribe
		s := serveBubble(sc.service(), &sabir.ServeOptions{Limits: sabir.Limits{InFlight: 1}})
		s.say(t, note(0))
		s.say(t, `{"method":"scribe.note","params":{"n":99},"timeout":0.5}`)
		s.say(t, note(1))
		sc.has(t, 1)
		time.Sleep(time.Second)
		sc.goOn <- struct{}{}
		sc.has(t, 2)
		s.say(t, note(2))
		s.end(t)
		sc.has(t, 2)
	})
}

// What has no room in the line is lost, of which the log has one line.
// clause: B3
func TestNotificationsAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sc scribe
		var said bytes.Buffer
		s := serveBubbleLog(sc.service(), &sabir.ServeOptions{Limits: sabir.Limits{InFlight: 1}}, slog.New(slog.NewTextHandler(&said, nil)))
		text := strings.Repeat("x", 100<<10)
		const fit = 1 + 81 // of 100 KiB and a little each in 8 MiB
		for n := range 100 {
			s.say(t, fmt.Sprintf(`{"method":"scribe.note","params":{"n":%d,"text":%q}}`, n, text))
		}
		for n := range fit - 1 {
			sc.has(t, n+1)
			sc.goOn <- struct{}{}
		}
		sc.has(t, fit)
		sc.goOn <- struct{}{}
		sc.has(t, fit)
		s.end(t)
		if n := strings.Count(said.String(), "level=WARN"); n != 1 || !strings.Contains(said.String(), "over 1 notifications") {
			t.Errorf("the log has\n%s", &said)
		}
	})
}

// Notifications that are passed on come in the order in which they were sent, and whoever
// sends them faster than the service reads has to wait, but not for long if it does not
// read at all.
// clause: B3, O2
func TestNotificationsPassedOn(t *testing.T) {
	for name, reads := range map[string]bool{"slowly read": true, "not read": false} {
		t.Run(name, func(t *testing.T) {
			path := exchange(t)
			service, ann := offering(t, path), onBehalf(t, path, "ann")
			notes, pad := 12_000, ""
			if !reads {
				notes, pad = 1500, strings.Repeat("x", 4000) // that are kept
			}
			answered := make(chan time.Duration, 1)
			start := time.Now()
			go func() {
				for n := range notes {
					fmt.Fprintf(ann, `{"method":"raw.m","params":{"text":"%d %s"},"caller":{"name":"ann","level":"write","via":["h"]}}`+"\n", n, pad)
				}
				fmt.Fprintln(ann, `{"id":1,"method":"rpc.ping"}`)
				ann.hear()
				answered <- time.Since(start)
			}()
			if !reads {
				if d := <-answered; d < 500*time.Millisecond || d > 30*time.Second {
					t.Errorf("what came behind was answered after %v", d)
				}
			}
			for n := range notes {
				if got := service.hear(); !strings.Contains(got, fmt.Sprintf(`{"text":"%d %s"}`, n, pad)) {
					t.Fatalf("in place %d comes %.100s", n, got)
				}
			}
			if reads {
				<-answered
			}
		})
	}
}

// What waits in line is counted for its caller, over all of his connections.
// clause: B6
func TestNotificationsInLineAreCounted(t *testing.T) {
	var sc scribe
	path := serveUnix(t, sc.service())
	body := strings.Repeat("x", 8<<10)
	var crowd sync.WaitGroup
	for range 12 {
		c := onBehalf(t, path, "")
		crowd.Go(func() {
			for range 128 + 800 {
				fmt.Fprintf(c, `{"method":"scribe.note","params":{"n":1,"text":%q}}`+"\n", body)
			}
			fmt.Fprintln(c, `{"id":1,"method":"rpc.ping"}`)
			c.in.ReadString('\n')
		})
	}
	crowd.Wait()
	c := onBehalf(t, path, "")
	fmt.Fprintf(c, `{"id":1,"method":"scribe.note","params":{"n":1,"text":%q}}`+"\n", strings.Repeat("x", 100<<10))
	if got := c.hear(); !strings.Contains(got, `"rpc.Busy","params":{"limit":"queue"}`) {
		t.Error(got)
	}
	close(sc.goOn)
}
