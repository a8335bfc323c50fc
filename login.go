package sabir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// The way in over TCP, from the client's side. spec/security.md

const (
	// KnownHostsFile and SecretsFile are in Env.ClientDir: the servers that a
	// client knows, and what it says to them.
	KnownHostsFile = "known_hosts"
	SecretsFile    = "secrets"
	// loginTime is what a server has for its side of the exchange.
	loginTime = 10 * time.Second
)

// SecretError says that there is nothing to say to a server that asks who we are.
type SecretError struct {
	HostPort string
	Web      string // the address, if it is a ws:, wss:, http: or https: one
}

func (e *SecretError) Error() string {
	return e.HostPort + ": no credential for this server"
}

// Hint is how to get one.
func (e *SecretError) Hint() string {
	if e.Web != "" {
		return "on the server: sabir token new SERVICE; then here: sabir join " + e.Web + "#t=TOKEN"
	}
	return "on the server: sabir pair SERVICE; then here: sabir join URL"
}

// Connect dials an address and, over TCP, proves who we are and has the server
// prove itself. Nothing of what follows has been sent or read: it is for
// programs that speak the protocol themselves, in the encoding of opts, of which
// the magic has been sent. spec [K9], [K17]
//
// Besides those of transport.Dial and transport.DialTCP errors are
// *SecretError, *UpgradeError, auth.ErrServer and an *Error, mostly rpc.Denied.
func Connect(ctx context.Context, address transport.Address, opts *DialOptions) (*transport.Conn, error) {
	var o DialOptions
	if opts != nil {
		o = *opts
	}
	if address.Web() {
		return o.connectWeb(ctx, address)
	}
	if address.Scheme != "tcp" && address.Scheme != "sabir" {
		t, err := transport.Dial(ctx, address, &transport.DialOptions{Env: o.Env, Stderr: o.Stderr})
		if err != nil || !o.CBOR {
			return t, err
		}
		if _, err := t.Write(wire.Magic[:]); err != nil {
			t.Close()
			return nil, err
		}
		return t, nil
	}
	known, err := o.knownHostsFor(address)
	if err != nil {
		return nil, err
	}
	inTime, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	t, err := transport.DialTCP(inTime, address, &transport.TCPDialOptions{
		KnownHosts: known, Certificate: o.Certificate, PlainBeyondLoopback: o.PlainBeyondLoopback,
	})
	if err == nil {
		if err = o.login(inTime, t, address); err != nil {
			t.Close()
		}
	}
	switch {
	case err != nil && late(ctx):
		return nil, cmp.Or(ctx.Err(), context.DeadlineExceeded)
	case err != nil && late(inTime):
		return nil, fmt.Errorf("%s: no answer within %v", address.HostPort(), loginTime)
	case err != nil:
		return nil, err
	}
	if shown, ok := t.Shown(); ok && o.Certificate == nil && known != nil {
		if err := o.entered(shown, known.Meet(shown)); err != nil {
			t.Close()
			return nil, err
		}
	}
	return t, nil
}

// entered judges what came of entering a server in the file of known hosts, which
// has to be only where it is met for the first time: [K17]. Else the file says, or
// the address does, whom to believe next time as well, and a program may have no
// place for files, or a full disk.
func (o *DialOptions) entered(shown transport.Shown, err error) error {
	var other *transport.CertificateError
	switch {
	case err == nil || errors.As(err, &other):
		return err
	case shown.By == transport.ByNothing:
		return fmt.Errorf("%s has proved who it is, and cannot be remembered: %w; in an address with #fp=%v it need not be", shown.HostPort, err, shown.Fingerprint)
	case shown.By != transport.ByAddress:
		log := o.Log
		if log == nil {
			log = slog.Default()
		}
		log.Warn("sabir: what a server says of its certificates cannot be remembered", "server", shown.HostPort, "err", err)
	}
	return nil
}

func (o *DialOptions) knownHosts() (*transport.KnownHosts, error) {
	if o.KnownHosts != nil {
		return o.KnownHosts, nil
	}
	dir, err := o.Env.ClientDir()
	if err != nil {
		return nil, err
	}
	return &transport.KnownHosts{Path: filepath.Join(dir, KnownHostsFile)}, nil
}

// knownHostsFor is the file, nil where there is no place for one and the address
// says whom to believe.
func (o *DialOptions) knownHostsFor(address transport.Address) (*transport.KnownHosts, error) {
	known, err := o.knownHosts()
	if pairing, fault := address.Pairing(); err != nil && fault == nil && pairing.Pin != (transport.Fingerprint{}) {
		return nil, nil
	}
	return known, err
}

