package web_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/web"
)

type text struct{ Text string }

// options are those of a client that has a token of the server.
func (s *served) options(token string) *sabir.DialOptions { return withToken(token) }

func withToken(token string) *sabir.DialOptions {
	id, secret, _ := strings.Cut(token, ".")
	return &sabir.DialOptions{
		Web: web.Dial, Log: quiet, KnownHosts: &transport.KnownHosts{Path: "no/such/file"},
		Secret: func(string) (string, auth.Secret, error) { return id, auth.KnownSecret(secret), nil },
	}
}

// pinned is the address of the server, which makes its own certificate.
func (s *served) pinned(scheme string) string {
	host, port, _ := strings.Cut(s.tls, ":")
	return transport.Address{Scheme: scheme, Host: host, Port: port, Path: "/"}.WithPairing(transport.Pairing{Pin: s.fingerprint}).String()
}

// Messages of every size come and go, in both encodings, with and without TLS.
//
// clause: H14
func TestDial(t *testing.T) {
	s := serve(t, probe.New(), nil)
	for _, address := range []string{"ws://localhost:" + s.port, "http://127.0.0.1:" + s.port + "/", s.pinned("wss"), s.pinned("https")} {
		for _, cbor := range []bool{false, true} {
			opts := s.options(s.token)
			opts.CBOR = cbor
			c, err := sabir.Dial(t.Context(), address, opts)
			if err != nil {
				t.Fatalf("%s: %v", address, err)
			}
			for _, n := range []int{1, 100_000, 3_000_000} {
				got, err := sabir.Do[text](t.Context(), c, "probe.letters", map[string]any{"n": n})
				if err != nil || got.Text != strings.Repeat("x", n) {
					t.Errorf("%s: %d bytes: %d, %v", address, n, len(got.Text), err)
				}
				_, err = sabir.Do[sabir.Body](t.Context(), c, "probe.nosuch", text{strings.Repeat("x", n)})
				if !errors.Is(err, sabir.ErrMethodNotFound) {
					t.Errorf("%s: sending %d bytes: %v", address, n, err)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What is there instead of a WebSocket is told: what was found, and what to do.
//
// clause: H14, K21
func TestDialRefused(t *testing.T) {
	s := serve(t, probe.New(), nil)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved", "/login":
			if r.URL.Path == "/login" {
				t.Errorf("a redirect was followed, with %v", r.Header)
			}
			http.Redirect(w, r, "/login", http.StatusFound)
		case "/basic":
			w.Header().Set("WWW-Authenticate", `Basic realm="staff"`)
			http.Error(w, "no", http.StatusUnauthorized)
		case "/down":
			http.Error(w, "bad gateway", http.StatusBadGateway)
		case "/page":
			io.WriteString(w, "<!doctype html><title>shop</title>")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(other.Close)
	elsewhere := "ws" + strings.TrimPrefix(other.URL, "http")
	at := strings.TrimPrefix(other.URL, "http://")
	here := "ws://localhost:" + s.port
	for _, test := range []struct {
		name, address, token string
		says, hint           string
	}{
		{"a wrong token", here, "2abc.wrong", "does not let us in: the token is unknown, revoked or expired", ""},
		{"a password", here, "ann.open sesame", "a password is not shown over HTTP, and the one of ann is one", "sabir token new"},
		{"another path", here + "/api/", s.token, "localhost:" + s.port + ": a Sabir service, which has no WebSocket at this path", "it is at /: " + here + "/"},
		{"its page", here + "/docs", s.token, "200 OK and no WebSocket, but a page", "Upgrade and Connection"},
		{"a redirect", elsewhere + "/moved", s.token, at + `: 302 Found, which leads to "/login"`, "give the address"},
		{"another login", elsewhere + "/basic", s.token, `401 Unauthorized of something before the service, which wants another login: "Basic realm=\"staff\""`, "leave Authorization"},
		{"nothing", elsewhere + "/nothing", s.token, `404 Not Found and no WebSocket, but "text/plain"`, "is that the path"},
		{"a page", elsewhere + "/page", s.token, "200 OK and no WebSocket, but a page", "Upgrade and Connection"},
		{"a proxy without a service", elsewhere + "/down", s.token, "502 Bad Gateway: a proxy is there, and the service behind it is not", "start the service"},
		{"TLS where there is none", "wss://" + at, s.token, at + ": speaks no TLS", ""},
		{"no TLS where there is", "ws://" + s.tls, s.token, s.tls + ": closed the connection without an answer", ""},
		{"its own certificate", "wss://" + s.tls, s.token, s.tls + ": its certificate is not trusted: x509: ", "sabir://" + s.tls + "; else, if the server's owner confirms it: sabir trust accept " + s.tls + " " + s.fingerprint.String()},
		{"another certificate", s.pinned("wss")[:len(s.pinned("wss"))-43] + strings.Repeat("A", 42) + "E", s.token, "somebody may be in between", ""},
		{"beyond loopback", "ws://192.0.2.1/x", s.token, "192.0.2.1:80 is not on this machine, and ws: has no TLS", "wss://192.0.2.1/x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := sabir.Dial(t.Context(), test.address, s.options(test.token))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("%v, want %s", err, test.says)
			}
			hint := ""
			if h := (interface{ Hint() string })(nil); errors.As(err, &h) {
				hint = h.Hint()
			}
			if !strings.Contains(hint, test.hint) {
				t.Errorf("hint %q, want %q", hint, test.hint)
			}
			if strings.Contains(err.Error()+hint, "sesame") || strings.Contains(err.Error()+hint, s.token) {
				t.Errorf("tells a secret: %v %s", err, hint)
			}
			var lost *sabir.Unanswered
			passing := strings.Contains(test.name, "proxy without") || strings.Contains(test.name, "TLS")
			if errors.As(err, &lost) != passing {
				t.Errorf("worth another try: %v: %v", !passing, err)
			}
		})
	}
}

// Who watches through a proxy outlasts the page that it shows while something is repaired; who comes new is told of it.
func TestWatchPastAPage(t *testing.T) {
	s := serve(t, probe.New(), nil)
	var closed atomic.Bool
	through, conns := passOn(t, s), make(chan net.Conn, 9)
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if closed.Load() {
			io.WriteString(w, "<!doctype html>back soon")
			closed.Store(false)
			return
		}
		through.ServeHTTP(w, r)
	}))
	front.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			conns <- c
		}
	}
	front.Start()
	t.Cleanup(front.Close)
	address := "ws" + strings.TrimPrefix(front.URL, "http")
	c, err := sabir.Dial(t.Context(), address, s.options(s.token))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ups := 0
	for e, err := range sabir.Watch[sabir.Body](t.Context(), c, "probe.value", map[string]any{"name": "x"}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != sabir.Up {
			continue
		}
		if ups++; ups == 2 {
			break
		}
		closed.Store(true)
		(<-conns).Close()
	}
	if closed.Swap(true) {
		t.Error("nobody has seen the page")
	}
	var page *sabir.UpgradeError
	if _, err := sabir.Dial(t.Context(), address, s.options(s.token)); !errors.As(err, &page) {
		t.Errorf("who comes new: %v", err)
	}
}

