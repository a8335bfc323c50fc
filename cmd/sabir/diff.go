package main

import (
	"context"
	"errors"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

func (a *app) diffCommand() *cobra.Command {
	var least string
	c := &cobra.Command{
		Use: "diff OLD NEW", Short: "tell what breaks between two descriptions",
		Long: `Judge what has changed: "peers" breaks programs that run, made from OLD and NEW;
"source" breaks those that are compiled anew; "fine" breaks nothing. A line each
has the place, in NEW if it is there, the reason, and the rule of the specification.

Exit status: 0 nothing breaks; 1 something does; 2 they could not be compared.

` + sourceHelp,
		Example: `  sabir diff HEAD:lounge.sabir lounge.sabir
  sabir diff --least peers lounge.sabir lounge`,
		Args:              takes(2, 2, "OLD and NEW"),
		ValidArgsFunction: a.completeSource,
		RunE: func(c *cobra.Command, words []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.diff(c.Context(), words[0], words[1], least)
		},
	}
	c.Flags().StringVar(&least, "least", "fine", "print and count only what is `HARM` or worse: fine, source, peers")
	if err := c.RegisterFlagCompletionFunc("least", cobra.FixedCompletions([]cobra.Completion{"fine", "source", "peers"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is declared above
	}
	return c
}

var errBreaks = errors.New("something breaks")

// uncompared is a failure of diff before there was anything to compare.
type uncompared struct{ error }

func (e *uncompared) Unwrap() error { return e.error }

// changed is a line of diff in JSON.
type changed struct {
	Harm   string
	Clause string
	Where  string
	What   string
	Reason string `sabir:",optional"`
	At     string
}

func (a *app) diff(ctx context.Context, before, after, least string) error {
	floor := map[string]idl.Harm{"fine": idl.Fine, "source": idl.BreaksSource, "peers": idl.BreaksPeers}
	from, known := floor[least]
	if !known {
		return &usage{"--least: expected fine, source or peers, found " + least, ""}
	}
	old, err := a.openSource(ctx, before)
	if err != nil {
		return &uncompared{err}
	}
	current, err := a.openSource(ctx, after)
	if err != nil {
		return &uncompared{err}
	}
	if faults := append(old.faults(), current.faults()...); len(faults) > 0 {
		return &uncompared{faults}
	}
	breaks := false
	for _, c := range idl.Diff(old.service, current.service) {
		if c.Harm < from {
			continue
		}
		breaks = breaks || c.Harm > idl.Fine
		at := current.at(c.New)
		if c.New == nil {
			at = old.at(c.Old)
		}
		if err := a.printChange(c, at); err != nil {
			return err
		}
	}
	if breaks {
		return &quiet{errBreaks}
	}
	return nil
}

func (a *app) printChange(c idl.Change, at idl.Pos) error {
	if !a.json {
		return a.printText(at.String() + ": " + c.String() + "\n")
	}
	line := changed{c.Harm.String(), c.Clause, c.Where, c.What, c.Reason, at.String()}
	raw, err := codec.AppendAny(nil, wire.JSON, &line)
	if err != nil {
		return err
	}
	return a.printTree(wire.Value{Enc: wire.JSON, Raw: raw})
}
