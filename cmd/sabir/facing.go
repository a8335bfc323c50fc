package main

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/web"
	"github.com/spf13/cobra"
)

// facing is how a command that listens answers curl and browsers, on the ports
// that it has.
type facing struct {
	origins, hosts, proxies []string
}

func (f *facing) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.origins, "origin", nil, "let pages that come from `URL` call, as http://localhost:5173")
	c.Flags().StringArrayVar(&f.hosts, "host", nil, "a `NAME` by which browsers reach it, besides localhost and addresses")
	c.Flags().StringArrayVar(&f.proxies, "trust-proxy", nil, "believe what proxies at `ADDRESSES` say in X-Forwarded-For, as 10.0.0.7 or 10.0.0.0/24")
}

func (f *facing) face() (*web.Face, error) {
	opts := &web.Options{Origins: f.origins, Hosts: f.hosts}
	for _, text := range f.proxies {
		proxies, err := netip.ParsePrefix(text)
		if one, bad := netip.ParseAddr(text); bad == nil {
			proxies, err = one.Prefix(one.BitLen())
		}
		if err != nil {
			return nil, &usage{fmt.Sprintf("--trust-proxy %s: expected an address, as 10.0.0.7, or a prefix of them, as 10.0.0.0/24", text), ""}
		}
		opts.Proxies = append(opts.Proxies, proxies)
	}
	face, err := web.New(opts)
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
