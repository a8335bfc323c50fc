package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

func (a *app) replayCommand() *cobra.Command {
	return &cobra.Command{
		Use: "replay FILE", Short: "make the calls of a conversation again, and compare",
		Long: `Make the calls of FILE, which sabir record has written, at the services that
they name or at -a ADDRESS, each when the one before it has been answered, and
compare what comes with what came then. Each difference is a line with that of
the file. The exit status is 1 if there is any.

What may differ is marked in FILE: "$_" stands for any value. The time, epoch
and seq of a topic are never compared, and of a topic, state or table that is
watched nothing but that it is live.`,
		Example: "  sabir replay chat.talk\n  sabir -a ./next.sock replay chat.talk",
		Args:    takes(1, 1, "FILE"),
		RunE: func(c *cobra.Command, words []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.replay(c.Context(), words[0])
		},
	}
}

// replayed is a call of a conversation, and what it brought then.
type replayed struct {
	line   int
	method string
	params json.RawMessage
	window *int
	notify bool // nobody waited for an answer
	items  []talkItem
	answer *talkLine
}

type talkItem struct {
	line  int
	value json.RawMessage
}

// talkMessage is any message of a conversation.
type talkMessage struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Window *int
	Result json.RawMessage
	Error  *struct {
		Code int
		Data struct{ Name string }
	}
}

// callsOf puts a conversation together: calls in their order, with what each brought.
func callsOf(name string, steps []talkLine) (calls []*replayed, err error) {
	byID := make(map[string]*replayed)
	for i := range steps {
		s := &steps[i]
		var m talkMessage
		if err := json.Unmarshal(s.text, &m); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, s.number, err)
		}
		switch {
		case s.sent && strings.HasPrefix(m.Method, "rpc."):
		case s.sent && m.Method == "":
			return nil, fmt.Errorf("%s:%d: expected a call, with a member method", name, s.number)
		case s.sent:
			r := &replayed{line: s.number, method: m.Method, params: m.Params, window: m.Window, notify: m.ID == nil}
			calls = append(calls, r)
			if m.ID != nil {
				byID[string(m.ID)] = r
			}
		case m.Method == wire.MethodItem:
			var p struct {
				ID    json.RawMessage
				Value json.RawMessage
			}
			if err := json.Unmarshal(m.Params, &p); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, s.number, err)
			}
			if r := byID[string(p.ID)]; r != nil {
				r.items = append(r.items, talkItem{s.number, p.Value})
			}
		case m.Method == "":
			r := byID[string(m.ID)]
			if r == nil || r.window != nil && m.Error != nil && m.Error.Data.Name == sabir.ErrCancelled.Name {
				continue // who listened had heard enough: it might still be under way
			}
			r.answer = s
		}
	}
	return calls, nil
}

// different is the end of a replay that found differences.
type different struct{ n, calls int }

func (e *different) Error() string {
	return fmt.Sprintf("%s in %s", counted(e.n, "difference"), counted(e.calls, "call"))
}

