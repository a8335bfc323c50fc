package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

// tries are lines to type into another shell.
const tries = `sabir describe lounge
sabir call lounge.join room=dev name=ann
sabir call lounge.say room=dev name=ann text=hello
sabir get lounge.users room=dev
sabir watch lounge.message room=dev
sabir call lounge.say room=attic name=ann text=hello
`

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "serve a lounge to try things on",
		Long: `Serve the lounge, a service with chat rooms and shared files, until interrupted,
and print lines to try in another shell.`,
		Args: takes(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.demo(c.Context())
		},
	}
}

func (a *app) demo(ctx context.Context) error {
	address, err := transport.Parse(a.addressOf("lounge"))
	if err != nil {
		return err
	}
	ln, err := transport.Listen(address, nil)
	var taken *transport.InUseError
	switch {
	case errors.As(err, &taken):
		return &noAnswer{err}
	case err != nil:
		return err
	}
	log := slog.New(slog.NewTextHandler(a.errout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	l := lounge.New(log)
	defer l.Close()
	a.say("lounge listens on %s; to try in another shell:", ln.Address().Path)
	if err := write(a.out, []byte(tries)); err != nil {
		ln.Close()
		return err
	}
	if err := sabir.Serve(ctx, ln, l.Service(), &sabir.ServeOptions{Product: "sabir demo", Version: version, Log: log}); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}
