package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

const watchHelp = `Subscribe to a topic, state or table and print what comes, an item a line, the
time first on a terminal. Rows of tables are {"key":…,"value":…}, or
{"key":…,"gone":true}.

A lost connection is made again for ever; why it is not there yet, and what was
lost, is told on stderr.
--timeout bounds the time until the subscription is live.`

// watching is one run of watch.
type watching struct {
	*app
	method string
	most   amount // items to print; 0: all
	live   func() // stops the clock of --timeout; nil: there is none
}

func (a *app) watchCommand() *cobra.Command {
	w := &watching{app: a}
	c := &cobra.Command{
		Use: "watch SERVICE.MEMBER " + argumentsUse, Short: "print what happens as it happens", Long: watchHelp,
		Example: `  sabir watch lounge.message room=dev
  sabir watch lounge.message room=dev -n 1 -o text
  sabir watch lounge.users room=dev`,
		Args:              takes(1, -1, "SERVICE.MEMBER and its arguments"),
		ValidArgsFunction: a.completeMember,
		RunE: func(c *cobra.Command, words []string) error {
			w.method = words[0]
			return w.run(c.Context(), words[1:])
		},
	}
	c.Flags().VarP(&w.most, "number", "n", "end after `N` items (default: never)")
	w.sinceFlag(c)
	w.directFlag(c)
	return c
}

func (w *watching) run(ctx context.Context, words []string) error {
	args, err := parseArguments(words, w.in)
	if err != nil {
		return err
	}
	p, err := w.printer(nil)
	if err != nil {
		return err
	}
	limit, cancel := w.untilLive(w.whileRead(ctx))
	defer cancel()
	t, err := w.open(limit, w.method)
	if err != nil {
		return w.timed(w.method, cause(limit, err))
	}
	defer t.close()
	return w.timed(w.method, w.byDescription(limit, t, func() error {
		p.service = t.service
		if t.service != nil && t.member != nil && !t.kind().Subscribed() {
			return &usage{fmt.Sprintf("%s is a %s: nothing to watch", w.method, t.kind()), "sabir call " + w.method}
		}
		since, err := w.position(t)
		if err != nil {
			return err
		}
		params, err := t.params(limit, args)
		if err != nil {
			return err
		}
		return t.fail(cause(limit, w.events(limit, t, params, since, p)))
	}))
}

// untilLive bounds a context by --timeout, until stop is called.
func (w *watching) untilLive(ctx context.Context) (limit context.Context, stop func()) {
	if w.timeout <= 0 {
		return ctx, func() {}
	}
	limit, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(w.timeout, func() { cancel(context.DeadlineExceeded) })
	w.live = func() { timer.Stop() }
	return limit, func() { timer.Stop(); cancel(nil) }
}

// cause is why ctx ended, where err only says that it has.
func cause(ctx context.Context, err error) error {
	if err != nil && errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (w *watching) events(ctx context.Context, t *target, params sabir.Body, since *sabir.Position, p *printer) error {
	printed := 0
	for e, err := range sabir.Watch[sabir.Body](ctx, t.client, t.method, params, &sabir.WatchOptions{Since: since}) {
		if err != nil {
			return err
		}
		w.sayLost(e.Lost)
		switch e.Kind {
		case sabir.Up:
			if w.live != nil {
				w.live()
			}
			w.say("live")
			continue
		case sabir.Down:
			w.say("connection lost, trying again")
			continue
		case sabir.StillDown:
			w.say("still trying: %s", lines(e.Err)[0])
			continue
		case sabir.Reset:
			w.say("too many changes, starting over")
			continue
		}
		v, err := rowOrItem(&e, t.kind())
		if err == nil {
			err = p.item(v, t.itemType(), time.Now().Format(time.TimeOnly))
		}
		if err != nil {
			return err
		}
		if printed++; printed == int(w.most) {
			return nil
		}
	}
	return nil
}

// rowOrItem is what to print of an event: a row of a table with its key.
func rowOrItem(e *sabir.Event[sabir.Body], kind idl.MemberKind) (wire.Value, error) {
	if kind != idl.Table && e.Key == "" && e.Kind != sabir.Gone {
		return e.Value.Value()
	}
	raw, _ := wire.AppendString([]byte(`{"key":`), wire.JSON, e.Key)
	if e.Kind == sabir.Gone {
		return wire.Value{Raw: append(raw, `,"gone":true}`...)}, nil
	}
	raw, err := e.Value.Append(append(raw, `,"value":`...), wire.JSON)
	return wire.Value{Raw: append(raw, '}')}, err
}

// sayLost tells how many items of a topic were lost, if any.
func (a *app) sayLost(n int64) {
	switch {
	case n < 0:
		a.say("an unknown number of items was lost")
	case n == 1:
		a.say("1 item was lost")
	case n > 1:
		a.say("%d items were lost", n)
	}
}
