package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

// Limits of ls: a socket whose owner hangs must not hang the list.
const (
	lsPatience = time.Second
	lsAtOnce   = 32

	// farPatience is for an address elsewhere: a name is looked up, TLS and a
	// login are made, a program is started there.
	farPatience = 10 * time.Second
)

func (a *app) lsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "list the services that are here",
		Long: `List the sockets that are here with the services behind each, their version and
what they say of themselves. With -a, those at that address. What a hub offers
at a socket of its own name is listed there alone.

In a pipe each line is an object: service, version, doc, address, path, and for
a socket that does not answer error in place of the first three.`,
		Example: `  sabir ls
  sabir ls -o service -o address`,
		Args: takes(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := parsePicks(a.picks); err != nil {
				return err
			}
			return a.ls(c.Context())
		},
	}
}

// found is a socket and what was learnt there.
type found struct {
	address, path string
	services      []offered
	own           map[string]string // sockets that a hub here made for services, by their names
	fault         string
}

type offered struct {
	Name    string
	Version string
	Doc     string `sabir:",optional"`
}

// listed is a line of ls in JSON: a service, or a socket without one.
type listed struct {
	Service string `sabir:",optional"`
	Version string `sabir:",optional"`
	Doc     string `sabir:",optional"`
	Address string
	Path    string `sabir:",optional"`
	Error   string `sabir:",optional"`
}

func (a *app) ls(ctx context.Context) error {
	if address := a.addressOf(""); address != "" {
		return a.lsOne(ctx, address)
	}
	env := transport.ProcessEnv()
	sockets, err := env.Sockets()
	if err != nil {
		return err
	}
	if len(sockets) == 0 {
		dirs, err := env.Dirs()
		if err != nil {
			return err
		}
		a.say("no sockets in %s", strings.Join(dirs, " or "))
		return nil
	}
	all := make([]found, len(sockets))
	free := make(chan struct{}, lsAtOnce)
	var asking sync.WaitGroup
	for i, entry := range sockets {
		free <- struct{}{}
		asking.Go(func() {
			defer func() { <-free }()
			f, err := a.ask(ctx, transport.Address{Scheme: "unix", Path: entry.Path}.String())
			if f.address, f.path = entry.Name, strings.ToValidUTF8(entry.Path, "\uFFFD"); err != nil {
				f.fault = whyNot(err)
			}
			all[i] = f
		})
	}
	asking.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return a.printFound(once(all))
}

// once leaves out at a hub what is found at the socket that it made for it: that
// is one service, and calls by its name go there.
func once(all []found) []found {
	var left []found
	for _, f := range all {
		n := len(f.services)
		f.services = slices.DeleteFunc(f.services, func(s offered) bool {
			return slices.ContainsFunc(all, func(other found) bool {
				return other.path == f.own[s.Name] && other.path != f.path && other.offers(s.Name)
			})
		})
		if n == 0 || len(f.services) > 0 {
			left = append(left, f)
		}
	}
	return left
}

func (f *found) offers(service string) bool {
	return slices.ContainsFunc(f.services, func(s offered) bool { return s.Name == service })
}

// lsOne lists what is at one address, which had better answer.
func (a *app) lsOne(ctx context.Context, address string) error {
	f, err := a.ask(ctx, address)
	address = public(address)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &tooLate{address, a.patience(address)}
	case err != nil:
		return regarding(address, silent(address, err))
	}
	f.address = address
	return a.printFound([]found{f})
}

// ask asks whoever is at an address what is there.
func (a *app) ask(ctx context.Context, address string) (f found, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.patience(address))
	defer cancel()
	client, err := a.dial(ctx, address, false)
	if err != nil {
		return f, err
	}
	defer client.Close()
	info, err := sabir.Do[struct{ Services []offered }](ctx, client, "rpc.info", nil)
	if f.services = info.Services; err != nil || !f.offers(hub.Name) {
		return f, err
	}
	// Who may not read at the hub sees twice what is there: better than to miss it.
	rows, _ := sabir.Do[[]sabir.Row[struct{ Socket *string }]](ctx, client, hub.Name+".services", nil)
	f.own = make(map[string]string)
	for _, row := range rows {
		if row.Value.Socket != nil {
			f.own[row.Key] = *row.Value.Socket
		}
	}
	return f, nil
}

func (a *app) patience(address string) time.Duration {
	if a.timeout > 0 {
		return a.timeout
	}
	if at, err := transport.Parse(address); err == nil && at.Scheme != "name" && at.Scheme != "unix" {
		return farPatience
	}
	return lsPatience
}

// whyNot is an error without the address, which stands beside it.
func whyNot(err error) string {
	var answer *sabir.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &answer):
		return answer.Error()
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return "no answer: " + text
}

func (a *app) printFound(all []found) error {
	p, err := a.printer(nil)
	if err != nil {
		return err
	}
	if a.outTTY && !a.json && len(p.picks) == 0 {
		var out []byte
		for _, line := range columns(foundRows(all)) {
			out = append(append(out, line...), '\n')
		}
		return write(a.out, out)
	}
	for _, line := range foundLines(all) {
		if err := p.object(&line, &listedType); err != nil {
			return err
		}
	}
	return nil
}

// listedType lets -o tell a field that is not there from one that never is.
var listedType = typeOf("service", "version", "doc", "address", "path", "error")

// foundLines are lines for a program.
func foundLines(all []found) (lines []listed) {
	for _, f := range all {
		if len(f.services) == 0 {
			lines = append(lines, listed{Address: f.address, Path: f.path, Error: f.fault})
		}
		for _, s := range f.services {
			lines = append(lines, listed{s.Name, s.Version, s.Doc, f.address, f.path, f.fault})
		}
	}
	return lines
}

// foundRows are lines for a person: socket, service and version, doc.
func foundRows(all []found) (rows [][]string) {
	for _, f := range all {
		name := escape(f.address, false)
		if f.fault != "" {
			rows = append(rows, []string{name, escape(f.fault, false)})
			continue
		}
		if len(f.services) == 0 {
			rows = append(rows, []string{name, "no services"})
		}
		for _, s := range f.services {
			rows = append(rows, []string{name, escape(s.Name+" "+s.Version, false), escape(s.Doc, false)})
		}
	}
	return rows
}
