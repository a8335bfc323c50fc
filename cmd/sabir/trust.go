package main

import (
	"path/filepath"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

func (a *app) trustCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "trust COMMAND", Short: "list, forget and accept the servers that are known here",
		Long: "The servers that this user knows, each by the SHA-256 of its certificate.",
	}
	accept := &cobra.Command{
		Use: "accept HOST:PORT FINGERPRINT", Short: "know a server by another certificate from now on",
		Args: takes(2, 2, "a HOST:PORT and a FINGERPRINT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.trust(args[0], args[1])
		},
		ValidArgsFunction: completeKnown,
	}
	accept.Flags().SetInterspersed(false) // one fingerprint of 64 begins with a -
	c.AddCommand(accept, &cobra.Command{
		Use: "ls", Short: "list the known servers", Args: takes(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.trusted() },
	}, &cobra.Command{
		Use: "forget HOST:PORT", Short: "forget a server", Args: takes(1, 1, "one HOST:PORT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.distrust(args[0])
		},
		ValidArgsFunction: completeKnown,
	})
	return c
}

// trustType lets -o tell a field that is not there from one that never is.
var trustType = typeOf("server", "fingerprint")

func knownHosts() (*transport.KnownHosts, error) {
	dir, err := (transport.Env{}).ClientDir()
	if err != nil {
		return nil, err
	}
	return &transport.KnownHosts{Path: filepath.Join(dir, sabir.KnownHostsFile)}, nil
}

func (a *app) trusted() error {
	known, err := knownHosts()
	if err != nil {
		return err
	}
	all, err := known.All()
	if err != nil {
		return err
	}
	p, err := a.printer(nil)
	if err != nil {
		return err
	}
	for _, h := range all {
		if a.json || !a.outTTY || len(p.picks) > 0 {
			err = p.object(map[string]any{"server": h.HostPort, "fingerprint": h.Pin.String()}, &trustType)
		} else {
			err = write(a.out, []byte(h.HostPort+"  "+h.Pin.String()+"\n"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) distrust(hostPort string) error {
	known, err := knownHosts()
	if err != nil {
		return err
	}
	was, err := known.Forget(hostPort)
	if err == nil && !was {
		return &usage{hostPort + " is not known", "sabir trust ls lists those that are"}
	}
	return err
}

func (a *app) trust(hostPort, text string) error {
	pin, err := transport.ParseFingerprint(text)
	if err != nil {
		return &usage{err.Error(), ""}
	}
	known, err := knownHosts()
	if err != nil {
		return err
	}
	return known.Accept(hostPort, pin)
}
