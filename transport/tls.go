package transport

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// ALPN is what a Sabir connection is called in TLS. spec [K15]
const ALPN = "sabir/1"

// TrustedBy is why a server's certificate was taken.
type TrustedBy int

const (
	ByNothing   TrustedBy = iota // seen for the first time: nothing but the exchange of rpc.auth may be sent
	ByAddress                    // its fingerprint was in the address
	ByKnownHost                  // it is in the file of known hosts
	ByNext                       // it is there as the next one
)

// Shown is the certificate that a server showed. Once the server has proved itself it goes to KnownHosts.Learn.
type Shown struct {
	HostPort    string
	Fingerprint Fingerprint
	By          TrustedBy
}

// CertificateError says that a server showed another certificate than the one expected. Nothing was sent to it.
type CertificateError struct {
	HostPort    string
	Want, Shown Fingerprint
	By          TrustedBy // where Want was found: ByAddress or ByKnownHost
}

func (e *CertificateError) Error() string {
	where := "known"
	if e.By == ByAddress {
		where = "in the address"
	}
	return fmt.Sprintf("%s: somebody may be in between, or the server has a new certificate: the one %s is %v, the one shown %v",
		e.HostPort, where, e.Want, e.Shown)
}

// Hint is what to do for somebody who has asked the server's owner for its fingerprint. spec [K16]
func (e *CertificateError) Hint() string {
	if e.By == ByAddress {
		return "ask for a new address: sabir pair prints one"
	}
	return fmt.Sprintf("if the server's owner confirms it: sabir trust accept %s %v", e.HostPort, e.Shown)
}

// Binding is the channel binding tls-server-end-point of the connection, for SCRAM; nil without TLS.
func (c *Conn) Binding() []byte {
	if c.tls == nil {
		return nil
	}
	return c.tls.binding
}

// Shown is the certificate of the server that was dialled; ok is false without TLS, and at the server itself.
func (c *Conn) Shown() (s Shown, ok bool) {
	if c.tls == nil {
		return Shown{}, false
	}
	return c.tls.shown, c.tls.shown.HostPort != ""
}

// secured is what TLS told of a connection.
type secured struct {
	binding []byte
	shown   Shown
}

// serverConfig is TLS as a daemon speaks it. A client's certificate is asked for and, if there is one, its key is
// proved; whom it stands for is not for TLS to know.
func serverConfig(id *Identity, protocols []string) *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{id.now},
		MinVersion:             tls.VersionTLS13,
		NextProtos:             append([]string{ALPN}, protocols...),
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true, // a resumed session would show no certificate
	}
}

// accept does a server's side of the handshake.
func (id *Identity) accept(ctx context.Context, raw net.Conn, from Peer, protocols []string) (*Conn, string, error) {
	conn := tls.Server(raw, serverConfig(id, protocols))
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, "", fmt.Errorf("tls: %w", cause(ctx, err))
	}
	state := conn.ConnectionState()
	from.Transport = "tls"
	if len(state.PeerCertificates) > 0 {
		from.Certificate = sha256.Sum256(state.PeerCertificates[0].Raw)
	}
	binding, ok := endPoint(id.now.Leaf)
	if !ok {
		return nil, "", errors.New("tls: no channel binding for this certificate")
	}
	c := NewConn(conn, from)
	c.tls = &secured{binding: binding}
	return c, state.NegotiatedProtocol, nil
}

// secure does a client's side: the certificate decides, by its fingerprint alone, before anything is sent.
func secure(ctx context.Context, raw net.Conn, hostPort string, from Peer, opts *TCPDialOptions, pin Fingerprint) (*Conn, error) {
	shown := Shown{HostPort: hostPort}
	var binding []byte
	config := &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{ALPN},
		ServerName:         "sabir", // names mean nothing, so the server is not told which one was dialled
		InsecureSkipVerify: true,    // of names, dates and authorities; VerifyConnection does what counts
		VerifyConnection: func(state tls.ConnectionState) (err error) {
			leaf := state.PeerCertificates[0] // there is one: servers without are refused before
			shown.Fingerprint = sha256.Sum256(leaf.Raw)
			shown.By, err = opts.trust(hostPort, pin, shown.Fingerprint)
			if err != nil {
				return err
			}
			var ok bool
			if binding, ok = endPoint(leaf); !ok {
				return fmt.Errorf("%s: no channel binding is defined for its certificate (%v)", hostPort, leaf.SignatureAlgorithm)
			}
			return nil
		},
	}
	if opts.Certificate != nil {
		config.Certificates = []tls.Certificate{*opts.Certificate}
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		var certificate *CertificateError
		if errors.As(err, &certificate) {
			return nil, certificate
		}
		return nil, fmt.Errorf("%s: tls: %w", hostPort, cause(ctx, err))
	}
	from.Transport, from.Certificate = "tls", shown.Fingerprint
	c := NewConn(conn, from)
	c.tls = &secured{binding, shown}
	return c, nil
}

// trust decides about a certificate. spec [K16], [K17], [K18]
func (o *TCPDialOptions) trust(hostPort string, pin, seen Fingerprint) (TrustedBy, error) {
	if pin != (Fingerprint{}) {
		if pin != seen {
			return ByNothing, &CertificateError{hostPort, pin, seen, ByAddress}
		}
		return ByAddress, nil
	}
	if o.KnownHosts == nil {
		return ByNothing, nil
	}
	host, known, err := o.KnownHosts.Lookup(hostPort)
	switch {
	case err != nil:
		return ByNothing, err
	case !known:
		return ByNothing, nil
	case host.Pin == seen:
		return ByKnownHost, nil
	case host.Next == seen:
		return ByNext, nil
	}
	return ByNothing, &CertificateError{hostPort, host.Pin, seen, ByKnownHost}
}

// LoadClientCertificate reads a certificate and its key, for clients that are known by it (such as hubs).
func LoadClientCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	c.Leaf, err = x509.ParseCertificate(c.Certificate[0])
	return &c, err
}
