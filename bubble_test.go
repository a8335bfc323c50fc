package sabir_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// Time and lifetimes are tested in bubbles: the clock is false, and a goroutine
// left behind fails the test.

// served is a service at the far end of a pipe, and a raw near end.
type served struct {
	net.Conn
	in   *bufio.Reader
	stop func()
	done chan error
}

func serveBubble(h sabir.Handler, opts *sabir.ServeOptions) *served {
	return serveBubbleLog(h, opts, quiet)
}

func serveBubbleLog(h sabir.Handler, opts *sabir.ServeOptions, log *slog.Logger) *served {
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{Conn: near, in: bufio.NewReader(near), stop: cancel, done: make(chan error, 1)}
	if opts == nil {
		opts = &sabir.ServeOptions{}
	}
	opts.Log = log
	go func() {
		s.done <- sabir.ServeConn(ctx, transport.NewConn(far, transport.Peer{Transport: "inproc"}), h, opts)
	}()
	return s
}

func (s *served) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(s, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (s *served) hear(t *testing.T) string {
	t.Helper()
	line, err := s.in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (s *served) end(t *testing.T) {
	t.Helper()
	s.Close()
	s.stop()
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

type blocked struct {
	began chan struct{}
	ended chan error
}

// slow is a service with a handler that heeds its context, one that does not,
// and one that calls out.
func slow() (*sabir.Service, *blocked) {
	b := &blocked{make(chan struct{}, 10), make(chan error, 10)}
	s := sabir.NewService("slow", "1", "")
	sabir.Method(s, "wait", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		b.began <- struct{}{}
		<-ctx.Done()
		b.ended <- ctx.Err()
		return sabir.None{}, ctx.Err()
	})
	sabir.Method(s, "sleep", func(_ context.Context, in struct{ For float64 }) (sabir.None, error) {
		time.Sleep(time.Duration(in.For * float64(time.Second)))
		return sabir.None{}, nil
	})
	sabir.Method(s, "text", func(_ context.Context, in struct{ N int }) (struct{ Text string }, error) {
		return struct{ Text string }{strings.Repeat("x", in.N)}, nil
	})
	return s, b
}

// Who does not read for ten seconds while something is to be sent is dropped,
// and the handlers of his calls are told.
// clause: O5, O7
func TestNeverReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, b := slow()
		s := serveBubble(svc, nil)
		s.say(t, `{"id":1,"method":"slow.wait"}`)
		<-b.began
		s.say(t, `{"id":2,"method":"rpc.ping"}`)
		start := time.Now()
		if err := <-b.ended; err != context.Canceled {
			t.Error(err)
		}
		if d := time.Since(start); d < 10*time.Second || d > 12*time.Second {
			t.Errorf("dropped after %v", d)
		}
		s.end(t)
	})
}

// Who reads slowly but reads is not dropped.
func TestReadsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		s := serveBubble(svc, nil)
		s.say(t, `{"id":1,"method":"slow.text","params":{"n":1000000}}`)
		got := 0
		buf := make([]byte, 100_000)
		for got < 1_000_000 {
			time.Sleep(9 * time.Second)
			n, err := io.ReadAtLeast(s, buf, min(20_000, 1_000_000-got))
			if err != nil {
				t.Fatalf("after %d bytes: %v", got, err)
			}
			got += n
		}
		s.end(t)
	})
}

// A peer that is not read from has its requests read all the same, and refused
// when too much is unsent.
// clause: O3, O5
func TestBusyQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		s := serveBubble(svc, nil)
		for i := range 5 { // 4 MiB less a bit each
			s.say(t, fmt.Sprintf(`{"id":%d,"method":"slow.text","params":{"n":4000000}}`, i))
			time.Sleep(10 * time.Millisecond)
		}
		s.say(t, `{"id":"late","method":"slow.text","params":{"n":1}}`)
		refused := 0
		for range 6 {
			var m struct {
				Error struct {
					Data struct{ Name string }
				}
			}
			if err := json.Unmarshal([]byte(s.hear(t)), &m); err != nil {
				t.Fatal(err)
			}
			if m.Error.Data.Name == "rpc.Busy" {
				refused++
			}
		}
		if refused == 0 || refused > 4 {
			t.Errorf("%d of 6 refused", refused)
		}
		s.end(t)
	})
}

// Results that come to more than what may wait are answered by an error in their
// place, and the connection lives.
// clause: O5
func TestUnreadResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc := sabir.NewService("slow", "1", "")
		all := make(chan struct{})
		sabir.Method(svc, "text", func(context.Context, sabir.None) (text, error) {
			<-all
			return text{strings.Repeat("x", 4_000_000)}, nil
		})
		s := serveBubble(svc, nil)
		const calls = 20
		for id := range calls {
			s.say(t, fmt.Sprintf(`{"id":%d,"method":"slow.text"}`, id))
		}
		time.Sleep(time.Second)
		close(all)
		time.Sleep(time.Second)
		came := 0
		for range calls {
			switch got := s.hear(t); {
			case len(got) > 4_000_000:
				came++
			case !strings.Contains(got, `"name":"rpc.TooLarge","params":{"limit":67108864,"started":true}`):
				t.Fatal(got)
			}
		}
		if came < 14 || came > 17 { // 64 MiB, and what is on its way
			t.Errorf("%d of %d came", came, calls)
		}
		s.say(t, `{"id":"after","method":"rpc.ping"}`)
		s.hear(t)
		s.end(t)
	})
}

