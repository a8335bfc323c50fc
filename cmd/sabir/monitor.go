package main

import (
	"bufio"
	"bytes"
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
			return m.run(c.Context(), func() error { return nil }, m.show)
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
	if err := begin(); err != nil {
		return err
	}
	shown := 0
	for e, err := range sabir.Items[hub.Event](ctx, t.client, method, params) {
		if err != nil {
			return t.fail(cause(ctx, err))
		}
		if e.Lost > 0 {
			m.say("%d messages were left out", e.Lost)
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
		written++
		_, err = out.Write(text)
		return err
	})
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) { // which is how it ends
		m.say("%d messages are in %s", written, file)
		return nil
	}
	return err
}

// recorded is the line of an event.
func recorded(e *hub.Event) ([]byte, error) {
	arrow := "<-- "
	if e.Kind == "call" {
		arrow = "--> "
	}
	if e.Message.IsZero() {
		return fmt.Appendf(nil, "# %s of call %d: %d bytes, which is too much to be recorded\n", e.Kind, e.ID, e.Size), nil
	}
	text, err := e.Message.Append([]byte(arrow), wire.JSON)
	return append(text, '\n'), err
}

// talkLine is a step of a conversation.
type talkLine struct {
	number int
	sent   bool // by the client
	text   []byte
}

// readTalk reads the steps of a conversation: what is sent and what comes.
func readTalk(name string, in io.Reader) (steps []talkLine, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	body := false
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimRight(lines.Bytes(), "\r")
		verb, rest, _ := bytes.Cut(line, []byte(" "))
		switch {
		case !body: // the header ends with a blank line
			body = len(line) == 0
		case string(verb) == "-->" || string(verb) == "<--":
			steps = append(steps, talkLine{n, verb[0] == '-', bytes.Clone(rest)})
		case len(line) == 0 || line[0] == '#':
		default:
			return nil, fmt.Errorf("%s:%d: expected --> or <--, not %.40q", name, n, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if !body {
		return nil, fmt.Errorf("%s: no blank line after the header", name)
	}
	return steps, nil
}
