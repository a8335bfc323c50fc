package main

import (
	"errors"
	"fmt"

	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/web"
	"github.com/spf13/cobra"
)

// facing is how a command that listens answers curl and browsers, on the ports
// that it has.
type facing struct {
	origins, hosts []string
}

func (f *facing) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.origins, "origin", nil, "let pages that come from `URL` call, as http://localhost:5173")
	c.Flags().StringArrayVar(&f.hosts, "host", nil, "a `NAME` by which browsers reach it, besides localhost and addresses")
}

func (f *facing) face() (*web.Face, error) {
	face, err := web.New(&web.Options{Origins: f.origins, Hosts: f.hosts})
	var wrong *web.OptionError
	if errors.As(err, &wrong) {
		return nil, &usage{fmt.Sprintf("--%s %s: %s", wrong.Option, wrong.Value, wrong.Reason), ""}
	}
	return face, err
}

// sayPages tells where a browser finds what listens without TLS. Others cannot
// pin its certificate: sabir web can.
func (a *app) sayPages(all []transport.Address, service string) {
	for _, at := range all {
		if at.Scheme == "tcp" {
			a.say("for browsers and curl http://%s, with what prints: sabir token new %s", at.HostPort(), service)
		}
	}
}
