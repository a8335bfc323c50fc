package sabir_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
)

// errand is a service whose notifications take until they are let go, or told to stop.
type errand struct {
	began, goOn chan struct{}
	ended       chan error
}

func newErrand() *errand {
	return &errand{make(chan struct{}, 100), make(chan struct{}), make(chan error, 100)}
}

func (e *errand) service() *sabir.Service {
	s := sabir.NewService("errand", "1", "")
	sabir.Method(s, "run", func(ctx context.Context, _ struct {
		Text string `sabir:",optional"`
	}) (sabir.None, error) {
		e.began <- struct{}{}
		select {
		case <-e.goOn:
		case <-ctx.Done():
		}
		e.ended <- ctx.Err()
		return sabir.None{}, ctx.Err()
	})
	return s
}

// done waits until n have run to their end.
func (e *errand) done(t *testing.T, n int) {
	t.Helper()
	close(e.goOn)
	for i := range n {
		select {
		case err := <-e.ended:
			if err != nil {
				t.Fatalf("of %d notifications number %d ended: %v", n, i, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("of %d notifications %d were done", n, i)
		}
	}
}

// What is notified is done, also where who did so leaves at once, as scripts do: what is
// not sent then is sent first, and at the service nobody would have waited for the end.
// clause: M6, O7
func TestNotifyAndLeave(t *testing.T) {
	far := newErrand()
	remote := serveTCP(t, far.service())
	_, overTLS := remote.token(t, "write")
	near := newErrand()
	for name, road := range map[string]struct {
		at   string
		opts *sabir.DialOptions
		*errand
	}{
		"unix": {serveUnix(t, near.service()), &sabir.DialOptions{Log: quiet}, near},
		"tls":  {remote.at.String(), overTLS, far},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			const clients, each = 5, 8
			text := strings.Repeat("x", 100_000)
			for range clients {
				c, err := sabir.Dial(ctx, road.at, road.opts)
				if err != nil {
					t.Fatal(err)
				}
				for range each {
					if err := sabir.Notify(ctx, c, "errand.run", map[string]string{"text": text}); err != nil {
						t.Fatal(err)
					}
				}
				c.Close()
			}
			for range clients * each {
				<-road.began
			}
			time.Sleep(50 * time.Millisecond) // in which whoever would be told is told
			road.done(t, clients*each)
		})
	}
}

// But not for ever: a handler that waits for what never comes is told after a minute.
// clause: O7
func TestNotifyAndLeaveForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newErrand()
		s := serveBubble(e.service(), nil)
		s.say(t, `{"method":"errand.run"}`)
		<-e.began
		start := time.Now()
		s.Close()
		if err := <-e.ended; err != context.Canceled || time.Since(start).Round(time.Second) != time.Minute {
			t.Errorf("told %v after %v", err, time.Since(start))
		}
		s.end(t)
	})
}

// They are told when the server stops, like all others.
// clause: O9
func TestNotifyAndLeaveAtTheEnd(t *testing.T) {
	e := newErrand()
	t.Run("server", func(t *testing.T) {
		c := dial(t, serveUnix(t, e.service()), sabir.DialOptions{})
		if err := sabir.Notify(t.Context(), c, "errand.run", nil); err != nil {
			t.Fatal(err)
		}
		<-e.began
		c.Close()
	})
	if err := <-e.ended; err != context.Canceled {
		t.Errorf("told %v", err)
	}
}

// The calls of who has left are told to stop, whatever he has notified, and the names that
// he offered are free at once.
// clause: O7, U7
func TestCallsOfWhoNotifiesAndLeaves(t *testing.T) {
	e := newErrand()
	svc := e.service()
	path := exchangeOf(t, svc)
	c := onBehalf(t, path, "")
	fmt.Fprintln(c, `{"method":"errand.run"}`)
	<-e.began
	fmt.Fprintln(c, `{"id":1,"method":"errand.run"}`)
	<-e.began
	c.Close()
	if err := <-e.ended; err != context.Canceled {
		t.Errorf("the call ended: %v", err)
	}
	plugin := offering(t, path)
	fmt.Fprintln(plugin, `{"method":"errand.run"}`)
	<-e.began
	plugin.Close()
	if err := <-e.ended; err != context.Canceled {
		t.Errorf("the notification of one that offers a service ended: %v", err)
	}
	waitFor(t, func() bool {
		again := onBehalf(t, path, "")
		fmt.Fprintln(again, `{"id":1,"method":"raw.m"}`)
		return strings.Contains(again.hear(), "rpc.Unavailable")
	})
	e.done(t, 1)
}
