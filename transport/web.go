package transport

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Web is the way to a ws:, wss:, http: or https: address, for one who speaks HTTP there: this package does not. It is
// for one connection.
type Web struct {
	URL string      // what to ask for, http: or https:
	TLS *tls.Config // judges the certificate; nil without TLS

	addr Address
	opts TCPDialOptions
	peer Peer
}

// UntrustedError says that nobody vouches for the certificate at a wss: or https: address. Nothing was sent.
type UntrustedError struct {
	Address Address
	Shown   Fingerprint
	Err     error
}

func (e *UntrustedError) Error() string {
	why := e.Err.Error()
	if errors.As(e.Err, new(x509.UnknownAuthorityError)) { // which says much of what it has tried
		why = "no authority that this machine knows has signed it"
	}
	return fmt.Sprintf("%s: its certificate is not trusted: %s", e.Address.HostPort(), why)
}

func (e *UntrustedError) Unwrap() error { return e.Err }

// Hint is for both who may be there: a server that makes its own certificate, and one that has a wrong one.
func (e *UntrustedError) Hint() string {
	own := Address{Scheme: "sabir", Host: e.Address.Host, Port: e.Address.Port}
	if own.Port == "" {
		own.Port = defaultPorts[e.Address.Scheme]
	}
	return fmt.Sprintf("if a Sabir service listens there itself: %s; else, if the server's owner confirms it: sabir trust accept %s %v",
		own, e.Address.HostPort(), e.Shown)
}

// NewWeb looks at an address before it is dialled: how its certificate is to be judged. That is by fp= in the address,
// else by the known hosts, else by names and authorities, as browsers do. Errors are *AddressError and
// *UnsupportedError, and those of the file.
func NewWeb(addr Address, opts *TCPDialOptions) (*Web, error) {
	if fault := addr.fault(); fault != nil {
		return nil, fault
	}
	if !addr.Web() {
		return nil, &UnsupportedError{addr.Scheme, "addresses are not HTTP's"}
	}
	pairing, err := addr.Pairing()
	if err != nil {
		return nil, err
	}
	w := &Web{addr: addr, peer: Peer{Transport: "tcp"}}
	if opts != nil {
		w.opts = *opts
	}
	zone := strings.ReplaceAll(addr.Host, "%", "%25") // of an IPv6 address, as URLs have it
	at := Address{Scheme: "http", Host: zone, Port: addr.Port, Path: addr.Path}
	if at.Path == "" {
		at.Path = "/"
	}
	if addr.secureWeb() {
		at.Scheme, w.peer.Transport = "https", "tls"
		if w.TLS, err = w.config(pairing.Pin); err != nil {
			return nil, err
		}
	}
	w.URL = at.String()
	return w, nil
}

func (w *Web) config(pin Fingerprint) (*tls.Config, error) {
	pinned := pin != Fingerprint{}
	if w.opts.KnownHosts != nil && !pinned {
		_, known, err := w.opts.KnownHosts.Lookup(w.addr.HostPort())
		if err != nil {
			return nil, err
		}
		pinned = known
	}
	config := &tls.Config{
		ServerName:         w.addr.Host,
		NextProtos:         []string{"http/1.1"}, // in which alone a WebSocket can begin
		InsecureSkipVerify: pinned,               // then VerifyConnection does what counts
		VerifyConnection: func(state tls.ConnectionState) error {
			w.peer.Certificate = sha256.Sum256(state.PeerCertificates[0].Raw)
			if !pinned {
				return nil
			}
			by, err := w.opts.trust(w.addr.HostPort(), pin, w.peer.Certificate)
			if err == nil && by == ByNothing {
				err = fmt.Errorf("%s: was forgotten just now", w.addr.HostPort()) // whoever had it forgotten means it
			}
			return err
		},
	}
	if w.opts.Certificate != nil {
		config.Certificates = []tls.Certificate{*w.opts.Certificate}
	}
	return config, nil
}

// Dial connects to hostPort, which is that of the URL or of a proxy. Without TLS it has to be on loopback, unless
// the options say otherwise: *PlainError.
func (w *Web) Dial(ctx context.Context, hostPort string) (net.Conn, error) {
	conn, err := dialTCP(ctx, w.addr, hostPort, w.TLS != nil || w.opts.PlainBeyondLoopback)
	if err == nil {
		w.peer.Remote = remote(conn)
	}
	return conn, err
}

// Peer is who is at the other end, once there is a connection.
func (w *Web) Peer() Peer { return w.peer }

// Fault says of a failure of TLS what it means, and leaves others as they are.
func (w *Web) Fault(err error) error {
	var pinned *CertificateError
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &pinned):
		return pinned
	case errors.As(err, &certificate):
		return &UntrustedError{w.addr, sha256.Sum256(certificate.UnverifiedCertificates[0].Raw), certificate.Err}
	case errors.As(err, &noTLS):
		return fmt.Errorf("%s: speaks no TLS", w.addr.HostPort())
	}
	return err
}
