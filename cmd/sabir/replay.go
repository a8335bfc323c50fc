package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/spf13/cobra"
)

func (a *app) replayCommand() *cobra.Command {
	return &cobra.Command{
		Use: "replay FILE", Short: "make the calls of a conversation again, and compare",
		Long: `Make the calls of FILE, which sabir record has written, at the services that
they name or at -a ADDRESS, each when the one before it has been answered, and
compare what comes with what came then. A call that others overtook then is
waited for in its place, and holds up the next ones for a moment only. Each
difference is a line with that of the file. The exit status is 1 if there is any.

What may differ is marked in FILE: "$_" stands for any value, and so does what
the hub has masked, "(sensitive)"; a call with such params is not made, but
told. Of a topic, state or table that is watched nothing is compared but that it
is live; of what a topic answers, and of a call that was given up, nothing but
that it is not refused.`,
		Example: "  sabir replay chat.talk\n  sabir -a ./next.sock replay chat.talk",
		Args:    takes(1, 1, "FILE"),
		RunE: func(c *cobra.Command, words []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			r := &replay{app: a, file: words[0], clients: make(map[string]*sabir.Client), running: make(map[*talkCall]*repeated)}
			return r.run(c.Context())
		},
	}
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

// replay is one run of the command.
type replay struct {
	*app
	file    string
	clients map[string]*sabir.Client // by address
	running map[*talkCall]*repeated
	differs int
}

// repeated is a call that is made again.
type repeated struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when body and err are set
	sink   *gathered     // nil: it is a plain request
	body   sabir.Body
	err    error
}

const (
	// liveTime is how long a subscription may take to begin.
	liveTime = 5 * time.Second
	// waitsAfter is after how long without an answer a call is taken to wait for
	// one that comes later, as it did then.
	waitsAfter = 200 * time.Millisecond
)

func (r *replay) run(ctx context.Context) error {
	t, err := openTalk(r.file)
	if err != nil {
		return err
	}
	defer func() {
		for _, now := range r.running {
			now.cancel()
			<-now.done
		}
		for _, c := range r.clients {
			c.Close()
		}
	}()
	r.sayStrange(r.file, t)
	made := 0
	for i, turn := range t.turns {
		c := turn.of
		switch {
		case turn.ends:
			err = r.end(c)
		case hasMasked(c.params):
			r.say("%s:%d: %s is not made again, for %s was not recorded; it can be put in there", r.file, c.line, c.method, hub.Masked)
		default:
			made++
			if err = r.begin(ctx, c); err == nil && r.running[c] != nil && (i+1 == len(t.turns) || t.turns[i+1].of != c) {
				r.settle(r.running[c])
			}
		}
		if err != nil {
			return regarding(c.method, err)
		}
	}
	if r.differs > 0 {
		return &different{r.differs, made}
	}
	r.say("%s, no difference", counted(made, "call"))
	return nil
}

func (a *app) sayStrange(file string, t *talk) {
	if t.strange > 0 {
		a.say("%s: %s of calls that are not in it", file, counted(t.strange, "message"))
	}
}

// hasMasked reports whether something in params is what a hub wrote in place of it.
func hasMasked(params json.RawMessage) bool {
	return bytes.Contains(params, []byte(`"`+hub.Masked+`"`))
}

// tell prints a difference.
func (r *replay) tell(line int, format string, args ...any) error {
	r.differs++
	return write(r.out, fmt.Appendf(nil, "%s:%d: %s\n", r.file, line, escape(fmt.Sprintf(format, args...), false)))
}

// begin makes a call again. It goes on in r.running, if it was answered then.
func (r *replay) begin(ctx context.Context, c *talkCall) error {
	service, _, _ := strings.Cut(c.method, ".")
	at := r.addressOf(service)
	client := r.clients[at]
	if client == nil {
		var err error
		if client, err = r.dial(ctx, at, false); err != nil {
			return silent(at, err)
		}
		r.clients[at] = client
	}
	call := &sabir.Call{Method: c.method, Window: sabir.NoWindow, Notify: c.notify}
	if c.params != nil {
		var err error
		if call.Params, err = sabir.JSONBody(c.params); err != nil {
			return err
		}
	}
	if c.window != nil {
		call.Window = 256
		if c.answer == nil || c.gaveUp { // it might be under way still: that it begins is all that can be said
			return r.open(ctx, client, c, call)
		}
	}
	now := &repeated{done: make(chan struct{})}
	limited, stop := r.limited(ctx)
	both, cancel := context.WithCancel(limited)
	now.ctx, now.cancel = both, func() { cancel(); stop() }
	r.running[c] = now
	var sink sabir.Sink
	if c.window != nil {
		now.sink = &gathered{}
		sink = now.sink
	}
	go func() {
		defer close(now.done)
		now.body, now.err = client.Handle(now.ctx, call, sink)
	}()
	return nil
}

