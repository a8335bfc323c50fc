package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

const toUse = "offer it at `ADDRESS`, as hub or a daemon that takes plugins, and listen only where --listen says"

// offer has a service offered at an address. Where it listens as well, which it
// tells there, clients may go direct.
func (a *app) offer(ctx context.Context, to, what string, h sabir.Handler, serve *sabir.ServeOptions) error {
	o := &sabir.ExportOptions{
		DialOptions: a.dialling(serve.Log),
		Offered:     func() { a.say("%s is offered to %s", what, public(to)) },
	}
	if len(serve.Listen) == 0 {
		return sabir.Export(ctx, to, h, o)
	}
	first := serve.Listen[0]
	serve.Listen = serve.Listen[1:]
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready, served := make(chan []transport.Address, 1), make(chan error, 1)
	serve.Ready = func(all []transport.Address) { ready <- all }
	go func() {
		defer cancel()
		served <- sabir.ListenAndServe(ctx, first, h, serve)
	}()
	select {
	case err := <-served:
		return err
	case all := <-ready:
		at, err := whereabouts(all, h.(sabir.Describer).Describe()[0].Name)
		if err == nil {
			a.sayListening(all, what)
			o.At = func(string) []string { return at }
			err = sabir.Export(ctx, to, h, o)
		}
		cancel()
		if failed := <-served; err == nil {
			err = failed
		}
		return err
	}
}

func (a *app) sayListening(all []transport.Address, what string) {
	for _, l := range all {
		a.say("%s listens at %s", what, l)
	}
}

// whereabouts are the addresses that clients may be told: with the certificate
// to know the service by, and with a name of this machine where it listens at
// all of its addresses.
func whereabouts(all []transport.Address, service string) (at []string, err error) {
	for _, l := range all {
		switch l.Scheme {
		case "unix":
			at = append(at, l.String())
		case "sabir":
			if ip := net.ParseIP(l.Host); ip != nil && ip.IsUnspecified() {
				if l.Host, err = os.Hostname(); err != nil {
					return nil, fmt.Errorf("this machine has no name to be reached by: %w", err)
				}
			}
			dir, err := (transport.Env{}).ServiceDir(service)
			if err != nil {
				return nil, err
			}
			identity, err := transport.OpenIdentity(dir)
			if err != nil {
				return nil, err
			}
			at = append(at, l.WithPairing(transport.Pairing{Pin: identity.Fingerprint()}).String())
		}
	}
	return at, nil
}