// secret finds what to say: from the address, from the program, from the file.
func (o *DialOptions) secret(address transport.Address) (id string, secret auth.Secret, err error) {
	p, err := address.Pairing()
	if err != nil {
		return "", secret, err
	}
	if p.ID != "" {
		return p.ID, auth.KnownSecret(p.Secret), nil
	}
	if o.Secret != nil {
		return o.Secret(address.HostPort())
	}
	dir, err := o.Env.ClientDir()
	if err != nil {
		return "", secret, err
	}
	wallet := auth.Wallet{Path: filepath.Join(dir, SecretsFile)}
	id, secret, ok, err := wallet.Lookup(address.HostPort())
	if err == nil && !ok {
		err = &SecretError{HostPort: address.HostPort(), Web: webAddress(address)}
	}
	return id, secret, err
}

// login is the exchange. Bytes are read one at a time, so that none of what
// follows is taken; over TLS they are buffered below.
func (o *DialOptions) login(ctx context.Context, t *transport.Conn, address transport.Address) error {
	enc := wire.JSON
	if o.CBOR {
		enc = wire.CBOR
		if _, err := t.Write(wire.Magic[:]); err != nil {
			return err
		}
	}
	if o.Certificate != nil {
		// The handshake has proved us to the server, and not the server to us. spec [K17]
		if shown, ok := t.Shown(); ok && shown.By == transport.ByNothing {
			return fmt.Errorf("%s: its certificate is not known: if its owner confirms %v: sabir trust accept %s %v",
				address.HostPort(), shown.Fingerprint, address.HostPort(), shown.Fingerprint)
		}
		return nil
	}
	id, secret, err := o.secret(address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { t.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	x := exchange{t: t, reader: wire.NewReader(oneByte{t}, enc, maxStranger), parser: wire.Parser{Enc: enc}}
	client := auth.NewClient(id, secret, t.Binding())
	mechanism := auth.MechanismFor(t.Binding())
	first := client.First()
	answer, err := x.step(authParams{Mechanism: &mechanism, Data: &first})
	if err != nil {
		return x.fault(ctx, address, err)
	}
	final, err := client.Final(answer)
	if err != nil {
		return fmt.Errorf("%s: %w", address.HostPort(), err)
	}
	if answer, err = x.step(authParams{Data: &final}); err != nil {
		return x.fault(ctx, address, err)
	}
	if err := client.Verify(answer); err != nil {
		return fmt.Errorf("%s: %w", address.HostPort(), err)
	}
	return nil
}

// exchange is two calls before there is a connection to make them on.
type exchange struct {
	t      *transport.Conn
	reader *wire.Reader
	parser wire.Parser
	id     int64
}

func (x *exchange) step(params authParams) (answer string, err error) {
	x.id++
	body, err := BodyOf(&params)
	if err != nil {
		return "", err
	}
	m := wire.Message{ID: wire.IntID(x.id), Method: []byte(methodAuth), Window: NoWindow}
	buf, f := wire.OpenRequest(nil, x.parser.Enc, &m)
	if buf, err = body.Append(buf, x.parser.Enc); err != nil {
		return "", err
	}
	if _, err := x.t.Write(f.Close(buf)); err != nil {
		return "", err
	}
	frame, err := x.reader.Next()
	if err == nil {
		err = x.parser.Parse(frame, &m)
	}
	switch {
	case err != nil:
		return "", err
	case m.Error != nil:
		return "", fromWire(m.Error)
	case m.ID != wire.IntID(x.id) || m.Result.IsZero():
		return "", errors.New("something else than an answer came")
	}
	var out authResult
	if err := RawBody(m.Result).Decode(&out); err != nil {
		return "", err
	}
	return out.Data, nil
}

// fault says with an error of the exchange whom it was with.
func (x *exchange) fault(ctx context.Context, address transport.Address, err error) error {
	var said *Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &said):
		if errors.Is(err, ErrDenied) {
			said.Message = address.HostPort() + " does not let us in: the credential is unknown, spent, revoked or expired"
		}
		return said
	case errors.Is(err, io.EOF):
		err = errors.New("closed the connection: it has too many strangers, or had failures from here")
	}
	return fmt.Errorf("%s: %w", address.HostPort(), err)
}

// oneByte reads no further than it is asked to.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }

// passingDial reports whether dialling again may help: not where somebody has
// to do something first.
func passingDial(err error) bool {
	var upgrade *UpgradeError
	if errors.As(err, &upgrade) {
		return upgrade.passing()
	}
	for _, lasting := range []any{
		new(*transport.CertificateError), new(*transport.UntrustedError), new(*transport.PlainError), new(*transport.UnsupportedError),
		new(*transport.AddressError), new(*SecretError), new(*Error),
	} {
		if errors.As(err, lasting) {
			return false
		}
	}
	return !errors.Is(err, auth.ErrServer)
}
