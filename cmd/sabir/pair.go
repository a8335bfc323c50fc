package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
	"rsc.io/qr"
)

// pairing is what a pairing URL will open.
type pairing struct {
	level, only, name, host string
}

func (a *app) pairCommand() *cobra.Command {
	var p pairing
	c := &cobra.Command{
		Use: "pair [flags] SERVICE", Short: "let another machine use a service of this one",
		Long: `Print an address with a secret for one other machine, where sabir join takes it.
It works once, within five minutes. The service has to listen over TCP, as
with sabir demo --listen sabir://0.0.0.0, or to have a sabir front.`,
		Example: "  sabir pair lounge --level read",
		Args:    takes(1, 1, "one SERVICE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.pair(c.Context(), args[0], p)
		},
		ValidArgsFunction: a.completeOwn,
	}
	c.Flags().StringVar(&p.level, "level", "write", "what it may do: `LEVEL` read, write or admin")
	c.Flags().StringVar(&p.only, "only", "", "narrow it to members, as in `GLOB`,GLOB: lounge.*,*.status")
	c.Flags().StringVar(&p.name, "name", "", "call it `NAME` (default: what it calls itself)")
	c.Flags().StringVar(&p.host, "host", "", "the `HOST` or HOST:PORT by which it reaches this machine")
	suggestLevels(c)
	return c
}

func (a *app) pair(ctx context.Context, service string, p pairing) error {
	rights, err := rightsOf(p.level, p.only)
	if err != nil {
		return err
	}
	at, err := a.reachable(ctx, service, p.host)
	if err != nil {
		return err
	}
	if _, err := transport.Parse(at.String()); err != nil {
		return &usage{fmt.Sprintf("--host %q: expected HOST or HOST:PORT", p.host), ""}
	}
	if err := fitName(p.name); err != nil {
		return err
	}
	dir, store, err := credentials(service)
	if err != nil {
		return err
	}
	identity, err := transport.OpenIdentity(dir)
	if err != nil {
		return err
	}
	token, secret, err := store.AddOnce(auth.NewCredential{Name: p.name, Rights: rights})
	if err != nil {
		return err
	}
	url := at.WithPairing(transport.Pairing{Pin: identity.Fingerprint(), ID: token.ID, Secret: secret.Reveal()}).String()
	if a.json {
		raw, err := codec.AppendAny(nil, wire.JSON, map[string]any{"url": url, "expires": token.Expires})
		if err != nil {
			return err
		}
		return write(a.out, append(raw, '\n'))
	}
	a.say("good for one machine and five minutes, for level %s; there: sabir join, and paste this", p.level)
	text := url + "\n"
	if a.outTTY {
		if text, err = withCode(url); err != nil {
			return err
		}
	}
	return write(a.out, []byte(text))
}

// fitName refuses a --name that no credential can have. spec [K7]
func fitName(name string) error {
	if len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return &usage{fmt.Sprintf("--name %q: expected 1 to 64 of the characters a-z 0-9 . _ -", name), "--name " + deviceName(name)}
	}
	return nil
}

// rightsOf checks what was asked for before anything is made.
func rightsOf(level, only string) (r auth.Rights, err error) {
	switch sabir.Access(level) {
	case sabir.AccessRead, sabir.AccessWrite, sabir.AccessAdmin:
	default:
		return r, &usage{fmt.Sprintf("--level %s: expected read, write or admin", level), ""}
	}
	r.Level = level
	if only != "" {
		if r.Only, err = auth.ParseGlobs(only); err != nil {
			return r, &usage{fmt.Sprintf("--only %s: %v", only, err), ""}
		}
	}
	return r, nil
}

// credentials opens what a service on this machine knows of its callers.
func credentials(service string) (dir string, store *auth.Store, err error) {
	if err := ofAnother(service); err != nil {
		return "", nil, err
	}
	if dir, err = transport.ServiceDirOf(service); err != nil {
		return "", nil, err
	}
	store, err = auth.OpenStore(filepath.Join(dir, sabir.CredentialsFile))
	return dir, store, err
}

// ofAnother refuses a service of another user, which keeps its credentials with its
// own: those made here would let nobody in. A socket that systemd made may be root's
// and its service ours, which has kept something here then.
func ofAnother(service string) error {
	path, err := transport.ProcessEnv().Lookup(service)
	if err != nil {
		return nil
	}
	if syscall.Access(path, 2) != syscall.EACCES { // 2: to write, which is to connect
		info, err := os.Stat(path)
		if err != nil || os.Getuid() == 0 || isOurs(info) || (transport.Env{}).HasState(service) {
			return nil
		}
	}
	return &failed{what: path, hint: "try as that user, who has its credentials, too", err: errAnothers}
}

func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Getuid()
}

var errAnothers = errors.New("the service is another user's")

// reachable finds where another machine reaches the service.
func (a *app) reachable(ctx context.Context, service, host string) (transport.Address, error) {
	at := transport.Address{Scheme: "sabir", Port: transport.DefaultPort}
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") { // as in an address
		host = strings.TrimSuffix(inner, "]")
	}
	if h, port, err := net.SplitHostPort(host); err == nil {
		at.Host, at.Port = h, port
		return at, nil
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	listen, err := a.listening(ctx, service)
	if len(listen) == 0 {
		if front, frontErr := a.listening(ctx, service+frontSuffix); frontErr == nil {
			listen, err = front, nil
		}
	}
	switch {
	case err != nil:
		return at, a.timed(service, err)
	case len(listen) == 0:
		return at, &usage{service + " does not listen over TCP, so nobody else can reach it",
			"sabir front " + service + " --listen sabir://0.0.0.0 lets the network in"}
	}
	for _, text := range listen {
		if l, err := transport.Parse(text); err == nil {
			at.Host, at.Port = l.Host, l.Port
			break
		}
	}
	if ip := net.ParseIP(at.Host); host != "" {
		at.Host = host
	} else if ip != nil && ip.IsUnspecified() {
		if at.Host, err = os.Hostname(); err != nil {
			return at, &usage{"this machine has no name: --host says how it is reached", ""}
		}
	}
	return at, nil
}

// listening asks a service for its addresses over TCP.
func (a *app) listening(ctx context.Context, service string) ([]string, error) {
	c, err := a.dial(ctx, a.addressOf(service), false)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	info, err := sabir.Do[struct {
		Listen []string `sabir:",optional"`
	}](ctx, c, "rpc.info", nil)
	return info.Listen, err
}

// halves are two squares of a code, upper and lower: what is not black is drawn,
// since most terminals are dark.
var halves = map[[2]bool]string{
	{false, false}: "█", {false, true}: "▀", {true, false}: "▄", {true, true}: " ",
}

// withCode draws a QR code above the text, two rows of it in a line.
func withCode(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	const margin = 2
	var b []byte
	for y := -margin; y < code.Size+margin; y += 2 {
		for x := -margin; x < code.Size+margin; x++ {
			b = append(b, halves[[2]bool{code.Black(x, y), code.Black(x, y+1)}]...)
		}
		b = append(b, '\n')
	}
	return string(b) + text + "\n", nil
}