func counted(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func (a *app) replay(ctx context.Context, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	steps, err := readTalk(file, in)
	if err != nil {
		return err
	}
	calls, err := callsOf(file, steps)
	if err != nil {
		return err
	}
	clients := make(map[string]*sabir.Client)
	defer func() {
		for _, c := range clients {
			c.Close()
		}
	}()
	differs := 0
	tell := func(line int, format string, args ...any) error {
		differs++
		return write(a.out, fmt.Appendf(nil, "%s:%d: %s\n", file, line, escape(fmt.Sprintf(format, args...), false)))
	}
	for _, r := range calls {
		service, _, _ := strings.Cut(r.method, ".")
		at := a.addressOf(service)
		if clients[at] == nil {
			if clients[at], err = a.dial(ctx, at, false); err != nil {
				return regarding(r.method, silent(at, err))
			}
		}
		if err := a.repeat(ctx, clients[at], r, tell); err != nil {
			return regarding(r.method, err)
		}
	}
	if differs > 0 {
		return &different{differs, len(calls)}
	}
	a.say("%d calls, no difference", len(calls))
	return nil
}

// repeat makes one call again.
func (a *app) repeat(ctx context.Context, c *sabir.Client, r *replayed, tell func(int, string, ...any) error) error {
	if r.answer == nil && r.window != nil { // it was still under way when the recording ended: that it begins is all that can be said
		return a.begin(ctx, c, r, tell)
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	call := &sabir.Call{Method: r.method, Window: sabir.NoWindow, Notify: r.notify}
	var err error
	if call.Params, err = r.body(); err != nil {
		return err
	}
	var sink *gathered
	var body sabir.Body
	if r.window != nil {
		call.Window, sink = 256, &gathered{}
		body, err = c.Handle(ctx, call, sink)
	} else {
		body, err = c.Handle(ctx, call, nil)
	}
	var lost *sabir.Unanswered
	if ctx.Err() != nil || errors.As(err, &lost) {
		return a.timed(r.method, cause(ctx, err))
	}
	if r.answer == nil { // nobody waited for it, or the recording ended before
		return nil
	}
	if sink != nil {
		for i, it := range r.items {
			if i >= len(sink.values) {
				return tell(it.line, "%s: expected %s, and no more came", r.method, it.value)
			}
			if !alike(it.value, sink.values[i]) {
				if err := tell(it.line, "%s: expected %s, got %s", r.method, it.value, sink.values[i]); err != nil {
					return err
				}
			}
		}
		if more := len(sink.values) - len(r.items); more > 0 {
			if err := tell(r.answer.number, "%s: expected no more, and %d more items came", r.method, more); err != nil {
				return err
			}
		}
	}
	var then talkMessage
	if err := json.Unmarshal(r.answer.text, &then); err != nil {
		return err
	}
	failed := sabir.ErrorOf(err)
	switch {
	case then.Error != nil && failed == nil:
		return tell(r.answer.number, "%s: expected %s, and it went well", r.method, then.Error.Data.Name)
	case then.Error != nil && (failed.Name != then.Error.Data.Name || failed.Code != then.Error.Code):
		return tell(r.answer.number, "%s: expected %s, got %s: %s", r.method, then.Error.Data.Name, failed.Name, failed.Message)
	case then.Error != nil:
		return nil
	case failed != nil:
		return tell(r.answer.number, "%s: expected %s, got %s: %s", r.method, then.Result, failed.Name, failed.Message)
	}
	now, err := body.JSON()
	if err != nil {
		return err
	}
	if !alike(then.Result, now) {
		return tell(r.answer.number, "%s: expected %s, got %s", r.method, then.Result, now)
	}
	return nil
}

func (r *replayed) body() (sabir.Body, error) {
	if r.params == nil {
		return sabir.Body{}, nil
	}
	return sabir.JSONBody(r.params)
}

// liveTime is how long a subscription may take to begin.
const liveTime = 5 * time.Second

// begin makes a request for items again, until it is live or brings something.
func (a *app) begin(ctx context.Context, c *sabir.Client, r *replayed, tell func(int, string, ...any) error) error {
	limited, stop := a.limited(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(limited, liveTime)
	defer cancel()
	params, err := r.body()
	if err != nil {
		return err
	}
	sink := &begun{cancel: cancel}
	_, err = c.Handle(ctx, &sabir.Call{Method: r.method, Params: params, Window: 256}, sink)
	var lost *sabir.Unanswered
	switch {
	case sink.live || err == nil:
		return nil
	case limited.Err() != nil || errors.As(err, &lost):
		return a.timed(r.method, cause(limited, err))
	case ctx.Err() != nil:
		return tell(r.line, "%s: is not live after %v", r.method, liveTime)
	}
	return tell(r.line, "%s: %v", r.method, err)
}

// begun ends a request once it has begun.
type begun struct {
	cancel context.CancelFunc
	live   bool
}

func (b *begun) Ready(ctx context.Context) error { return ctx.Err() }

func (b *begun) Live(sabir.Live) error {
	b.live = true
	b.cancel()
	return nil
}

func (b *begun) Item(sabir.Item) error { return b.Live(sabir.Live{}) }

// gathered keeps the values of items.
type gathered struct{ values []json.RawMessage }

func (g *gathered) Ready(ctx context.Context) error { return ctx.Err() }
func (g *gathered) Live(sabir.Live) error           { return nil }

func (g *gathered) Item(it sabir.Item) error {
	text, err := it.Value.JSON()
	g.values = append(g.values, bytes.Clone(text))
	return err
}

// alike compares two values as JSON; "$_" is like any.
func alike(want, got []byte) bool {
	var w, g any
	if json.Unmarshal(want, &w) != nil || json.Unmarshal(got, &g) != nil {
		return bytes.Equal(want, got)
	}
	return alikeTree(w, g)
}

func alikeTree(want, got any) bool {
	switch w := want.(type) {
	case string:
		if w == "$_" {
			return true
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !alikeTree(w[i], g[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if _, has := g[k]; !has || !alikeTree(w[k], g[k]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(want, got)
}
