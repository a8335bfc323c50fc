package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

func (a *app) mockCommand() *cobra.Command {
	var talk string
	c := &cobra.Command{
		Use: "mock [flags] DESCRIPTION", Short: "serve examples of what a description promises",
		Long: `Serve a description until interrupted, without the service: calls are checked
and answered with the examples of the description, or with others that its
bounds allow. A stream has three items, a table two rows, a topic an item each
second.

With --talk, a call that was recorded is answered as it was then (sabir record),
a stream with its items. A param that was masked, "(sensitive)", may be any.

` + sourceHelp,
		Example:           "  sabir mock lounge.sabir\n  sabir -a ./test.sock mock --talk chat.talk lounge.sabir",
		Args:              takes(1, 1, "DESCRIPTION"),
		ValidArgsFunction: a.completeSource,
		RunE: func(c *cobra.Command, words []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.mock(c.Context(), words[0], talk)
		},
	}
	c.Flags().StringVar(&talk, "talk", "", "answer as in `FILE`, which sabir record has written")
	return c
}

func (a *app) mock(ctx context.Context, word, talk string) error {
	s, err := a.openSource(ctx, word)
	if err != nil {
		return err
	}
	if faults := s.faults(); len(faults) > 0 {
		return faults
	}
	if s.service.Name == "" {
		return &usage{word + " describes no service, only types", ""}
	}
	opts := &hub.MockOptions{}
	if talk != "" {
		if opts.Answer, err = a.answersOf(talk, s.service); err != nil {
			return err
		}
	}
	m, err := hub.NewMock(s.service, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", word, err)
	}
	name := s.service.Name
	err = sabir.ListenAndServe(ctx, a.addressOf(name), m, &sabir.ServeOptions{
		Product: "sabir mock", Version: version,
		Log:   a.log(),
		Ready: func(all []transport.Address) { a.say("what could be %s listens on %s", name, all[0].Path) },
	})
	return served("mock", err)
}

// answersOf answers calls as a conversation does: one that was made several
// times, as it was the last time. Errors say in which line an answer is that the
// description does not promise.
func (a *app) answersOf(file string, s *idl.Service) (func(*sabir.Call, []byte) ([]byte, error, bool), error) {
	t, err := openTalk(file)
	if err != nil {
		return nil, err
	}
	a.sayStrange(file, t)
	type answer struct {
		params []byte // with what stands for any value
		result []byte
		err    error
	}
	known := make(map[string]answer)
	loose := make(map[string][]answer) // by method, the last one first
	shapes := codec.NewShapes(s)
	for _, c := range t.calls {
		service, name, _ := strings.Cut(c.method, ".")
		m := s.Member(name)
		if service != s.Name || m == nil || c.answer == nil || c.gaveUp || c.window != nil && m.Kind != idl.Stream {
			continue
		}
		is := answer{params: c.params}
		if e := c.answer.err; e != nil {
			told := &sabir.Error{Code: e.Code, Name: e.Data.Name, Message: e.Message}
			if e.Data.Params != nil {
				if told.Params, err = sabir.JSONBody(e.Data.Params); err != nil {
					return nil, fmt.Errorf("%s:%d: %w", file, c.answer.line, err)
				}
			}
			is.err = told
		} else if is.result, err = c.resultOf(shapes, m); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", file, c.answer.line, c.method, err)
		}
		if bytes.Contains(c.params, []byte(`"$_"`)) || hasMasked(c.params) {
			loose[c.method] = slices.Insert(loose[c.method], 0, is)
		} else {
			known[callKey(c.method, c.params)] = is
		}
	}
	return func(call *sabir.Call, params []byte) ([]byte, error, bool) {
		if is, ok := known[callKey(call.Method, params)]; ok {
			return is.result, is.err, true
		}
		for _, is := range loose[call.Method] {
			if len(differences(is.params, params)) == 0 {
				return is.result, is.err, true
			}
		}
		return nil, nil, false
	}, nil
}

// resultOf is what a call was answered, as a plain request is: the items of a
// stream as a list.
func (c *talkCall) resultOf(shapes *codec.Shapes, m *idl.Member) ([]byte, error) {
	result, promised := []byte(c.answer.result), idl.Type{Kind: idl.Struct, Fields: m.Result}
	if m.Kind == idl.Stream && c.window != nil {
		result = []byte("[")
		for i, it := range c.items {
			result = append(wire.AppendNext(result, wire.JSON, i), it.value...)
		}
		result = append(result, ']')
	}
	switch m.Kind {
	case idl.Method:
	case idl.State:
		promised = *m.Item
	case idl.Stream:
		promised = idl.Type{Kind: idl.List, Of: m.Item}
	default:
		return result, nil // the client judges them
	}
	shape, err := shapes.Of(&promised)
	if err != nil {
		return nil, err
	}
	body, err := sabir.JSONBody(result)
	if err != nil {
		return nil, err
	}
	v, err := body.Value()
	if err != nil {
		return nil, err
	}
	if faults := shape.Check(v, codec.Lenient); len(faults) > 0 {
		return nil, errors.New(faults[0].String())
	}
	return result, nil
}

// callKey is the same for calls that say the same.
func callKey(method string, params []byte) string {
	var tree any
	if json.Unmarshal(params, &tree) != nil {
		tree = map[string]any{}
	}
	text, err := json.Marshal(tree) // keys in order
	if err != nil {
		text = bytes.Clone(params)
	}
	return method + " " + string(text)
}
