package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode"

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

// curl is one more, for a program that knows nothing of us.
func curl(socket string) string {
	if socket == "" { // only TCP, which is said elsewhere
		return ""
	}
	return fmt.Sprintf("curl --unix-socket %s http://lounge/lounge.status\n", shellWord(socket))
}

// shellWord is a path for who copies it.
func shellWord(path string) string {
	if strings.Trim(path, "/") != "" && !strings.ContainsFunc(path, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+@", r)
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func (a *app) demoCommand() *cobra.Command {
	var listen []string
	var to string
	var f facing
	c := &cobra.Command{
		Use: "demo [flags]", Short: "serve a lounge to try things on",
		Long: `Serve the lounge, a service with chat rooms and shared files, until interrupted,
and print lines to try in another shell.`,
		Args: takes(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.demo(c.Context(), listen, to, f)
		},
	}
	c.Flags().StringArrayVar(&listen, "listen", nil, "listen at `ADDRESS` too, as sabir://0.0.0.0 or tcp:localhost:7224")
	c.Flags().StringVar(&to, "to", "", toUse)
	f.flags(c)
	return c
}

func (a *app) demo(ctx context.Context, listen []string, to string, f facing) error {
	face, err := f.face()
	if err != nil {
		return err
	}
	log := a.log()
	// What the lounge tells of itself would stand between the lines that are tried on it.
	l := lounge.New(slog.New(slog.NewTextHandler(a.errout, &slog.HandlerOptions{Level: slog.LevelWarn})))
	defer l.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o := &sabir.ServeOptions{Product: "sabir demo", Version: version, Log: log, Listen: listen, Exports: l.Exports(), HTTP: face}
	if to != "" {
		return a.offer(ctx, to, "the lounge", l.Service(), o)
	}
	var printing error
	o.Ready = func(all []transport.Address) {
		a.say("lounge listens on %s; to try in another shell:", all[0].Path)
		for _, at := range all[1:] {
			a.say("and at %s, for those who are let in by: sabir pair lounge", at)
		}
		a.sayPages(all, "lounge")
		if printing = write(a.out, []byte(tries+curl(all[0].Path))); printing != nil {
			cancel()
		}
	}
	err = sabir.ListenAndServe(ctx, a.addressOf("lounge"), l.Service(), o)
	if printing != nil {
		return printing
	}
	return served("demo", err)
}
