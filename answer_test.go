package sabir_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
)

// An answer that does not fit is an error of that call and nothing worse.
// clause: M12, D3
func TestInvalidResult(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		r := newRestartable(t, probe.New())
		c := dial(t, r.path, sabir.DialOptions{CBOR: cbor})
		_, err := sabir.Do[struct{ Text int }](t.Context(), c, "probe.echo", text{"x"})
		var e *sabir.Error
		if !errors.As(err, &e) || !errors.Is(err, sabir.ErrInvalidResult) || len(e.Faults()) != 1 || e.Faults()[0].Path != "text" {
			t.Errorf("got %v", err)
		}
		_, err = sabir.Do[struct{ Text, More string }](t.Context(), c, "probe.echo", text{"x"})
		if !errors.As(err, &e) || e.Faults()[0] != (sabir.Fault{Path: "more", Reason: "required"}) {
			t.Errorf("got %v", err)
		}
		for _, err = range sabir.Items[text](t.Context(), c, "probe.count", map[string]any{"to": 3}) {
		}
		if !errors.Is(err, sabir.ErrInvalidResult) {
			t.Errorf("got %v", err)
		}
		if _, err = sabir.Do[struct{}](t.Context(), c, "probe.echo", text{"x"}); err != nil {
			t.Errorf("more than is asked for: %v", err)
		}
	})
}

// A malformed answer ends its call, and the connection lives.
// clause: M11, M12
func TestMalformedAnswer(t *testing.T) {
	near, far := transport.Pipe()
	c := sabir.NewClient(near, nil)
	defer c.Close()
	answers := []string{`"error":"boom"`, `"result":{},"error":{"code":1,"message":"x"}`, `"result":null,"error":{"code":1,"message":"x"}`, `"result":{}`}
	go func() {
		in := bufio.NewScanner(far)
		for _, a := range answers {
			in.Scan()
			var m struct{ ID json.RawMessage }
			json.Unmarshal(in.Bytes(), &m)
			fmt.Fprintf(far, `{"jsonrpc":"2.0","id":%s,%s}`+"\n", m.ID, a)
		}
	}()
	for i, want := range []string{
		`InvalidResult: the answer does not fit: member "error": expected an object`,
		`InvalidResult: the answer does not fit: expected one of method, result and error`,
		"error 1: x", "",
	} {
		got := ""
		if _, err := sabir.Do[sabir.None](t.Context(), c, "a.b", nil); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", answers[i], got, want)
		}
	}
}

