package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

func (a *app) describeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "describe [SERVICE[.MEMBER]]", Short: "show what a service says of itself",
		Long: `Show the members of a service with their types, errors and docs, or one member
with what it uses. With -a alone, all services at that address.`,
		Example: `  sabir describe lounge
  sabir describe lounge.say
  sabir -a lounge-work describe`,
		Args:              takes(0, 1, "SERVICE[.MEMBER]"),
		ValidArgsFunction: a.completeMember,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.describe(c.Context(), strings.Join(args, ""))
		},
	}
}

func (a *app) describe(ctx context.Context, name string) error {
	service, member, dotted := strings.Cut(name, ".")
	address := a.addressOf(service)
	switch {
	case strings.ContainsAny(name, "/:"):
		return &usage{name + " is an address, not a service", "sabir -a " + name + " describe"}
	case address == "":
		return &usage{"describe takes SERVICE[.MEMBER], or an address", "sabir ls lists the services"}
	case dotted && (service == "" || member == ""):
		return &usage{name + " is not SERVICE.MEMBER", "sabir describe SERVICE"}
	case address == "rpc":
		return &usage{"every service offers rpc; say which one is meant", "sabir -a NAME describe " + name}
	case address == service && strings.Contains(service, "-"):
		service = "" // an instance: the service there has another name
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	client, err := a.dial(ctx, address, false)
	if err != nil {
		return a.timed(name, err)
	}
	defer client.Close()
	services, raw, err := describe(ctx, client, service)
	switch {
	case err != nil && name == "":
		return a.timed(address, regarding(address, err))
	case err != nil:
		return a.timed(name, regarding(name, err))
	case member == "":
		return a.printServices(services, raw)
	}
	return a.printMember(services, raw, name, member)
}

func (a *app) printServices(services []idl.Service, raw []wire.Value) error {
	if a.json {
		for _, v := range raw {
			if err := a.printTree(v); err != nil {
				return err
			}
		}
		return nil
	}
	var texts []string
	for i := range services {
		texts = append(texts, services[i].String())
	}
	return a.printText(strings.Join(texts, "\n"))
}

func (a *app) printMember(services []idl.Service, raw []wire.Value, name, member string) error {
	var names []string
	for i := range services {
		s := &services[i]
		if s.Member(member) == nil {
			for _, m := range s.Members {
				names = append(names, m.Name)
			}
			continue
		}
		if !a.json {
			return a.printText(s.MemberText(member))
		}
		members, _ := child(raw[i], "members")
		c := members.Cursor()
		for it := c.Open(); c.More(&it); {
			m := c.Skip()
			if text, _ := child(m, "name"); cell(text) == member {
				return a.printTree(m)
			}
		}
	}
	if near := codec.Nearest(member, names); near != "" {
		return fmt.Errorf("%s: no member %s, did you mean %s?", name, member, near)
	}
	return fmt.Errorf("%s: no member %s", name, member)
}

func (a *app) printTree(v wire.Value) error {
	raw := appendCompact(nil, v)
	if a.outTTY {
		raw = appendSafe(nil, raw)
	}
	return write(a.out, append(raw, '\n'))
}

// printText prints text of a peer, which a terminal must not obey.
func (a *app) printText(text string) error {
	if a.outTTY {
		text = escape(text, true)
	}
	return write(a.out, []byte(text))
}
