package main

import (
	"context"
	"fmt"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

func (a *app) hubCommand() *cobra.Command {
	var listen, units, to []string
	var f facing
	var o opening
	c := &cobra.Command{
		Use: "hub [flags]", Short: "bring services together under one address",
		Long: `Take the services that programs offer by rpc.export, until interrupted, and
pass calls on to them. Each has a socket of its own name as well, beside that
of the hub, so that clients need not know of the hub.

A file NAME.toml in ~/.config/sabir/services or /etc/sabir/services, for root in
the latter alone, stands for a service that is started when somebody calls it,
and stopped when nobody has for a while:

  command = ["weatherd", "--quiet"]   # has its socket made for it, LISTEN_FDS
  description = "weather.sabir"       # what the hub tells without starting it
  idle = "5m"                         # "0": it is never stopped
  user = "weather"                    # only in a hub of root

With --to, what is here, now and later, is offered to another hub as well, whose
callers then find it there; the connection is made again when it is lost. A
service is not taken back where it came from.

Who comes in over the network is made with sabir pair hub and sabir passwd hub.`,
		Example: "  sabir hub --listen sabir://0.0.0.0\n  sabir hub --to ssh:ann@office/hub\n  sabir get hub.services",
		Args:    takes(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.hub(c.Context(), listen, units, to, f, o)
		},
	}
	c.Flags().StringArrayVar(&listen, "listen", nil, "listen at `ADDRESS` too, as sabir://0.0.0.0 or tcp:localhost:7224")
	c.Flags().StringArrayVar(&units, "units", nil, "look for services to start in `FOLDER`, and not in those two")
	c.Flags().StringArrayVar(&to, "to", nil, "offer what is here to the hub at `ADDRESS` too, or to a daemon that takes plugins")
	f.flags(c)
	o.flags(c)
	return c
}

func (a *app) hub(ctx context.Context, listen, units, to []string, f facing, o opening) error {
	face, err := f.face()
	if err != nil {
		return err
	}
	at := a.addressOf(hub.Name)
	if parsed, err := transport.Parse(at); err == nil && parsed.Scheme != "name" && parsed.Scheme != "unix" {
		return &usage{"-a " + at + ": a hub has a name or the path of a socket", "sabir hub --listen " + at}
	}
	for _, other := range to {
		if _, err := transport.Parse(other); err != nil {
			return &usage{fmt.Sprintf("--to: %v", err), ""}
		}
		if other == at {
			return &usage{"--to " + other + ": that is this hub", ""}
		}
	}
	if units == nil {
		units = hub.UnitDirs()
	}
	log := a.log()
	serve := sabir.ServeOptions{
		Version: version, Log: log, Listen: listen, HTTP: face,
		Ready: func(all []transport.Address) {
			a.say("services are offered to %s", all[0].Path)
			a.sayClosed(o, all[0].Path)
			for _, at := range all[1:] {
				a.say("and called at %s, by those who are let in by: sabir pair hub", at)
			}
			a.sayPages(all[1:], hub.Name)
		},
	}
	if err := o.open(&serve); err != nil {
		return err
	}
	err = hub.Serve(ctx, &hub.Options{
		Address: at, Units: units, To: to, Dial: a.dialling(log), Serve: serve,
		Told: func(other string) { a.say("what is here is offered to %s", public(other)) },
	})
	return served("hub", err)
}
