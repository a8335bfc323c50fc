package main

import (
	"context"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

const getHelp = `Print what is there, and change nothing: the value of a state, the rows of a
table, the next items of a topic, or the result of a readonly method.

Of a topic --since gives what came after that position, at once if there is any;
where to go on is said on stderr.`

func (a *app) getCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "get SERVICE.MEMBER " + argumentsUse, Short: "print a state, a table, or what is readonly", Long: getHelp,
		Example: `  sabir get lounge.users room=dev
  sabir get lounge.status -o users`,
		Args:              takes(1, -1, "SERVICE.MEMBER and its arguments"),
		ValidArgsFunction: a.completeMember,
		RunE: func(c *cobra.Command, words []string) error {
			return a.get(c.Context(), words[0], words[1:])
		},
	}
	a.sinceFlag(c)
	a.directFlag(c)
	return c
}

func (a *app) get(ctx context.Context, method string, words []string) error {
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
	if t.old { // what was readonly need not be any more
		if _, err := a.askTarget(ctx, t); err != nil {
			return a.timed(method, regarding(method, silent(t.address, err)))
		}
	}
	if err := t.mayGet(); err != nil {
		return err
	}
	p.service = t.service
	if t.since, err = a.position(t); err != nil {
		return err
	}
	params, err := t.params(ctx, args)
	if err != nil {
		return err
	}
	return a.timed(method, t.fail(a.getMember(ctx, t, params, p)))
}

// mayGet refuses what may change something.
func (t *target) mayGet() error {
	switch {
	case t.service == nil:
		return &usage{t.method + ": it does not describe itself, so nobody knows what changes nothing", "sabir call " + t.method}
	case t.member == nil || t.kind().Subscribed() || t.member.Readonly:
		return nil
	}
	return &usage{t.method + " is not readonly", "sabir call " + t.method}
}

func (a *app) getMember(ctx context.Context, t *target, params sabir.Body, p *printer) error {
	switch t.kind() {
	case idl.Table:
		rows, err := t.do(ctx, params)
		if err != nil {
			return err
		}
		if a.outTTY && !a.json && len(p.picks) == 0 {
			p.note(rows)
			return write(a.out, rowsText(rows, a.palette()))
		}
		err = p.each(rows, t.itemType())
		p.note(rows)
		return err
	case idl.Topic:
		answer, err := t.do(ctx, params)
		if err != nil {
			return err
		}
		a.sayLost(number(answer, "lost"))
		items, ok := child(answer, "items")
		if !ok {
			return errNoItems
		}
		if err := p.each(items, t.itemType()); err != nil {
			return err
		}
		a.sayPosition(answer)
		return nil
	}
	return a.callMember(ctx, t, params, p)
}

// each prints the elements of a list, all of type t, one a line.
func (p *printer) each(list wire.Value, t *idl.Type) error {
	c := list.Cursor()
	if c.Kind() != wire.List {
		return errNoItems
	}
	for it := c.Open(); c.More(&it); {
		if err := p.item(c.Skip(), t, ""); err != nil {
			return err
		}
	}
	return nil
}

// itemType is the type of what a subscription prints; of a table, of its rows.
func (t *target) itemType() *idl.Type {
	switch {
	case t.member == nil:
		return nil
	case t.kind() != idl.Table:
		return t.member.Item
	}
	return &idl.Type{Kind: idl.Struct, Fields: []idl.Field{
		{Name: "key", Type: idl.Type{Kind: idl.String}},
		{Name: "value", Type: *t.member.Item},
		{Name: "gone", Type: idl.Type{Kind: idl.Bool}},
	}}
}

// number is a member of an object that is a number, or 0.
func number(v wire.Value, name string) int64 {
	if n, ok := child(v, name); ok {
		if c := n.Cursor(); c.Kind() == wire.Number {
			return c.Number().Int
		}
	}
	return 0
}
