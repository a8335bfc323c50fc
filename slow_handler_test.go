package sabir_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
)

// A handler that takes its time holds up no other call of its connection.
// clause: O2, O3
func TestSlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		s := serveBubble(svc, nil)
		s.say(t, `{"id":1,"method":"slow.sleep","params":{"for":60}}`)
		start := time.Now()
		s.say(t, `{"id":2,"method":"rpc.ping"}`)
		if got := s.hear(t); got != `{"id":2,"result":{}}` {
			t.Errorf("got %s", got)
		}
		if d := time.Since(start); d > 5*time.Millisecond {
			t.Errorf("the ping took %v", d)
		}
		if got := s.hear(t); got != `{"id":1,"result":{}}` {
			t.Errorf("got %s", got)
		}
		s.end(t)
	})
}

// Nor does it where there was little traffic, when calls are handled by another
// goroutine than the one that reads: not the first, nor one beside it.
// clause: O2, O3
func TestSlowHandlersInCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		s := serveBubble(svc, nil)
		for id := range 5 {
			s.say(t, fmt.Sprintf(`{"id":%d,"method":"rpc.ping"}`, id))
			s.hear(t)
			time.Sleep(20 * time.Millisecond)
		}
		for id := range 3 {
			s.say(t, fmt.Sprintf(`{"id":%d,"method":"slow.sleep","params":{"for":60}}`, id))
			start := time.Now()
			s.say(t, `{"id":9,"method":"rpc.ping"}`)
			if got := s.hear(t); got != `{"id":9,"result":{}}` {
				t.Errorf("got %s", got)
			}
			if d := time.Since(start); d > 5*time.Millisecond {
				t.Errorf("the ping behind %d took %v", id, d)
			}
		}
		for range 3 {
			if got := s.hear(t); !strings.HasSuffix(got, `"result":{}}`) {
				t.Errorf("got %s", got)
			}
		}
		s.end(t)
	})
}

// together makes fifty calls at once, each answer of which has to end so, and returns
// how long they took.
func (s *served) together(t *testing.T, call, end string) time.Duration {
	t.Helper()
	const calls = 50
	start := time.Now()
	go func() {
		for id := range calls {
			fmt.Fprintf(s, "{\"id\":%d,%s}\n", id, call)
		}
	}()
	for range calls {
		if got := s.hear(t); !strings.HasSuffix(got, end) {
			t.Fatal(got)
		}
	}
	return time.Since(start)
}

// Handlers that wait wait together, but for the first ones, by which the server
// learns that they do: also those that are over before a tick is, where there are
// many.
func TestSlowHandlersTogether(t *testing.T) {
	for _, wait := range []time.Duration{700 * time.Microsecond, 20 * time.Millisecond} {
		t.Run(wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				svc, _ := slow()
				s := serveBubble(svc, nil)
				call := fmt.Sprintf(`"method":"slow.sleep","params":{"for":%v}`, wait.Seconds())
				var took time.Duration
				for range 3 {
					took = s.together(t, call, `"result":{}}`)
				}
				if took != wait {
					t.Errorf("calls at once took %v", took)
				}
				s.end(t)
			})
		})
	}
}

// So do those whose callers never wait for them.
func TestSlowHandlersGivenUp(t *testing.T) {
	for name, heeds := range map[string]bool{"heeding": true, "not heeding": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				svc := sabir.NewService("slow", "1", "")
				sabir.Method(svc, "down", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
					if heeds {
						<-ctx.Done()
						return sabir.None{}, ctx.Err()
					}
					time.Sleep(20 * time.Millisecond)
					return sabir.None{}, nil
				})
				s := serveBubble(svc, nil)
				var took time.Duration
				for range 3 {
					took = s.together(t, `"method":"slow.down","timeout":0.01`, `"name":"rpc.DeadlineExceeded","params":{}}}}`)
					time.Sleep(time.Second)
				}
				if took > 12*time.Millisecond {
					t.Errorf("calls at once took %v", took)
				}
				s.end(t)
			})
		})
	}
}

// Those with large results do not: each would have its own in the making.
func TestSlowHandlersWithLargeResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc := sabir.NewService("slow", "1", "")
		const calls, wait = 100, 20 * time.Millisecond
		var now, most atomic.Int32
		sabir.Method(svc, "text", func(context.Context, sabir.None) (text, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(wait)
			return text{strings.Repeat("x", 64<<10)}, nil
		})
		s := serveBubble(svc, nil)
		for range 3 {
			go func() {
				for id := range calls {
					fmt.Fprintf(s, `{"id":%d,"method":"slow.text"}`+"\n", id)
				}
			}()
			for range calls {
				s.hear(t)
			}
		}
		if n := int(most.Load()); n > calls/2 { // one more with each tick, and some before it was known how many come
			t.Errorf("%d of %d at once", n, calls)
		}
		s.end(t)
	})
}

// Answers that came before a slow call in one write are not held back by it.
// clause: O4
func TestSlowHandlerHoldsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		s := serveBubble(svc, nil)
		start := time.Now()
		go io.WriteString(s, `{"id":1,"method":"rpc.ping"}`+"\n"+`{"id":2,"method":"slow.sleep","params":{"for":60}}`+"\n")
		if got := s.hear(t); got != `{"id":1,"result":{}}` || time.Since(start) > 5*time.Millisecond {
			t.Errorf("got %s after %v", got, time.Since(start))
		}
		s.hear(t)
		s.end(t)
	})
}
