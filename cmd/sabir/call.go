package main

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

const argumentsUse = "[name=text | name:=json | VALUE | -]..."

const callHelp = `Call a method and print its result.

Of a stream the items are printed as they come. Other kinds of member answer as
to a plain request: a state with its value, a table with its rows, a topic with
what comes next, or after --since, and its position.

Text is converted by the declared type: limit=3 is a number where a number is
declared, tags=a,b a list, at=now a time. name=@FILE reads strings and bytes
from a file; @@ begins a text with one @. A negative number in declared order
goes after --.

What a service says of itself is kept in $XDG_CACHE_HOME/sabir (or ~/.cache/sabir),
so that the next call needs not ask. If the service refuses a call by its name or
its arguments, which means that nothing was run, and says something else of itself
by now, the call is made once more.`

func (a *app) callCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "call SERVICE.METHOD " + argumentsUse, Short: "call a method", Long: callHelp,
		Example: `  sabir call lounge.say room=dev name=ann text=hello
  sabir call lounge.say dev ann hello
  sabir call lounge.search query=notes limit=3 -o path -o size
  echo '{"room":"dev","name":"ann"}' | sabir call lounge.join -
  sabir call lounge.fetch label=docs path=big.iso > big.iso`,
		Args:              takes(1, -1, "SERVICE.METHOD and its arguments"),
		ValidArgsFunction: a.completeMember,
		RunE: func(c *cobra.Command, words []string) error {
			return a.call(c.Context(), words[0], words[1:])
		},
	}
	a.sinceFlag(c)
	a.directFlag(c)
	return c
}

func (a *app) call(ctx context.Context, method string, words []string) error {
	args, err := parseArguments(words, a.in)
	if err != nil {
		return err
	}
	p, err := a.printer(nil)
	if err != nil {
		return err
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	t, err := a.open(ctx, method)
	if err != nil {
		return a.timed(method, err)
	}
	defer t.close()
	return a.timed(method, a.byDescription(ctx, t, func() error {
		p.service = t.service
		if t.since, err = a.position(t); err != nil {
			return err
		}
		params, err := t.params(ctx, args)
		if err != nil {
			return err
		}
		return t.fail(a.callMember(ctx, t, params, p))
	}))
}

func (a *app) callMember(ctx context.Context, t *target, params sabir.Body, p *printer) error {
	if t.kind() == idl.Stream {
		return a.stream(ctx, t, params, p)
	}
	v, err := t.do(ctx, params)
	if err != nil {
		return err
	}
	return p.value(v, t.resultType())
}

// resultType is the type of the answer to a plain request; nil: not declared
// as such.
func (t *target) resultType() *idl.Type {
	switch {
	case t.member == nil:
		return nil
	case t.kind() == idl.Method:
		return &idl.Type{Kind: idl.Struct, Fields: t.member.Result}
	case t.kind() == idl.State:
		return t.member.Item
	}
	return nil
}

// itemSink hands items to a function.
type itemSink func(it sabir.Item) error

func (s itemSink) Ready(ctx context.Context) error { return ctx.Err() }
func (s itemSink) Live(sabir.Live) error           { return nil }
func (s itemSink) Item(it sabir.Item) error        { return s(it) }

// Windows of streams: enough to keep both sides busy, and of bytes, which come
// in pieces of 64 KiB, few enough to forget about.
const (
	itemWindow = 256
	byteWindow = 32
)

// stream prints the items of a stream as they come.
func (a *app) stream(ctx context.Context, t *target, params sabir.Body, p *printer) error {
	call := sabir.Call{Method: t.method, Params: params, Window: itemWindow}
	sink := itemSink(func(it sabir.Item) error {
		v, err := it.Value.Value()
		if err != nil {
			return err
		}
		return p.item(v, t.member.Item, "")
	})
	if p.isBytes(t.member.Item) && !a.json && len(p.picks) == 0 {
		b := &byteSink{app: a, method: t.method, progress: a.progress()}
		defer b.progress.done()
		a.hasten(ctx, t)
		call.Window, sink = byteWindow, b.item
	}
	_, err := t.client.Handle(ctx, &call, sink)
	return err
}

// byteSink writes the items of a stream of bytes one after the other.
type byteSink struct {
	*app
	method   string
	progress *progress
	buf      []byte // what is left of the last item, then this one
	left     int
}

var errBinary = errors.New("binary, not for a terminal")

func (s *byteSink) item(it sabir.Item) error {
	v, err := it.Value.Value()
	if err != nil {
		return err
	}
	c := v.Cursor()
	if kind := c.Kind(); kind != wire.String && kind != wire.Bytes {
		return errors.New("an item is no bytes")
	}
	var ok bool
	if s.buf, ok = c.Bytes(s.buf[:s.left]); !ok {
		return errors.New("an item is no base64")
	}
	if s.outTTY {
		return s.show()
	}
	s.progress.add(len(s.buf))
	return write(s.out, s.buf)
}

// show writes to a terminal, where only text may go. Characters may be cut by
// the end of an item.
func (s *byteSink) show() error {
	whole := len(s.buf)
	for whole > 0 && len(s.buf)-whole < utf8.UTFMax && !utf8.Valid(s.buf[:whole]) {
		whole--
	}
	if !isText(s.buf[:whole]) {
		s.progress.add(whole)
		return &failed{what: s.method, err: errBinary, hint: "redirect it to a file: sabir call … > FILE"}
	}
	if err := write(s.out, s.buf[:whole]); err != nil {
		return err
	}
	s.left = copy(s.buf, s.buf[whole:])
	return nil
}