// settle waits for a call that others overtook then, so that those that did not
// wait for it are made in their order.
func (r *replay) settle(now *repeated) {
	timer := time.NewTimer(waitsAfter)
	defer timer.Stop()
	select {
	case <-now.done:
	case <-timer.C:
	}
}

// end compares what a call brings with what it brought then.
func (r *replay) end(c *talkCall) error {
	now := r.running[c]
	if now == nil { // a subscription that has begun, or what was not made
		return nil
	}
	delete(r.running, c)
	defer now.cancel()
	loose := c.gaveUp || isTopics(c.answer.result)
	if loose {
		r.settle(now)
		select {
		case <-now.done:
		default:
			now.cancel()
			<-now.done
			return nil
		}
	}
	<-now.done
	var lost *sabir.Unanswered
	if now.ctx.Err() != nil || errors.As(now.err, &lost) {
		return r.timed(c.method, cause(now.ctx, now.err))
	}
	if now.sink != nil {
		if err := r.items(c, now.sink.values); err != nil {
			return err
		}
	}
	then, failed := c.answer, sabir.ErrorOf(now.err)
	switch {
	case c.gaveUp:
		return nil
	case then.err != nil && failed == nil:
		return r.tell(then.line, "%s: expected %s, and it went well", c.method, then.err.name())
	case then.err != nil && (failed.Name != then.err.Data.Name || failed.Code != then.err.Code):
		return r.tell(then.line, "%s: expected %s, got %s: %s", c.method, then.err.name(), nameOrCode(failed.Name, failed.Code), failed.Message)
	case then.err != nil:
		return nil
	case failed != nil:
		return r.tell(then.line, "%s: expected %s, got %s: %s", c.method, cutText(string(then.result), 0), nameOrCode(failed.Name, failed.Code), failed.Message)
	case loose:
		return nil
	}
	got, err := now.body.JSON()
	if err != nil {
		return err
	}
	return r.compared(then.line, c.method, then.result, got)
}

// items compares the items of a stream.
func (r *replay) items(c *talkCall, got []json.RawMessage) error {
	for i, it := range c.items {
		if i >= len(got) {
			return r.tell(it.line, "%s: expected %s, and no more came", c.method, cutText(string(it.value), 0))
		}
		if err := r.compared(it.line, c.method, it.value, got[i]); err != nil {
			return err
		}
	}
	if more := len(got) - len(c.items); more > 0 {
		return r.tell(c.answer.line, "%s: expected no more, and %s came", c.method, counted(more, "more item"))
	}
	return nil
}

// compared tells where one value differs from what it was.
func (r *replay) compared(line int, method string, want, got []byte) error {
	all := differences(want, got)
	if len(all) == 0 {
		return nil
	}
	at, more := "", ""
	if all[0].at != "" {
		at = all[0].at + ": "
	}
	if n := len(all) - 1; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return r.tell(line, "%s: %s%s%s", method, at, all[0].text, more)
}

func (e *talkError) name() string { return nameOrCode(e.Data.Name, e.Code) }

// nameOrCode is what an error is called.
func nameOrCode(name string, code int) string {
	if name == "" {
		return fmt.Sprintf("error %d", code)
	}
	return name
}

// isTopics reports whether a result is what a topic answers: what happened since.
func isTopics(result []byte) bool {
	var all map[string]json.RawMessage
	if json.Unmarshal(result, &all) != nil || len(all) != 4 {
		return false
	}
	for _, name := range []string{"epoch", "seq", "lost", "items"} {
		if all[name] == nil {
			return false
		}
	}
	return true
}

// open makes a request for items again, until it is live or brings something.
func (r *replay) open(ctx context.Context, client *sabir.Client, c *talkCall, call *sabir.Call) error {
	limited, stop := r.limited(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(limited, liveTime)
	defer cancel()
	sink := &begun{cancel: cancel}
	_, err := client.Handle(ctx, call, sink)
	var lost *sabir.Unanswered
	switch {
	case sink.live || err == nil:
		return nil
	case limited.Err() != nil || errors.As(err, &lost):
		return r.timed(c.method, cause(limited, err))
	case ctx.Err() != nil:
		return r.tell(c.line, "%s: is not live after %v", c.method, liveTime)
	}
	return r.tell(c.line, "%s: %v", c.method, err)
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
