package main

import (
	"context"
	"errors"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

func (a *app) describeCommand() *cobra.Command {
	var asIDL bool
	c := &cobra.Command{
		Use: "describe [SERVICE[.MEMBER]]", Short: "show what a service says of itself",
		Long: `Show the members of a service with their types, errors and docs, or one member
with what it uses. With -a alone, all services at that address. It is text, also
in a pipe; --json prints the tree. With --idl it is a whole file NAME.sabir,
which sabir fmt, check, diff and gen read.`,
		Example: `  sabir describe lounge
  sabir describe lounge.say
  sabir -a lounge-work describe
  sabir describe --idl lounge > lounge.sabir`,
		Args:              takes(0, 1, "SERVICE[.MEMBER]"),
		ValidArgsFunction: a.completeMember,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			if asIDL {
				return a.describeFile(c.Context(), args)
			}
			return a.describe(c.Context(), strings.Join(args, ""))
		},
	}
	c.Flags().BoolVar(&asIDL, "idl", false, "print a whole file NAME.sabir")
	return c
}

// describeFile prints a description that can be read again.
func (a *app) describeFile(ctx context.Context, args []string) error {
	switch {
	case a.json:
		return &usage{"--idl is text, and --json is not", ""}
	case len(args) == 0 && a.addressOf("") == "":
		return &usage{"describe --idl takes SERVICE, or an address", "sabir ls lists the services"}
	case len(args) > 0 && strings.Contains(args[0], ".") && !strings.ContainsAny(args[0], "/:"):
		return &usage{"a file has the whole of a service", "sabir describe " + args[0]}
	case len(args) == 0:
		args = []string{a.addressOf("")}
	}
	s, err := a.liveSource(ctx, args[0])
	if err != nil {
		return err
	}
	if faults := s.faults(); len(faults) > 0 {
		a.say("%s describes itself as no file can: sabir check %s", args[0], args[0])
	}
	return a.printText(s.service.String())
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
	client, hangUp, err := a.reach(ctx, address)
	if err != nil {
		return a.timed(name, err)
	}
	defer hangUp()
	d, err := describe(ctx, client, service, "")
	address = public(address)
	err = silent(address, err)
	switch {
	case errors.Is(err, sabir.ErrMethodNotFound) && !isStranger(err):
		return noService(service, address, err)
	case err != nil && name == "":
		return a.timed(address, regarding(address, err))
	case err != nil:
		return a.timed(name, regarding(name, err))
	case member == "":
		return a.printServices(d.services, d.raw)
	}
	return a.printMember(d.services, d.raw, name, member)
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
			names = append(names, memberNames(s)...)
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
	service, _, _ := strings.Cut(name, ".")
	return noMember(service, member, names)
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
