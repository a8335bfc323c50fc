package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

func (a *app) joinCommand() *cobra.Command {
	file, name := "", ""
	c := &cobra.Command{
		Use: "join [flags] [URL | -]", Short: "become known to a service of another machine",
		Long: `Trade the address that sabir pair printed for a credential of this machine's own,
and remember both. Without a URL it is asked for; - reads it from stdin, and
$SABIR_URL is taken too. On the command line other users of this machine can
see it while the command runs.

A service behind a proxy cannot trade. There the address is that of the proxy with
a token that sabir token new has made, which is tried and remembered as it is:
wss://lounge.example/#t=TOKEN.`,
		Args: takes(0, 1, "one URL"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			url, err := a.pairingURL(args, file)
			if err != nil {
				return err
			}
			return a.join(c.Context(), url, name)
		},
	}
	c.Flags().StringVar(&file, "file", "", "read the URL from `FILE`")
	c.Flags().StringVar(&name, "name", "", "call this machine `NAME` (default: its host name)")
	return c
}

// pairingURL finds the URL, in the order of what was said most plainly.
func (a *app) pairingURL(args []string, file string) (string, error) {
	switch {
	case len(args) == 1 && args[0] != "-":
		return args[0], nil
	case file != "":
		text, err := os.ReadFile(file)
		return strings.TrimSpace(string(text)), err
	case len(args) == 0 && a.getenv("SABIR_URL") != "":
		return a.getenv("SABIR_URL"), nil
	case len(args) == 0:
		fmt.Fprint(a.errout, "sabir: what sabir pair printed on the other machine, or wss://HOST/#t=TOKEN: ")
	}
	line, err := bufio.NewReader(io.LimitReader(a.in, 4<<10)).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		if len(args) == 0 { // the question has no line of its own
			fmt.Fprintln(a.errout)
		}
		return "", &usage{"no URL", "sabir pair SERVICE prints one, on the machine of the service"}
	}
	if err != nil && err != io.EOF {
		return "", err
	}
	return line, nil
}

func (a *app) join(ctx context.Context, url, name string) error {
	address, err := transport.Parse(url)
	if err != nil {
		return err
	}
	p, err := address.Pairing()
	if err != nil {
		return err
	}
	if address.Web() && p.ID != "" {
		if name != "" {
			return &usage{"--name " + name + ": a token has its name already", "on the server: sabir token new SERVICE --name " + name}
		}
		return a.joinWeb(ctx, address, p)
	}
	if address.Scheme != "sabir" || p.ID == "" {
		return &usage{"that is no address from sabir pair: it is sabir://HOST:PORT/#fp=…&t=…, or wss://HOST/#t=TOKEN where the token is of sabir token new", ""}
	}
	if err := fitName(name); err != nil {
		return err
	}
	if name == "" {
		host, _ := os.Hostname()
		name = deviceName(host)
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	c, err := a.dial(ctx, url, false)
	if err != nil {
		return a.timed(address.HostPort(), err)
	}
	defer c.Close()
	got, err := sabir.Do[struct{ ID, Secret, Name, Level string }](ctx, c, "rpc.pair", map[string]any{"name": name})
	if err != nil {
		return a.timed(address.HostPort(), err)
	}
	if err := putSecret(address, got.ID, got.Secret); err != nil {
		return err
	}
	a.say("%s knows this machine as %s, with level %s", address.HostPort(), got.Name, got.Level)
	bare := transport.Address{Scheme: "sabir", Host: address.Host, Port: address.Port}.String()
	mine, err := a.dial(ctx, bare, false)
	if err != nil {
		return a.timed(bare, err)
	}
	defer mine.Close()
	info, err := sabir.Do[inside](ctx, mine, "rpc.info", nil)
	if err != nil {
		return a.timed(bare, err)
	}
	a.suggest(bare, info)
	return nil
}

// inside is what rpc.info says to who has come in.
type inside struct {
	You      struct{ Name, Level string }
	Services []struct{ Name string }
}

func (a *app) suggest(address string, info inside) {
	for _, s := range info.Services {
		a.say("try: sabir -a %s describe %s", address, s.Name)
	}
}

// joinWeb remembers a token, and the certificate that came with it, once they have proved good.
func (a *app) joinWeb(ctx context.Context, address transport.Address, p transport.Pairing) error {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	c, err := a.dial(ctx, address.String(), false)
	if err != nil {
		return a.timed(address.HostPort(), err)
	}
	defer c.Close()
	info, err := sabir.Do[inside](ctx, c, "rpc.info", nil)
	if err != nil {
		return a.timed(address.HostPort(), err)
	}
	if p.Pin != (transport.Fingerprint{}) {
		known, err := knownHosts()
		if err != nil {
			return err
		}
		if err := known.Accept(address.HostPort(), p.Pin); err != nil {
			return err
		}
	}
	if err := putSecret(address, p.ID, p.Secret); err != nil {
		return err
	}
	a.say("%s knows this machine as %s, with level %s", address.HostPort(), info.You.Name, info.You.Level)
	address.Rest = ""
	a.suggest(address.String(), info)
	return nil
}

func putSecret(address transport.Address, id, secret string) error {
	dir, err := (transport.Env{}).ClientDir()
	if err != nil {
		return err
	}
	wallet := auth.Wallet{Path: filepath.Join(dir, sabir.SecretsFile)}
	return wallet.Put(address.HostPort(), id, auth.KnownSecret(secret))
}

// deviceName makes a name as credentials have it of a host's. spec [K7]
func deviceName(host string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return -1
	}, strings.ToLower(host))
	if name == "" {
		return "somebody"
	}
	return name[:min(len(name), 60)]
}