// Silence is no reason to drop anybody, before the first byte or after.
// clause: F3, O8
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		s := serveBubble(svc, nil)
		time.Sleep(24 * time.Hour)
		s.say(t, `{"id":1,"method":"rpc.ping"}`)
		s.hear(t)
		time.Sleep(24 * time.Hour)
		s.say(t, `{"id":2,"method":"rpc.ping"}`)
		s.hear(t)
		s.end(t)
	})
}

// A server that stops tells clients, refuses new calls, ends subscriptions,
// lets other calls finish for ten seconds and cancels what is left.
// clause: O9
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, b := slow()
		sabir.NewTopic[int, sabir.None](svc, "news")
		s := serveBubble(svc, nil)
		s.say(t, `{"id":1,"method":"slow.wait"}`)
		<-b.began
		s.say(t, `{"id":2,"method":"slow.sleep","params":{"for":3}}`)
		s.say(t, `{"id":3,"method":"slow.news","window":1}`)
		s.hear(t) // rpc.live
		start := time.Now()
		s.stop()
		heard := s.hear(t) + s.hear(t)
		if !strings.Contains(heard, `{"method":"rpc.goaway","params":{}}`) || !strings.Contains(heard, `{"id":3,"error":{"code":-32001`) {
			t.Errorf("heard %s", heard)
		}
		s.say(t, `{"id":4,"method":"rpc.ping"}`)
		if got := s.hear(t); !strings.Contains(got, "rpc.Draining") {
			t.Errorf("got %s", got)
		}
		if got := s.hear(t); got != `{"id":2,"result":{}}` {
			t.Errorf("got %s", got)
		}
		if got := s.hear(t); !strings.Contains(got, `{"id":1,"error":{"code":-32001`) || time.Since(start) != 10*time.Second {
			t.Errorf("got %s after %v", got, time.Since(start))
		}
		if _, err := s.in.ReadByte(); err != io.EOF {
			t.Errorf("not closed: %v", err)
		}
		s.end(t)
	})
}

// A handler that never returns keeps its slot, not the caller.
// clause: B3, S7
func TestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		svc := sabir.NewService("deaf", "1", "")
		sabir.Method(svc, "hang", func(context.Context, sabir.None) (sabir.None, error) {
			<-release
			return sabir.None{}, nil
		})
		s := serveBubble(svc, nil)
		for i := range 128 {
			s.say(t, fmt.Sprintf(`{"id":%d,"method":"deaf.hang"}`, i))
		}
		s.say(t, `{"method":"rpc.cancel","params":{"id":5}}`)
		if got := s.hear(t); !strings.Contains(got, "rpc.Cancelled") {
			t.Errorf("got %s", got)
		}
		s.say(t, `{"id":200,"method":"rpc.ping"}`)
		if got := s.hear(t); !strings.Contains(got, `"name":"rpc.Busy","params":{"limit":"in_flight"}`) {
			t.Errorf("got %s", got)
		}
		s.say(t, `{"id":5,"method":"rpc.nothing","window":1}`) // subscriptions have their own limit; the id is free
		if got := s.hear(t); !strings.Contains(got, `{"id":5,"error":{"code":-32601`) {
			t.Errorf("got %s", got)
		}
		close(release)
		for range 127 {
			s.hear(t)
		}
		s.say(t, `{"id":201,"method":"rpc.ping"}`)
		if got := s.hear(t); got != `{"id":201,"result":{}}` {
			t.Errorf("got %s", got)
		}
		s.end(t)
	})
}

// clause: B3
func TestSubscriptionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		news := sabir.NewTopic[int, sabir.None](svc, "news")
		s := serveBubble(svc, nil)
		for i := range 256 {
			s.say(t, fmt.Sprintf(`{"id":%d,"method":"slow.news","window":1}`, i))
			s.hear(t)
		}
		s.say(t, `{"id":999,"method":"slow.news","window":1}`)
		if got := s.hear(t); !strings.Contains(got, `"params":{"limit":"subscriptions"}`) {
			t.Errorf("got %s", got)
		}
		news.Publish(sabir.None{}, 1)
		for range 256 { // the old ones live on
			if got := s.hear(t); !strings.Contains(got, `"seq":1,"value":1`) {
				t.Fatalf("got %s", got)
			}
		}
		s.end(t)
	})
}

// A message over what is taken is refused, one over what is sent never leaves.
// clause: B1, B2
func TestMessageLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		s := serveBubble(svc, nil)
		s.say(t, `{"id":1,"method":"slow.text","params":{"n":5000000}}`)
		if got := s.hear(t); !strings.Contains(got, `"name":"rpc.TooLarge","params":{"limit":4194304,"started":true}`) {
			t.Errorf("got %s", got)
		}
		go io.WriteString(s, `{"id":2,"method":"`+strings.Repeat("x", 9<<20))
		if got := s.hear(t); !strings.Contains(got, `{"id":null,"error":{"code":-32007`) {
			t.Errorf("got %s", got)
		}
		if _, err := s.in.ReadByte(); err != io.EOF {
			t.Errorf("not closed: %v", err)
		}
		s.end(t)

		c := sabir.InProcess(svc, &sabir.DialOptions{Log: quiet})
		defer c.Close()
		_, err := sabir.Do[struct{}](t.Context(), c, "slow.text", map[string]any{"n": strings.Repeat("x", 5<<20)})
		if e, ok := err.(*sabir.Error); !ok || e.Name != "rpc.TooLarge" {
			t.Errorf("got %v", err)
		}
		if _, err := sabir.Do[struct{}](t.Context(), c, "rpc.ping", nil); err != nil {
			t.Errorf("the connection is gone: %v", err)
		}
	})
}