// A certificate that an authority has signed is judged by its name.
//
// clause: H14
func TestDialByAuthority(t *testing.T) {
	s := serve(t, probe.New(), &web.Options{Hosts: []string{"example.com"}})
	front := httptest.NewTLSServer(passOn(t, s))
	t.Cleanup(front.Close)
	roots := x509.NewCertPool()
	roots.AddCert(front.Certificate())
	opts := s.options(s.token)
	opts.Web = func(ctx context.Context, u *sabir.Upgrade) (io.ReadWriteCloser, error) {
		u.TLS.RootCAs = roots // as $SSL_CERT_FILE would
		u.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", front.Listener.Addr().String())
		}
		return web.Dial(ctx, u)
	}
	c, err := sabir.Dial(t.Context(), "wss://example.com", opts) // which net/http/httptest has a certificate for
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := sabir.Do[text](t.Context(), c, "probe.echo", text{"hi"}); err != nil || got.Text != "hi" {
		t.Errorf("%v, %v", got, err)
	}
	var untrusted *transport.UntrustedError
	if _, err := sabir.Dial(t.Context(), "wss://lounge.example", opts); !errors.As(err, &untrusted) || !strings.Contains(err.Error(), "not lounge.example") {
		t.Errorf("another name: %v", err)
	}
}

// A certificate that is in the file of known hosts needs no authority, and no other is taken then.
//
// clause: H14, K16
func TestDialKnown(t *testing.T) {
	s := serve(t, probe.New(), nil)
	opts := s.options(s.token)
	opts.KnownHosts = &transport.KnownHosts{Path: filepath.Join(t.TempDir(), "known_hosts")}
	if err := opts.KnownHosts.Accept(s.tls, s.fingerprint); err != nil {
		t.Fatal(err)
	}
	c, err := sabir.Dial(t.Context(), "wss://"+s.tls, opts)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := opts.KnownHosts.Accept(s.tls, transport.Fingerprint{1}); err != nil {
		t.Fatal(err)
	}
	var other *transport.CertificateError
	if _, err := sabir.Dial(t.Context(), "wss://"+s.tls, opts); !errors.As(err, &other) || !strings.Contains(other.Hint(), "sabir trust accept "+s.tls) {
		t.Errorf("another certificate: %v", err)
	}
}

// passOn is a proxy that knows nothing of HTTP but the first line.
func passOn(t *testing.T, s *served) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		back, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			t.Error(err)
			return
		}
		defer back.Close()
		r.Write(back)
		go func() { io.Copy(back, conn); back.Close() }()
		io.Copy(conn, back)
	})
}
