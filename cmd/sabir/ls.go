package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

// Limits of ls: a socket whose owner hangs must not hang the list.
const (
	lsPatience = time.Second
	lsAtOnce   = 32
)

func (a *app) lsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "list the services that are here",
		Long: `List the sockets that are here with the services behind each, their version and
what they say of themselves. With -a, those at that address.`,
		Args: takes(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.ls(c.Context())
		},
	}
}

// found is a socket and what was learnt there.
type found struct {
	Socket   string    `sabir:",optional"`
	Path     string    `sabir:",optional"`
	Services []offered `sabir:",optional"`
	Error    string    `sabir:",optional"`
}

type offered struct {
	Name    string
	Version string
	Doc     string `sabir:",optional"`
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
			f := found{Socket: entry.Name, Path: entry.Path}
			services, err := a.ask(ctx, transport.Address{Scheme: "unix", Path: entry.Path}.String())
			if f.Services = services; err != nil {
				f.Error = whyNot(err)
			}
			all[i] = f
		})
	}
	asking.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return a.printFound(all)
}

// lsOne lists what is at one address, which had better answer.
func (a *app) lsOne(ctx context.Context, address string) error {
	services, err := a.ask(ctx, address)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &tooLate{address, a.patience()}
	case err != nil:
		return regarding(address, err)
	}
	return a.printFound([]found{{Socket: address, Services: services}})
}

// ask asks whoever is at an address what is there.
func (a *app) ask(ctx context.Context, address string) ([]offered, error) {
	ctx, cancel := context.WithTimeout(ctx, a.patience())
	defer cancel()
	client, err := a.dial(ctx, address, false)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	info, err := sabir.Do[struct{ Services []offered }](ctx, client, "rpc.info", nil)
	return info.Services, err
}

func (a *app) patience() time.Duration {
	if a.timeout > 0 {
		return a.timeout
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
	var out []byte
	if a.json {
		for _, f := range all {
			raw, err := codec.AppendAny(nil, wire.JSON, &f)
			if err != nil {
				return err
			}
			if a.outTTY {
				raw = appendSafe(nil, raw)
			}
			out = append(append(out, raw...), '\n')
		}
		return write(a.out, out)
	}
	for _, line := range columns(foundRows(all)) {
		out = append(append(out, line...), '\n')
	}
	return write(a.out, out)
}

// foundRows are lines for a person: socket, service and version, doc.
func foundRows(all []found) (rows [][]string) {
	for _, f := range all {
		name := escape(f.Socket, false)
		if f.Error != "" {
			rows = append(rows, []string{name, escape(f.Error, false)})
			continue
		}
		if len(f.Services) == 0 {
			rows = append(rows, []string{name, "no services"})
		}
		for _, s := range f.Services {
			rows = append(rows, []string{name, escape(s.Name+" "+s.Version, false), escape(s.Doc, false)})
		}
	}
	return rows
}
