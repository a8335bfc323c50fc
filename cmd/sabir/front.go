package main

import (
	"cmp"
	"context"
	"errors"
	"os"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

// frontSuffix is what the front of a service is called on this machine, where
// sabir pair finds it.
const frontSuffix = "-front"

// fronting is what sabir front is told.
type fronting struct {
	listen      []string
	description string
	noCaller    bool
	facing
}

func (a *app) frontCommand() *cobra.Command {
	var f fronting
	c := &cobra.Command{
		Use: "front [flags] SERVICE", Short: "let the network in to a service of this machine",
		Long: `Listen over TCP for a service that does not, until interrupted: with TLS,
pairing, access levels and limits in front of it. The service is told in each
request who calls. Those who may come in are made with sabir pair SERVICE and
sabir passwd SERVICE.

A service that describes itself is open to each caller by its levels. Of one
that does not everything needs level admin, unless --description says what it
offers.`,
		Example: "  sabir front lounge --listen sabir://0.0.0.0\n  sabir front ./heatd.sock --description heating.sabir --no-caller --listen sabir://0.0.0.0",
		Args:    takes(1, 1, "one SERVICE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.front(c.Context(), args[0], f)
		},
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().StringArrayVar(&f.listen, "listen", nil, "listen at `ADDRESS`, as sabir://0.0.0.0 or tcp:localhost:7224")
	c.Flags().StringVar(&f.description, "description", "", "what the service offers, from `FILE`.sabir")
	c.Flags().BoolVar(&f.noCaller, "no-caller", false, "do not tell the service who calls: it knows no member \"caller\"")
	f.flags(c)
	return c
}

func (a *app) front(ctx context.Context, service string, f fronting) error {
	if len(f.listen) == 0 {
		return &usage{"--listen says where the network comes in", "sabir front " + service + " --listen sabir://0.0.0.0"}
	}
	face, err := f.face()
	if err != nil {
		return err
	}
	log := a.log()
	opts := hub.FrontOptions{NoCaller: f.noCaller, Dial: a.dialling(log), Log: log}
	if f.description != "" {
		file, err := idl.Load(f.description, os.ReadFile)
		if err != nil {
			return err
		}
		if file.Service.Name == "" {
			return &usage{f.description + " describes no service, only types", ""}
		}
		opts.Services = []*idl.Service{&file.Service}
	}
	starting, cancel := a.limited(ctx)
	front, err := hub.NewFront(starting, a.addressOf(service), &opts)
	cancel()
	if errors.Is(err, sabir.ErrInvalidRequest) && !f.noCaller {
		return &usage{err.Error(), "one that knows nothing of callers needs --no-caller; another has to be of this user, or told whom to believe"}
	}
	if err != nil {
		return a.timed(public(service), err)
	}
	defer front.Close()
	name, err := frontName(service, front.Describe())
	if err != nil {
		return err
	}
	dir, store, err := credentials(name)
	if err != nil {
		return err
	}
	identity, err := transport.OpenIdentity(dir)
	if err != nil {
		return err
	}
	err = sabir.ListenAndServe(ctx, name+frontSuffix, front, &sabir.ServeOptions{
		Log: log, Listen: f.listen, Credentials: store, Identity: identity, HTTP: face,
		Ready: func(all []transport.Address) {
			for _, at := range all[1:] {
				a.say("the network comes in to %s at %s, those who are let in by: sabir pair %s", name, at, name)
			}
			a.sayPages(all[1:], name)
		},
	})
	return served("front", err)
}

// frontName is the name by which a service is known to sabir pair: its own, or
// for an address that is none that of the first service there.
func frontName(service string, services []*idl.Service) (string, error) {
	at, err := transport.Parse(service)
	if err != nil {
		return "", err
	}
	name := at.Name
	if len(services) > 0 {
		name = cmp.Or(name, services[0].Name)
	}
	if name == "" {
		return "", &usage{service + " does not say what it is", "--description FILE says what it offers"}
	}
	return name, nil
}
