package sabir

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
)

// A client reaches a service over HTTP, as behind a proxy, by a WebSocket. What
// speaks HTTP is package web's: DialOptions.Web. spec [H14]

// Upgrade is the WebSocket that [DialOptions.Web] is to make.
type Upgrade struct {
	HostPort string      // whom errors are about
	URL      string      // http: or https:
	Bearer   auth.Secret // to show with the request; empty: none. spec [K21]
	CBOR     bool        // in binary frames, not in text
	Message  int         // bytes of the longest message that is taken

	TLS  *tls.Config // for https: URLs
	Dial func(ctx context.Context, hostPort string) (net.Conn, error)
}

// UpgradeError says why there is no WebSocket at an address.
type UpgradeError struct {
	HostPort string
	Status   int    // of the answer; 0: there was none, or it was not the reason
	Reason   string // what is there instead
	Advice   string // what to do, for a terminal; may be empty
}

func (e *UpgradeError) Error() string { return e.HostPort + ": " + e.Reason }

// Hint is the Advice.
func (e *UpgradeError) Hint() string { return e.Advice }

// passing reports whether there may be a WebSocket a little later, as where a
// proxy is there and what is behind it is not.
func (e *UpgradeError) passing() bool {
	const requestTimeout, tooManyRequests, ours = 408, 429, 500
	return e.Status == requestTimeout || e.Status == tooManyRequests || e.Status >= ours
}

// connectWeb is Connect for the addresses of HTTP. The kind of the frames says
// what the magic would.
func (o *DialOptions) connectWeb(ctx context.Context, address transport.Address) (*transport.Conn, error) {
	if o.Web == nil {
		return nil, &transport.UnsupportedError{Scheme: address.Scheme,
			Reason: "this program links no HTTP: it needs sabir.DialOptions{Web: web.Dial}, of github.com/sabir-ipc/sabir/web"}
	}
	known, err := o.knownHostsFor(address)
	if err != nil {
		return nil, err
	}
	way, err := transport.NewWeb(address, &transport.TCPDialOptions{
		KnownHosts: known, Certificate: o.Certificate, PlainBeyondLoopback: o.PlainBeyondLoopback,
	})
	if err != nil {
		return nil, err
	}
	u := Upgrade{
		HostPort: address.HostPort(), URL: way.URL, CBOR: o.CBOR, Message: 2 * o.Limits.filled().Message, TLS: way.TLS, Dial: way.Dial,
	}
	if o.Certificate == nil {
		if u.Bearer, err = o.bearer(address); err != nil {
			return nil, err
		}
	}
	inTime, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	rw, err := o.Web(inTime, &u)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && inTime.Err() != nil:
		return nil, fmt.Errorf("%s: no answer within %v", u.HostPort, loginTime)
	case err != nil:
		return nil, way.Fault(err)
	}
	return transport.NewConn(rw, way.Peer()), nil
}

// bearer is what to show of what is known to be said. A password is for the
// exchange, in which the server does not get to see it. spec [K7], [K21]
func (o *DialOptions) bearer(address transport.Address) (auth.Secret, error) {
	id, secret, err := o.secret(address)
	switch {
	case err != nil:
		return auth.Secret{}, err
	case id == "" || id[0] < '0' || id[0] > '9':
		return auth.Secret{}, &UpgradeError{HostPort: address.HostPort(), Reason: "a password is not shown over HTTP, and the one of " + id + " is one",
			Advice: "take a token: sabir token new SERVICE, on the server"}
	}
	return auth.KnownSecret(id + "." + secret.Reveal()), nil
}

// webAddress is the address without what may be secret, if it is one of HTTP.
func webAddress(a transport.Address) string {
	if !a.Web() {
		return ""
	}
	if a.Rest = ""; a.Path == "" {
		a.Path = "/"
	}
	return a.String()
}
