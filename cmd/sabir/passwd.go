package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (a *app) passwdCommand() *cobra.Command {
	var p pairing
	c := &cobra.Command{
		Use: "passwd [flags] SERVICE NAME", Short: "give a person a password for a service",
		Long: `Ask for a password, twice, or read it from stdin in a pipe. For machines sabir pair
is better.

A program that asks the person takes name and password as the secret of the
connection; sabir takes them from $SABIR_ADDRESS, as sabir://HOST/#t=NAME.PASSWORD.`,
		Example: "  sabir passwd lounge ann --level read",
		Args:    takes(2, 2, "a SERVICE and a NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.passwd(c.Context(), args[0], args[1], p)
		},
		ValidArgsFunction: a.completeOwn,
	}
	c.Flags().StringVar(&p.level, "level", "write", "what the person may do: `LEVEL` read, write or admin")
	c.Flags().StringVar(&p.only, "only", "", "narrow it to members, as in `GLOB`,GLOB: lounge.*,*.status")
	suggestLevels(c)
	return c
}

func (a *app) passwd(ctx context.Context, service, name string, p pairing) error {
	rights, err := rightsOf(p.level, p.only)
	if err != nil {
		return err
	}
	_, store, err := credentials(service)
	if err != nil {
		return err
	}
	text, err := a.askPassword(ctx, name)
	if err != nil {
		return err
	}
	password, err := auth.NewPassword(text)
	if err == nil {
		_, err = store.SetPassword(password, auth.NewCredential{Name: name, Rights: rights})
	}
	if errors.Is(err, auth.ErrPassword) || errors.Is(err, auth.ErrName) {
		return &usage{err.Error(), ""}
	}
	if err == nil {
		a.say("%s has a password for %s, with level %s", name, service, p.level)
		if _, err := transport.Parse("sabir://host/#t=" + name + "." + text); err != nil {
			a.say("a program can show it, and sabir cannot: blanks, # and & have no place in an address")
		}
		a.sayAbsent(service)
	}
	return err
}

func (a *app) askPassword(ctx context.Context, name string) (string, error) {
	in, ok := a.in.(*inlet)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(a.in, 4<<10)).ReadString('\n')
		if err == io.EOF {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	}
	var said [2]string
	for i, prompt := range []string{"password of " + name + ": ", "again: "} {
		fmt.Fprintf(a.errout, "sabir: %s", prompt)
		text, err := in.readPassword(ctx)
		fmt.Fprintln(a.errout)
		if err != nil {
			return "", err
		}
		said[i] = text
	}
	if said[0] != said[1] {
		return "", &usage{"those are two", ""}
	}
	return said[0], nil
}

// readPassword reads a line that the terminal does not show. However it ends, the
// terminal shows the next.
func (i *inlet) readPassword(ctx context.Context) (text string, err error) {
	before, err := term.GetState(int(i.Fd()))
	if err != nil {
		return "", err
	}
	var line []byte
	if !within(ctx, func() { line, err = term.ReadPassword(int(i.Fd())) }) {
		term.Restore(int(i.Fd()), before)
		return "", context.Cause(ctx)
	}
	return string(line), err
}
