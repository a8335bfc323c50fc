package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

func (a *app) rotateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rotate SERVICE", Short: "have a service use its next certificate",
		Long: `Make the next certificate of a service the present one, and another one the next.
It counts from the next start of the service, and is printed by its fingerprint.

Clients that have been there since the last time, or for the first time, know it
and go on; others stop, and ask whether it was you. Who could read identity.pem
has both keys: there only a new file helps, and telling every client.`,
		Args: takes(1, 1, "a SERVICE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.rotate(c.Context(), args[0])
		},
		ValidArgsFunction: a.completeOwn,
	}
}

func (a *app) rotate(ctx context.Context, service string) error {
	dir, _, err := credentials(service)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, transport.IdentityFile)); errors.Is(err, fs.ErrNotExist) {
		return &usage{service + " has no certificate yet", "it makes one when it first listens on the network"}
	}
	id, err := transport.OpenIdentity(dir)
	if err != nil {
		return err
	}
	if a.nextOf(ctx, service) == id.Fingerprint().String() {
		return &usage{service + " has not been started since the last time", "start it again, and let clients come, before the next change"}
	}
	if id, err = transport.RotateIdentity(dir); err != nil {
		return err
	}
	a.say("%s has this certificate from its next start on", service)
	if a.json {
		raw, err := codec.AppendAny(nil, wire.JSON, map[string]any{"fingerprint": id.Fingerprint().String(), "next": id.Next().String()})
		if err != nil {
			return err
		}
		return write(a.out, append(raw, '\n'))
	}
	return write(a.out, []byte(id.Fingerprint().String()+"\n"))
}

// nextOf is the next certificate as the running service tells it: a second change
// before clients have heard of the first would lock out all of them. Empty: nobody
// says so.
func (a *app) nextOf(ctx context.Context, service string) string {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	c, err := a.dial(ctx, service, false)
	if err != nil {
		return ""
	}
	defer c.Close()
	info, _ := sabir.Do[struct {
		Next string `sabir:",optional"`
	}](ctx, c, "rpc.info", nil)
	return info.Next
}