// A program that says nothing is started once.
func TestMuteProgram(t *testing.T) {
	log := filepath.Join(t.TempDir(), "starts")
	c, err := sabir.Dial(t.Context(), "exec:sh -c 'echo start >>"+log+"; read x'", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := sabir.Do[any](t.Context(), c, "rpc.info", nil); !errors.Is(err, sabir.ErrOutcomeUnknown) && !errors.Is(err, sabir.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if starts, err := os.ReadFile(log); err != nil || string(starts) != "start\n" {
		t.Errorf("%q, %v", starts, err)
	}
}

// farEnd is a peer made by hand, who reads requests and says what he likes.
type farEnd struct {
	*transport.Conn
	in *bufio.Scanner
}

func againstFarEnd(t *testing.T) (*sabir.Client, *farEnd) {
	near, far := transport.Pipe()
	c := sabir.NewClient(near, &sabir.DialOptions{Log: quiet})
	t.Cleanup(func() { c.Close() })
	return c, &farEnd{far, bufio.NewScanner(far)}
}

// dialFarEnd is one that has connected.
func dialFarEnd(t *testing.T, path string) *farEnd {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &farEnd{transport.NewConn(conn, transport.Peer{}), bufio.NewScanner(conn)}
}

// request is the next one, by its id and its window.
func (f *farEnd) request() (id json.RawMessage, window int) {
	var m struct {
		ID     json.RawMessage
		Window int
	}
	f.in.Scan()
	json.Unmarshal(f.in.Bytes(), &m)
	return m.ID, m.Window
}

// What comes for a call that asked for an answer alone is passed over.
//
// clause: M6
func TestItemsNotAskedFor(t *testing.T) {
	c, far := againstFarEnd(t)
	go func() {
		for {
			id, _ := far.request()
			if id == nil {
				return
			}
			for range 3000 {
				fmt.Fprintf(far, `{"method":"rpc.item","params":{"id":%s,"value":1}}`+"\n", id)
				fmt.Fprintf(far, `{"method":"rpc.live","params":{"id":%s}}`+"\n", id)
			}
			fmt.Fprintf(far, `{"id":%s,"result":{"text":"x"}}`+"\n", id)
		}
	}()
	for range 3 {
		if got, err := sabir.Do[text](t.Context(), c, "a.b", nil); err != nil || got.Text != "x" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

// A peer that sends more than was asked for loses the connection, while the one
// who asked is at something else.
//
// clause: S1
func TestMoreThanAskedFor(t *testing.T) {
	for _, note := range []string{`{"method":"rpc.item","params":{"id":%s,"value":1}}`, `{"method":"rpc.live","params":{"id":%s}}`} {
		c, far := againstFarEnd(t)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			id, _ := far.request()
			fmt.Fprintf(far, `{"method":"rpc.item","params":{"id":%s,"value":1}}`+"\n", id)
			for {
				if _, err := fmt.Fprintf(far, note+"\n", id); err != nil {
					return
				}
			}
		}()
		for _, err := range sabir.Items[int](t.Context(), c, "a.b", nil) {
			if err != nil {
				break
			}
			<-ended
		}
	}
}

// A caller who is ready for any number of items is one for whom they wait in
// between, and what waits has a bound.
func TestAnyNumberHasABound(t *testing.T) {
	c, far := againstFarEnd(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Handle(t.Context(), &sabir.Call{Method: "a.b", Window: 0}, sabir.Observed(nil, nil, nil))
	}()
	id, window := far.request()
	if window != 256 {
		t.Errorf("window %d", window)
	}
	fmt.Fprintf(far, `{"id":%s,"result":{}}`+"\n", id)
	<-done
}

// A handler that panics is logged once, with its stack.
func TestPanicsAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	svc := sabir.NewService("faulty", "1", "")
	sabir.Method(svc, "fall", func(context.Context, sabir.None) (sabir.None, error) { panic("over") })
	c := sabir.InProcess(svc, &sabir.DialOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := sabir.Do[sabir.None](t.Context(), c, "faulty.fall", nil); !errors.Is(err, sabir.ErrInternal) {
		t.Error(err)
	}
	c.Close()
	if got := log.String(); strings.Count(got, "level=ERROR") != 1 || !strings.Contains(got, "panic=over") || !strings.Contains(got, "answer_test.go") {
		t.Error(got)
	}
}

// notThere is an error that a member declares.
type notThere struct{ Name string }

func (notThere) SabirName() string { return "NotThere" }
func (e notThere) Error() string   { return "no file " + e.Name + "\xff" }

// What a handler's failure is to its caller: a declared error wherever errors.As finds
// it, with what is text in its message; the time that a handler gave somebody else is
// not the caller's, and the log has it.
//
// clause: E1, E3
func TestFailures(t *testing.T) {
	var log bytes.Buffer
	svc := sabir.NewService("faulty", "1", "")
	fail := func(name string, err error) {
		sabir.Method(svc, name, func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, err }, sabir.Errors(notThere{}))
	}
	fail("joined", errors.Join(errors.New("and more"), fmt.Errorf("in between: %w", notThere{"a"})))
	fail("late", fmt.Errorf("the database: %w", context.DeadlineExceeded))
	sabir.Method(svc, "later", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		<-ctx.Done()
		return sabir.None{}, fmt.Errorf("the database: %w", ctx.Err())
	})
	c := sabir.InProcess(svc, &sabir.DialOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	_, err := sabir.Do[sabir.None](t.Context(), c, "faulty.joined", nil)
	var none notThere
	if !errors.As(err, &none) || none.Name != "a" || err.Error() != "NotThere: no file a\uFFFD" {
		t.Errorf("joined with others: %v", err)
	}
	if _, err := sabir.Do[sabir.None](t.Context(), c, "faulty.late", nil); !errors.Is(err, sabir.ErrInternal) {
		t.Errorf("somebody else's time is over: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := sabir.Do[sabir.None](ctx, c, "faulty.later", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's time is over: %v", err)
	}
	c.Close()
	if got := log.String(); strings.Count(got, "level=ERROR") != 1 || !strings.Contains(got, "the database: context deadline exceeded") {
		t.Error(got)
	}
}

// What cannot be watched says so, and what is no stream.
// clause: S5
func TestWatchOfMethods(t *testing.T) {
	svc := sabir.NewService("plain", "1", "")
	sabir.Method(svc, "answer", func(context.Context, sabir.None) (number, error) { return number{1}, nil })
	sabir.Stream(svc, "nothing", func(context.Context, sabir.None) (iter.Seq2[int, error], error) {
		return func(func(int, error) bool) {}, nil
	})
	c := sabir.InProcess(svc, nil)
	defer c.Close()
	said := func(n int, err error, what string) {
		if n != 0 || err == nil || !strings.HasPrefix(err.Error(), what) {
			t.Errorf("event %d: %v", n, err)
		}
	}
	n := 0
	for _, err := range sabir.Watch[number](t.Context(), c, "plain.answer", nil, nil) {
		said(n, err, "sabir: plain.answer answered at once: it is no topic, state or table")
		n++
	}
	for _, err := range sabir.Items[number](t.Context(), c, "plain.answer", nil) {
		said(n-1, err, "sabir: plain.answer answered with a result: it is no stream")
		n++
	}
	for range sabir.Items[int](t.Context(), c, "plain.nothing", nil) {
		n++
	}
	if n != 2 {
		t.Errorf("%d events", n)
	}
}
