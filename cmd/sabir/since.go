package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

// sinceFlag gives a command the flag --since, which position reads.
func (a *app) sinceFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.since, "since", "", "go on in a topic from `EPOCH:SEQ`")
}

// position is where in a topic to go on; nil: from now on.
func (a *app) position(t *target) (*sabir.Position, error) {
	since, err := parseSince(a.since)
	if since != nil && t.member != nil && t.kind() != idl.Topic {
		return nil, &usage{fmt.Sprintf("%s is a %s, and --since is for topics", t.method, t.kind()), ""}
	}
	return since, err
}

func parseSince(text string) (*sabir.Position, error) {
	if text == "" {
		return nil, nil
	}
	i := strings.LastIndexByte(text, ':')
	if i > 0 {
		if seq, err := strconv.ParseInt(text[i+1:], 10, 64); err == nil && seq >= 0 && seq <= wire.MaxInt {
			return &sabir.Position{Epoch: text[:i], Seq: seq}, nil
		}
	}
	return nil, &usage{fmt.Sprintf("--since %q: not EPOCH:SEQ", text), "--since k3v9:120"}
}

// sayPosition tells after the answer of a topic how to go on from there.
func (a *app) sayPosition(answer wire.Value) {
	if epoch, ok := child(answer, "epoch"); ok {
		a.say("--since %s:%d goes on from here", cell(epoch), number(answer, "seq"))
	}
}
