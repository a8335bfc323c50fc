package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

func (a *app) tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "token COMMAND", Short: "list, make and revoke the credentials of a service",
		Long: "The credentials by which others reach a service of this machine over TCP.",
	}
	var p pairing
	fresh := &cobra.Command{
		Use: "new [flags] SERVICE", Short: "make a credential and print its ID and secret, once",
		Args: takes(1, 1, "one SERVICE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.newToken(args[0], p)
		},
		ValidArgsFunction: a.completeOwn,
	}
	fresh.Flags().StringVar(&p.level, "level", "write", "what it may do: `LEVEL` read, write or admin")
	fresh.Flags().StringVar(&p.only, "only", "", "narrow it to members, as in `GLOB`,GLOB: lounge.*,*.status")
	suggestLevels(fresh)
	fresh.Flags().StringVar(&p.name, "name", "token", "call it `NAME`")
	c.AddCommand(&cobra.Command{
		Use: "ls SERVICE", Short: "list the credentials of a service",
		Args:              takes(1, 1, "one SERVICE"),
		RunE:              func(_ *cobra.Command, args []string) error { return a.tokens(args[0]) },
		ValidArgsFunction: a.completeOwn,
	}, fresh, &cobra.Command{
		Use: "revoke SERVICE ID", Short: "end a credential and the connections that came in by it",
		Args: takes(2, 2, "a SERVICE and an ID"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.revoke(args[0], args[1])
		},
		ValidArgsFunction: a.completeOwn,
	})
	return c
}

// tokenLine is a credential as it is listed.
type tokenLine struct {
	ID      string
	Name    string
	Kind    string
	Level   string
	Only    []string `sabir:",optional"`
	Used    *time.Time
	Expires *time.Time
}

// tokenType lets -o tell a field that is not there from one that never is.
var tokenType = typeOf("id", "name", "kind", "level", "only", "used", "expires")

func lineOf(c auth.Credential) tokenLine {
	l := tokenLine{ID: c.ID, Name: c.Name, Kind: string(c.Kind), Level: c.Level}
	for _, g := range c.Only {
		l.Only = append(l.Only, string(g))
	}
	if !c.Used.IsZero() {
		l.Used = &c.Used
	}
	if !c.Expires.IsZero() {
		l.Expires = &c.Expires
	}
	return l
}

func (a *app) tokens(service string) error {
	_, store, err := credentials(service)
	if err != nil {
		return err
	}
	all, err := store.All()
	if err != nil {
		return err
	}
	p, err := a.printer(nil)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		a.say("nobody has a credential for %s", service)
		a.sayAbsent(service)
	}
	lines := a.json || !a.outTTY || len(p.picks) > 0
	rows := [][]string{{"ID", "NAME", "KIND", "LEVEL", "USED"}}
	for _, c := range all {
		l := lineOf(c)
		if lines {
			if err := p.object(&l, &tokenType); err != nil {
				return err
			}
			continue
		}
		used := "never"
		if l.Used != nil {
			used = l.Used.Local().Format(time.DateTime)
		}
		rows = append(rows, []string{l.ID, l.Name, l.Kind, l.Level, used})
	}
	if lines {
		return nil
	}
	for _, line := range columns(rows) {
		if err := write(a.out, []byte(line+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// sayAbsent tells that a service is not here: credentials may be made before it
// is started, or for a name that was mistyped.
func (a *app) sayAbsent(service string) {
	if !isSocket(service) {
		a.say("no service %s is here now", service)
	}
}

func (a *app) printJSON(x any) error {
	raw, err := codec.AppendAny(nil, wire.JSON, x)
	if err != nil {
		return err
	}
	return write(a.out, append(raw, '\n'))
}

func (a *app) newToken(service string, p pairing) error {
	rights, err := rightsOf(p.level, p.only)
	if err != nil {
		return err
	}
	_, store, err := credentials(service)
	if err != nil {
		return err
	}
	if err := fitName(p.name); err != nil {
		return err
	}
	c, secret, err := store.AddToken(auth.NewCredential{Name: p.name, Rights: rights})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"id": c.ID, "name": c.Name, "secret": secret.Reveal()})
	}
	a.sayAbsent(service)
	a.say("%s, with level %s; nobody can be told again:", c.Name, c.Level)
	return write(a.out, fmt.Appendf(nil, "%s.%s\n", c.ID, secret.Reveal()))
}

func (a *app) revoke(service, id string) error {
	_, store, err := credentials(service)
	if err != nil {
		return err
	}
	err = store.Revoke(id)
	if errors.Is(err, auth.ErrNoCredential) {
		return &failed{what: id, hint: "sabir token ls " + service + " lists those that are, by their ID", err: auth.ErrNoCredential}
	}
	if err != nil {
		return err
	}
	a.say("%s is revoked", id)
	return nil
}
