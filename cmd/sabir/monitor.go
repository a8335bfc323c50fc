package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

// monitoring is one run of monitor or record.
type monitoring struct {
	*app
	service, member, caller, kind string
	bodies                        bool
	most                          amount
}

func (m *monitoring) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&m.service, "service", "", "only calls of that `SERVICE`")
	f.StringVar(&m.member, "member", "", "only calls of that `MEMBER`, without its service")
	f.StringVar(&m.caller, "caller", "", "only calls of that `CALLER`, a credential's name or as \"uid 1000\"")
	f.VarP(&m.most, "number", "n", "end after `N` messages (default: never)")
}

func (a *app) monitorCommand() *cobra.Command {
	m := &monitoring{app: a}
	c := &cobra.Command{
		Use: "monitor [flags]", Short: "show what passes a hub, message by message",
		Long: `Show each call that passes the hub, what it brings and how it ends: when, who
calls what, how long the message is, and of an end how long it took.

It holds nothing up: if more passes than can be shown, the number of messages
that were left out is told. Only admins see --bodies, in which fields that are
declared sensitive are masked.`,
		Example: "  sabir monitor --service lounge\n  sabir monitor --kind error --bodies",
		Args:    takes(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return m.run(a.whileRead(c.Context()), m.sayWaiting, m.show)
		},
	}
	m.flags(c)
	c.Flags().StringVar(&m.kind, "kind", "", "only messages of that `KIND`: call, live, item, result or error")
	suggestKinds(c)
	c.Flags().BoolVar(&m.bodies, "bodies", false, "with the messages themselves")
	return c
}

func (a *app) recordCommand() *cobra.Command {
	m := &monitoring{app: a, bodies: true}
	c := &cobra.Command{
		Use: "record [flags] FILE", Short: "write what passes a hub as a conversation",
		Long: `Write what passes the hub into FILE, until interrupted, as conversations are
written in the project's vectors: a line "-->" for each call, a line "<--" for
each message that it brings. sabir replay plays it against a service, and sabir
mock answers as it did.

It needs an admin at the hub. Fields that are declared sensitive are masked.`,
		Example: "  sabir record --service lounge chat.talk",
		Args:    takes(1, 1, "FILE"),
		RunE: func(c *cobra.Command, words []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return m.record(c.Context(), words[0])
		},
	}
	m.flags(c)
	return c
}

// run has show called with each event. What begin has to do waits until there is
// a hub.
func (m *monitoring) run(ctx context.Context, begin func() error, show func(*hub.Event) error) error {
	if kinds := hub.EventKind("").Cases(); m.kind != "" && !slices.Contains(kinds, m.kind) {
		return &usage{fmt.Sprintf("--kind: %v", expected("one of "+strings.Join(kinds, ", "), m.kind)), ""}
	}
	params := map[string]any{}
	for name, text := range map[string]string{"service": m.service, "member": m.member, "caller": m.caller, "kind": m.kind} {
		if text != "" {
			params[name] = text
		}
	}
	if m.bodies {
		params["bodies"] = true
	}
	const method = hub.Name + ".monitor"
	t, err := m.open(ctx, method)
	if err != nil {
		return m.timed(method, cause(ctx, err))
	}
	defer t.close()
	m.sayUnknown(ctx, t)
	if err := begin(); err != nil {
		return err
	}
	shown := 0
	for e, err := range sabir.Items[hub.Event](ctx, t.client, method, params) {
		if err != nil {
			return t.fail(cause(ctx, err))
		}
		if e.Lost > 0 {
			m.say("%s left out", are(e.Lost, "message"))
		}
		if err := show(&e); err != nil {
			return err
		}
		if shown++; shown == int(m.most) {
			return nil
		}
	}
	return nil
}

// sayWaiting tells a person that it is not stuck: nothing may pass for long.
func (m *monitoring) sayWaiting() error {
	if m.errTTY {
		m.say("waiting for what passes, until Ctrl-C")
	}
	return nil
}

