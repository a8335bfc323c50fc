package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
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

With --talk, a call that was recorded is answered as it was then (sabir record).

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
		if opts.Answer, err = answersOf(talk); err != nil {
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
// times, as it was the last time.
func answersOf(file string) (func(*sabir.Call, []byte) ([]byte, error, bool), error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	steps, err := readTalk(file, in)
	if err != nil {
		return nil, err
	}
	calls, err := callsOf(file, steps)
	if err != nil {
		return nil, err
	}
	type answer struct {
		result json.RawMessage
		err    error
	}
	known := make(map[string]answer)
	for _, r := range calls {
		if r.answer == nil || r.window != nil {
			continue
		}
		var m struct {
			Result json.RawMessage
			Error  *struct {
				Code    int
				Message string
				Data    struct {
					Name   string
					Params json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(r.answer.text, &m); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, r.answer.number, err)
		}
		var is answer
		if e := m.Error; e != nil {
			told := &sabir.Error{Code: e.Code, Name: e.Data.Name, Message: e.Message}
			if e.Data.Params != nil {
				if told.Params, err = sabir.JSONBody(e.Data.Params); err != nil {
					return nil, fmt.Errorf("%s:%d: %w", file, r.answer.number, err)
				}
			}
			is.err = told
		} else {
			is.result = m.Result
		}
		known[callKey(r.method, r.params)] = is
	}
	return func(call *sabir.Call, params []byte) ([]byte, error, bool) {
		is, ok := known[callKey(call.Method, params)]
		return is.result, is.err, ok
	}, nil
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
