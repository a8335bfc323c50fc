package transport

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func openIdentity(t testing.TB) *Identity {
	t.Helper()
	id, err := OpenIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// greeted is what a listener made of a connection.
type greeted struct {
	conn  *Conn
	start Start
	err   error
}

// serveTLS listens on loopback and greets everyone; what comes of it arrives in the channel.
func serveTLS(t testing.TB, scheme string, opts *TCPOptions) (Address, <-chan greeted) {
	t.Helper()
	l, err := ListenTCP(t.Context(), Address{Scheme: scheme, Host: "127.0.0.1", Port: "0"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	all := make(chan greeted, 64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				c, start, err := l.Greet(ctx, c)
				all <- greeted{c, start, err}
			}()
		}
	}()
	return l.Address(), all
}

// clause: K15, K16, K17
func TestTLS(t *testing.T) {
	id := openIdentity(t)
	at, all := serveTLS(t, "sabir", &TCPOptions{Identity: id})
	known := &KnownHosts{filepath.Join(t.TempDir(), "known_hosts")}

	talk := func(at Address, want TrustedBy) Shown {
		t.Helper()
		client, err := DialTCP(t.Context(), at, &TCPDialOptions{KnownHosts: known})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := client.Write([]byte("{}\n")); err != nil {
			t.Fatal(err)
		}
		g := <-all
		if g.err != nil || g.start != StartsJSON {
			t.Fatal(g.start, g.err)
		}
		defer g.conn.Close()
		if !bytes.Equal(client.Binding(), g.conn.Binding()) || len(client.Binding()) != 32 {
			t.Errorf("bindings %x and %x", client.Binding(), g.conn.Binding())
		}
		if p := g.conn.Peer(); p.Transport != "tls" || p.Known || !p.Remote.Addr().IsLoopback() || p.Certificate != (Fingerprint{}) {
			t.Errorf("%+v", p)
		}
		if _, ok := g.conn.Shown(); ok {
			t.Error("a server was shown something")
		}
		g.conn.Write([]byte("answer"))
		g.conn.CloseWrite()
		if err := client.CloseWrite(); err != nil {
			t.Error(err)
		}
		there, err1 := io.ReadAll(g.conn)
		back, err2 := io.ReadAll(client)
		if string(there) != "{}\n" || string(back) != "answer" || err1 != nil || err2 != nil {
			t.Errorf("%q, %v; %q, %v", there, err1, back, err2)
		}
		shown, ok := client.Shown()
		if !ok || shown.By != want || shown.Fingerprint != id.Fingerprint() || shown.HostPort != at.HostPort() || client.Peer().Certificate != id.Fingerprint() {
			t.Errorf("%+v, %v, want %v", shown, ok, want)
		}
		return shown
	}
	shown := talk(at, ByNothing)
	if hosts, err := known.All(); len(hosts) != 0 || err != nil {
		t.Errorf("entered before the server proved itself: %+v, %v", hosts, err)
	}
	if err := known.Learn(shown, id.Next()); err != nil {
		t.Fatal(err)
	}
	talk(at, ByKnownHost)
	talk(at.WithPairing(Pairing{Pin: id.Fingerprint()}), ByAddress)
}

// clause: K16
func TestCertificateChanged(t *testing.T) {
	old, relay := openIdentity(t), openIdentity(t)
	at, all := serveTLS(t, "sabir", &TCPOptions{Identity: relay})
	known := &KnownHosts{filepath.Join(t.TempDir(), "known_hosts")}
	if err := known.Accept(at.HostPort(), old.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	for by, at := range map[TrustedBy]Address{ByKnownHost: at, ByAddress: at.WithPairing(Pairing{Pin: old.Fingerprint()})} {
		_, err := DialTCP(t.Context(), at, &TCPDialOptions{KnownHosts: known})
		var changed *CertificateError
		if !errors.As(err, &changed) || changed.Want != old.Fingerprint() || changed.Shown != relay.Fingerprint() || changed.By != by {
			t.Fatalf("%+v", err)
		}
		for _, said := range []string{old.Fingerprint().String(), relay.Fingerprint().String(), at.HostPort()} {
			if !strings.Contains(err.Error(), said) {
				t.Errorf("%v does not say %s", err, said)
			}
		}
		if by == ByKnownHost && !strings.HasSuffix(changed.Hint(), "sabir trust accept "+at.HostPort()+" "+relay.Fingerprint().String()) {
			t.Error(changed.Hint())
		}
		if g := <-all; g.err == nil {
			t.Errorf("the server got as far as %v", g.start)
		}
	}
}

// clause: K18
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	before, err := OpenIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	after, err := RotateIdentity(dir)
	if err != nil || after.Fingerprint() != before.Next() || after.Next() == before.Next() {
		t.Fatalf("%v, %v → %v, %v: %v", before.Fingerprint(), before.Next(), after.Fingerprint(), after.Next(), err)
	}
	at, _ := serveTLS(t, "sabir", &TCPOptions{Identity: after})
	known := &KnownHosts{filepath.Join(t.TempDir(), "known_hosts")}
	if err := known.Learn(Shown{at.HostPort(), before.Fingerprint(), ByNothing}, before.Next()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []TrustedBy{ByNext, ByKnownHost} {
		client, err := DialTCP(t.Context(), at, &TCPDialOptions{KnownHosts: known})
		if err != nil {
			t.Fatal(err)
		}
		shown, _ := client.Shown()
		client.Close()
		if shown.By != want {
			t.Errorf("%+v, want %v", shown, want)
		}
		if err := known.Learn(shown, after.Next()); err != nil {
			t.Fatal(err)
		}
	}
	if host, _, err := known.Lookup(at.HostPort()); host != (KnownHost{at.HostPort(), after.Fingerprint(), after.Next()}) || err != nil {
		t.Errorf("%+v, %v", host, err)
	}
}

// clause: K15
func TestHandshakeRefuses(t *testing.T) {
	id := openIdentity(t)
	at, all := serveTLS(t, "sabir", &TCPOptions{Identity: id, Protocols: []string{"http/1.1"}})
	ok := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{ALPN}}
	for name, test := range map[string]struct {
		change func(*tls.Config)
		send   string
		start  Start
		fails  bool
	}{
		"as it should be":         {func(c *tls.Config) {}, "{", StartsJSON, false},
		"CBOR":                    {func(c *tls.Config) {}, "\xd9", StartsCBOR, false},
		"no ALPN, as openssl":     {func(c *tls.Config) { c.NextProtos = nil }, "{", StartsJSON, false},
		"another name":            {func(c *tls.Config) { c.ServerName = "bank.example" }, "{", StartsJSON, false},
		"another ALPN":            {func(c *tls.Config) { c.NextProtos = []string{"h2", "imap"} }, "{", StartsOther, true},
		"TLS 1.2":                 {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, "{", StartsOther, true},
		"TLS in TLS":              {func(c *tls.Config) {}, "\x16\x03\x01", StartsOther, false},
		"HTTP":                    {func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, "GET /", StartsHTTP, false},
		"HTTP in a line protocol": {func(c *tls.Config) {}, "GET /", StartsOther, false},
		"HTTP without ALPN":       {func(c *tls.Config) { c.NextProtos = nil }, "GET /", StartsHTTP, false},
		"lines in HTTP":           {func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, "{", StartsOther, false},
	} {
		config := ok.Clone()
		test.change(config)
		client, err := tls.Dial("tcp", at.HostPort(), config)
		if err == nil {
			_, err = client.Write([]byte(test.send))
		}
		g := <-all
		if g.start != test.start || (g.err != nil) != test.fails || test.fails && err == nil && g.err == nil {
			t.Errorf("%s: %v, %v; client: %v", name, g.start, g.err, err)
		}
		if client != nil {
			client.Close()
		}
		if g.conn != nil {
			g.conn.Close()
		}
	}
}

// clause: K3, K15
func TestHandshakeFaults(t *testing.T) {
	id := openIdentity(t)
	l, err := ListenTCP(t.Context(), Address{Scheme: "tcp", Host: "127.0.0.1", Port: "0"}, &TCPOptions{Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	huge := append([]byte("\x16\x03\x01\x40\x00\x01\x1f\xff\xfc"), make([]byte, 2<<20)...) // a ClientHello of 2 MiB in records of 16 KiB
	for name, test := range map[string]struct {
		send string
		late bool // until the time is over; else at once
	}{
		"silence":               {"", true},
		"a letter of a verb":    {"G", true},
		"a handshake that ends": {"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4", true},
		"nonsense in TLS":       {"\x16\xff\xff\xff\xff", false},
		"huge":                  {string(huge), false},
	} {
		client, err := net.Dial("tcp", l.Address().HostPort())
		if err != nil {
			t.Fatal(err)
		}
		go client.Write([]byte(test.send))
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		if _, _, err := l.Greet(ctx, c); err == nil || errors.Is(err, context.DeadlineExceeded) != test.late {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		client.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, client); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection is still open", name)
		}
		client.Close()
	}
}

// An owner's clock, or his certificate, may be years off.
//
// clause: K15
func TestDatesMeanNothing(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, year := range []int{1990, 2090} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), DNSNames: []string{"bank.example"},
			NotBefore: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		id, err := NewIdentity(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
		if err != nil {
			t.Fatal(err)
		}
		at, _ := serveTLS(t, "sabir", &TCPOptions{Identity: id})
		c, err := DialTCP(t.Context(), at.WithPairing(Pairing{Pin: id.Fingerprint()}), nil)
		if err != nil {
			t.Errorf("of %d: %v", year, err)
			continue
		}
		c.Close()
	}
}

// A client's certificate is shown to the server with the proof of its key.
//
// clause: K1
func TestClientCertificate(t *testing.T) {
	at, all := serveTLS(t, "sabir", &TCPOptions{Identity: openIdentity(t)})
	mine, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	own, err := NewIdentity(*mine)
	if err != nil {
		t.Fatal(err)
	}
	client, err := DialTCP(t.Context(), at, &TCPDialOptions{Certificate: mine})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.Write([]byte("{"))
	g := <-all
	if g.err != nil || g.conn.Peer().Certificate != own.Fingerprint() {
		t.Fatalf("%+v", g)
	}
	g.conn.Close()
}