// sayUnknown tells of a service or a member that is not there now: it may come
// later, and it may be a slip.
func (m *monitoring) sayUnknown(ctx context.Context, t *target) {
	if m.service == "" && m.member == "" {
		return
	}
	here, err := describe(ctx, t.client, "", "")
	if err != nil {
		return // it is no more than a hint
	}
	var services, members []string
	for _, s := range here.services {
		services = append(services, s.Name)
		if m.service == "" || m.service == s.Name {
			members = append(members, memberNames(&s)...)
		}
	}
	switch {
	case m.service != "" && !slices.Contains(services, m.service):
		m.say("there is no service %s now, but %s", m.service, strings.Join(services, ", "))
	case m.member != "" && !slices.Contains(members, m.member):
		m.say("nothing has a member %s now", m.member)
	}
}

// show prints an event.
func (m *monitoring) show(e *hub.Event) error {
	if m.json || !m.outTTY {
		body, err := sabir.BodyOf(e)
		if err != nil {
			return err
		}
		text, err := body.JSON()
		if err != nil {
			return err
		}
		return write(m.out, append(text, '\n'))
	}
	how := strconv.Itoa(e.Size) + " B"
	if e.Took != nil {
		how += fmt.Sprintf(", %v", time.Duration(*e.Took*float64(time.Second)).Round(time.Microsecond))
	}
	if e.Error != nil {
		how += ", " + *e.Error
	}
	line := fmt.Sprintf("%s %4d %-6s %s → %s  %s\n", e.At.Local().Format("15:04:05.000"), e.ID, e.Kind, escape(e.From, false), escape(e.Method, false), escape(how, false))
	if !e.Message.IsZero() {
		text, err := e.Message.Append(nil, wire.JSON)
		if err != nil {
			return err
		}
		line += "  " + escape(string(text), false) + "\n"
	}
	return write(m.out, []byte(line))
}

// record writes a conversation.
func (m *monitoring) record(ctx context.Context, file string) (err error) {
	var out *os.File
	defer func() {
		if out == nil {
			return
		}
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	begin := func() (err error) {
		out, err = os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return &failed{what: file, hint: "nothing is written over: take another name, or remove it", err: fs.ErrExist}
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "comment: what passed a hub from %s on\n\n", time.Now().UTC().Format(time.RFC3339)); err != nil {
			return err
		}
		m.say("what passes is written to %s", file)
		return nil
	}
	written := 0
	err = m.run(ctx, begin, func(e *hub.Event) error {
		text, err := recorded(e)
		if err != nil {
			return err
		}
		if n, err := out.Write(text); err != nil { // the disk is full, and half a line would spoil the rest
			if at, e := out.Seek(0, io.SeekCurrent); e == nil {
				out.Truncate(at - int64(n))
			}
			return err
		}
		written++
		return nil
	})
	if out != nil {
		m.say("%s in %s", are(written, "message"), file)
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) { // which is how it ends
		return nil
	}
	return err
}

func are(n int, of string) string {
	if n == 1 {
		return "1 " + of + " is"
	}
	return counted(n, of) + " are"
}

// recorded is the line of an event, after one that tells what is missing before it.
func recorded(e *hub.Event) ([]byte, error) {
	var text []byte
	if e.Lost > 0 {
		text = fmt.Appendf(nil, "# %s left out here\n", are(e.Lost, "message"))
	}
	arrow := "<-- "
	if e.Kind == "call" {
		arrow = "--> "
	}
	if e.Message.IsZero() {
		return fmt.Appendf(text, "# %s of call %d, %s: %d bytes, which is too much to be recorded\n", e.Kind, e.ID, e.Method, e.Size), nil
	}
	text, err := e.Message.Append(append(text, arrow...), wire.JSON)
	return append(text, '\n'), err
}
