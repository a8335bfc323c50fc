package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

// showing is what sabir web is told.
type showing struct {
	facing
	port  string
	level string
}

func (a *app) webCommand() *cobra.Command {
	var s showing
	c := &cobra.Command{
		Use: "web [flags] ADDRESS", Short: "show a service to the browser of this machine",
		Long: `Serve what a service offers over HTTP, on loopback and until interrupted: a page
about it, calls, events and WebSockets. Another machine is reached through a
connection that knows its certificate, which no browser can.

It prints the address to open, with a token in it that is good as long as this
runs. Whoever has that may do what you may; --level makes it less.`,
		Example: "  sabir web lounge\n  sabir web sabir://server --level read\n  sabir web sabir://server --port 7225 --origin http://localhost:5173",
		Args:    takes(1, 1, "one ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.web(c.Context(), args[0], s)
		},
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().StringVar(&s.port, "port", "0", "listen at `PORT` of loopback (default: one that is free)")
	c.Flags().Lookup("port").DefValue = ""
	c.Flags().StringVar(&s.level, "level", "admin", "let it do no more than `LEVEL` read, write or admin")
	s.flags(c)
	suggestLevels(c)
	return c
}

func (a *app) web(ctx context.Context, service string, s showing) error {
	rights, err := rightsOf(s.level, "")
	if err != nil {
		return err
	}
	face, err := s.face()
	if err != nil {
		return err
	}
	log := a.log()
	// The other side knows us by our own credential, or by our user: it need not be told of the browser.
	at, err := transport.Parse(service)
	if err != nil {
		return err
	}
	starting, cancel := a.limited(ctx)
	front, err := hub.NewFront(starting, service, &hub.FrontOptions{NoCaller: true, Dial: a.dialling(log)})
	cancel()
	if err != nil {
		return a.timed(public(service), err)
	}
	defer front.Close()
	dir, err := os.MkdirTemp("", "sabir-web-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := auth.OpenStore(filepath.Join(dir, sabir.CredentialsFile))
	if err != nil {
		return err
	}
	token, secret, err := store.AddToken(auth.NewCredential{Name: "browser", Rights: rights})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	at.Rest = "" // which may have a secret
	var printing error
	err = sabir.ListenAndServe(ctx, "tcp:"+net.JoinHostPort("127.0.0.1", s.port), front, &sabir.ServeOptions{
		Product: "sabir web", Version: version, Log: log, Credentials: store, HTTP: face,
		Ready: func(all []transport.Address) {
			a.say("%s is shown to who opens this:", at)
			if printing = write(a.out, fmt.Appendf(nil, "http://%s/#t=%s.%s\n", all[0].HostPort(), token.ID, secret.Reveal())); printing != nil {
				stop()
			}
		},
	})
	var wrong *transport.AddressError
	switch {
	case printing != nil:
		return printing
	case errors.As(err, &wrong):
		return &usage{"--port " + s.port + ": " + wrong.Reason, ""}
	}
	return served("web", err)
}
