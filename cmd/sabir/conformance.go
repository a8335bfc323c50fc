package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/sabir-ipc/sabir/conformance"
	"github.com/spf13/cobra"
)

// conforming is what sabir conformance is told.
type conforming struct {
	conformance.Options
	known string
	all   bool
}

var errNotConforming = errors.New("the peer does not conform")

var tiers = []string{conformance.Full, conformance.Least, conformance.JSONRPC}

func (a *app) conformanceCommand() *cobra.Command {
	var o conforming
	c := &cobra.Command{
		Use: "conformance [flags] -- COMMAND [ARGUMENT...]", Short: "test an implementation of the protocol",
		Long: `Play the conversations and frames of vectors/, and scenarios, against a program
that speaks the protocol, as its client and as its service, and report what was
wrong: the clause, what was sent, what was expected and what came.

COMMAND is run with one of these behind its arguments:

  claims                     print what it can do
  serve LEVEL                be the service probe on stdin and stdout
  client ADDRESS json|cbor   be a client that takes orders on stdin

Stderr tells how far it is. Where three cases in a row of a group, such as
service/json, get no answer at all, the rest of it is not played and has failed.

conformance/README.md has the details. With --tier json-rpc, COMMAND is run as it
is and is any server of JSON-RPC 2.0 that speaks in lines on stdin and stdout.

Exit status: 0 all passed, 1 something failed or a known failure passed.`,
		Example: `  sabir conformance -- ./peer
  sabir conformance --only client/json/resume -- python3 peer.py
  sabir conformance --tier json-rpc --method add --params '[1,2]' -- ./server`,
		Args: takes(1, -1, "-- COMMAND"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			if c.ArgsLenAtDash() != 0 {
				return &usage{"COMMAND comes after --", "sabir conformance -- " + args[0]}
			}
			return a.conform(c.Context(), args, o)
		},
	}
	c.Flags().StringVar(&o.Tier, "tier", "", "play `TIER`: full, least or json-rpc (default: what COMMAND claims)")
	c.Flags().StringVar(&o.Only, "only", "", "play only cases with `TEXT` in their name")
	c.Flags().BoolVar(&o.all, "all", false, "tell what passed and what was left out as well")
	c.Flags().StringVar(&o.known, "known", "", "`FILE` with a case and a reason a line: what is known to fail")
	c.Flags().IntVar(&o.Parallel, "parallel", 0, "play `N` cases at once (default: one for each processor)")
	c.Flags().DurationVar(&o.Patience, "patience", 0, "wait `TIME` for what is expected (default: 15s)")
	c.Flags().StringVar(&o.Method, "method", "", "with json-rpc, a `METHOD` that answers with a result")
	c.Flags().StringVar(&o.Params, "params", "", "its params, as `JSON`")
	if err := c.RegisterFlagCompletionFunc("tier", cobra.FixedCompletions(tiers, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is declared above
	}
	return c
}

func (a *app) conform(ctx context.Context, command []string, o conforming) error {
	switch {
	case o.Tier != "" && !slices.Contains(tiers, o.Tier):
		return &usage{fmt.Sprintf("--tier: %v", expected("full, least or json-rpc", o.Tier)), ""}
	case o.Method != "" && o.Tier != conformance.JSONRPC:
		return &usage{"--method is for --tier json-rpc", ""}
	case o.Params != "" && o.Method == "":
		return &usage{"--params are those of --method", ""}
	case o.Parallel < 0:
		return &usage{fmt.Sprintf("--parallel: %v", expected("a number above 0", fmt.Sprint(o.Parallel))), ""}
	case o.Patience < 0:
		return &usage{fmt.Sprintf("--patience: %v", expected("a time above 0", o.Patience.String())), ""}
	}
	if err := conformance.CheckParams(o.Params); err != nil {
		return &usage{fmt.Sprintf("--params: %v", err), ""}
	}
	if o.known != "" {
		text, err := os.ReadFile(o.known)
		if err != nil {
			return &usage{err.Error(), ""}
		}
		if o.Known, err = conformance.ReadKnown(string(text)); err != nil {
			return &usage{o.known + ": " + err.Error(), ""}
		}
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	told, clear := a.counting()
	o.Ended = told
	report, err := conformance.Run(ctx, command, &o.Options)
	clear()
	if err != nil {
		return err
	}
	if a.json {
		err = report.WriteJSON(a.out)
	} else {
		err = report.WriteText(a.out, o.all)
	}
	if err != nil {
		return &outputError{err}
	}
	if !report.OK() {
		return &quiet{errNotConforming}
	}
	return nil
}

// counting tells on stderr how far the suite is: a person on one line, which clear
// takes away, and a log a line for each group of cases that has ended.
func (a *app) counting() (told func(conformance.Progress), clear func()) {
	switch {
	case a.quiet || a.json && !a.errTTY:
		return nil, func() {}
	case !a.errTTY:
		return func(p conformance.Progress) {
			if p.GroupEnded {
				a.say("%s: %d cases, %d failed", p.Group, p.GroupAll, p.GroupFailed)
			}
		}, func() {}
	}
	return func(p conformance.Progress) {
		fmt.Fprintf(a.errout, "\r\x1b[K%d of %d, %d failed: %s", p.Ended, p.All, p.Failed, p.Result.Name)
	}, func() { fmt.Fprint(a.errout, "\r\x1b[K") }
}
