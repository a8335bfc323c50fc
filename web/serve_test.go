package web_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/web"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// served is a server with a face, on a unix socket, on TCP and over TLS.
type served struct {
	unix  string // the path
	port  string // of localhost, without TLS
	tls   string // host and port
	store *auth.Store
	token string // of level write, called laptop

	fingerprint transport.Fingerprint // of the certificate
	stop        func()
}

func serve(t testing.TB, h sabir.Handler, opts *web.Options) *served {
	t.Helper()
	return serveOn(t, h, opts, "sabir://127.0.0.1:0")
}

// serveOn is serve with the address for TLS.
func serveOn(t testing.TB, h sabir.Handler, opts *web.Options, secure string) *served {
	t.Helper()
	face, err := web.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &served{unix: filepath.Join(dir, "s.sock")}
	if s.store, err = auth.OpenStore(filepath.Join(dir, "credentials")); err != nil {
		t.Fatal(err)
	}
	identity, err := transport.OpenIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.fingerprint = identity.Fingerprint()
	s.token = s.newToken(t, "laptop", "write")
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan []transport.Address, 1), make(chan error, 1)
	go func() {
		done <- sabir.ListenAndServe(ctx, s.unix, h, &sabir.ServeOptions{
			Log: quiet, HTTP: face, Credentials: s.store, Identity: identity, Grace: 200 * time.Millisecond,
			Listen: []string{"tcp:127.0.0.1:0", secure},
			Ready:  func(all []transport.Address) { ready <- all },
		})
	}()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			buf := make([]byte, 1<<20)
			t.Errorf("the server does not stop\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
	t.Cleanup(s.stop)
	select {
	case all := <-ready:
		s.port, s.tls = all[1].Port, all[2].HostPort()
	case err := <-done:
		t.Fatal(err)
	}
	return s
}

func (s *served) newToken(t testing.TB, name, level string) string {
	t.Helper()
	c, secret, err := s.store.AddToken(auth.NewCredential{Name: name, Rights: auth.Rights{Level: level}})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID + "." + secret.Reveal()
}

func (s *served) url(path string) string { return "http://localhost:" + s.port + path }

// dial connects to "unix" or "tcp".
func (s *served) dial(t testing.TB, over string) net.Conn {
	t.Helper()
	network, address := "tcp", "127.0.0.1:"+s.port
	if over == "unix" {
		network, address = "unix", s.unix
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// do makes a request with the bearer and returns status and body.
func (s *served) do(t testing.TB, client *http.Client, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url(path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
