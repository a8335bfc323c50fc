// Package mixed_test lets libraries of different languages talk to each other.
package mixed_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/transport"
)

var quiet = slog.New(slog.DiscardHandler)

// python is a command with the package sabir and the probe in Python.
func python(ctx context.Context, t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	interpreter := needed.Tool(t, "python3")
	binding, err := filepath.Abs("../../bindings/python")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, interpreter, args...)
	cmd.Env = append(append(os.Environ(), "PYTHONPATH="+binding+":"+filepath.Join(binding, "peer"), "PYTHONDONTWRITEBYTECODE=1"), env...)
	return cmd
}

func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// pythonServes runs the probe in Python until stop is called.
func pythonServes(t *testing.T, path string) (stop func()) {
	t.Helper()
	cmd := python(context.Background(), t, nil, "testdata/service.py", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Error("the service in Python: ", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

type named struct{ Name string }

// goCalls calls and watches as a Go program does.
func goCalls(t *testing.T, c *sabir.Client, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	type echo struct{ Text string }
	if got, err := sabir.Do[probe.Echoed](ctx, c, "probe.echo", echo{"hi"}); err != nil || got.Text != "hi" {
		t.Fatal(got, err)
	}
	var much probe.TooMuch
	if _, err := sabir.Do[sabir.None](ctx, c, "probe.fail", struct{ How probe.How }{"declared"}); !errors.As(err, &much) || much.Most != 7 {
		t.Fatal(err)
	}
	if _, err := sabir.Do[probe.Echoed](ctx, c, "probe.echo", echo{"eleven letters"}); !errors.Is(err, sabir.ErrInvalidParams) {
		t.Fatal(err)
	}
	count := 0
	for n, err := range sabir.Items[probe.Number](ctx, c, "probe.count", struct{ To int }{2000}) {
		if count++; err != nil || n.N != count {
			t.Fatal(n, count, err)
		}
	}
	if count != 2000 {
		t.Fatal(count)
	}
	seen := 0
	for e, err := range sabir.Watch[probe.Number](ctx, c, "probe.tick", named{name}, nil) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Kind == sabir.Up:
			publish(ctx, t, c, name, 3)
		case e.Kind == sabir.Changed:
			seen++
		}
		if seen == 3 {
			break
		}
	}
}

func publish(ctx context.Context, t *testing.T, c *sabir.Client, name string, times int) {
	t.Helper()
	if _, err := sabir.Do[sabir.Body](ctx, c, "probe.publish", struct {
		Name  string
		Times int
	}{name, times}); err != nil {
		t.Fatal(err)
	}
}

// clause: S12, O9
func TestPythonServesGoCalls(t *testing.T) {
	path := filepath.Join(shortDir(t), "probe.sock")
	stop := pythonServes(t, path)
	c, err := sabir.Dial(t.Context(), path, &sabir.DialOptions{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	goCalls(t, c, "a")

	// It stops and comes back: the subscription does, too, and says what is lost.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ups := 0
	for e, err := range sabir.Watch[probe.Number](ctx, c, "probe.tick", named{"b"}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case sabir.Up:
			if ups++; ups == 1 {
				stop()
			} else if e.Lost != -1 {
				t.Errorf("lost %d, expected -1: the epoch is another", e.Lost)
			}
		case sabir.Down:
			pythonServes(t, path)
		}
		if ups == 2 {
			break
		}
	}
}

// server listens over TLS.
type server struct {
	at    transport.Address // with the fingerprint
	store *auth.Store
}

func overTLS(t *testing.T, h sabir.Handler) *server {
	t.Helper()
	env := transport.Env{StateHome: t.TempDir(), UID: -1}
	dir, err := env.ServiceDir("probe")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := transport.OpenIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := new(server)
	if s.store, err = auth.OpenStore(filepath.Join(dir, sabir.CredentialsFile)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan []transport.Address, 1), make(chan error, 1)
	go func() {
		done <- sabir.ListenAndServe(ctx, "sabir://127.0.0.1:0", h, &sabir.ServeOptions{
			Log: quiet, Env: env, Grace: time.Millisecond, Ready: func(all []transport.Address) { ready <- all },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case all := <-ready:
		s.at = all[0].WithPairing(transport.Pairing{Pin: identity.Fingerprint()})
	case err := <-done:
		t.Fatal(err)
	}
	return s
}

func (s *server) token(t *testing.T) (id string, secret auth.Secret) {
	t.Helper()
	c, secret, err := s.store.AddToken(auth.NewCredential{Name: "laptop", Rights: auth.Rights{Level: "write"}})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID, secret
}

// pythonCalls runs the client in Python. Secrets are in its environment, not in its command line.
func pythonCalls(t *testing.T, address, state, name string) (said string, err error) {
	t.Helper()
	out, err := python(t.Context(), t, []string{"ADDRESS=" + address, "XDG_STATE_HOME=" + state}, "testdata/caller.py", name).CombinedOutput()
	return string(out), err
}

func TestGoServesPythonCalls(t *testing.T) {
	path := filepath.Join(shortDir(t), "probe.sock")
	ctx, stop := context.WithCancel(context.Background())
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- sabir.Serve(ctx, ln, probe.New(), &sabir.ServeOptions{Log: quiet, Grace: time.Millisecond})
	}()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	if out, err := pythonCalls(t, path, t.TempDir(), "p"); err != nil || out != "ok\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// The certificate is pinned, then known, and the secret proved.
//
// clause: K5, K9, K15, K16, K17, K19
func TestGoServesPythonCallsOverTLS(t *testing.T) {
	s := overTLS(t, probe.New())
	id, secret := s.token(t)
	pin, err := s.at.Pairing()
	if err != nil {
		t.Fatal(err)
	}
	bare := "sabir://" + s.at.HostPort()
	with := func(pin transport.Fingerprint, secret string) string {
		return bare + "/#fp=" + pin.String() + "&t=" + id + "." + secret
	}
	state := t.TempDir()
	if out, err := pythonCalls(t, with(pin.Pin, secret.Reveal()), state, "p"); err != nil || out != "ok\n" {
		t.Fatalf("%v\n%s", err, out)
	}
	known := filepath.Join(state, "sabir", "client", "known_hosts")
	text, err := os.ReadFile(known)
	if err != nil || !strings.HasPrefix(string(text), s.at.HostPort()+" "+pin.Pin.String()) {
		t.Fatalf("known hosts: %q, %v", text, err)
	}
	// Go reads the same files, and so does Python without anything in the address.
	if host, ok, err := (&transport.KnownHosts{Path: known}).Lookup(s.at.HostPort()); err != nil || !ok || host.Pin != pin.Pin {
		t.Errorf("%v %v %v", host, ok, err)
	}
	if err := (&auth.Wallet{Path: filepath.Join(filepath.Dir(known), sabir.SecretsFile)}).Put(s.at.HostPort(), id, secret); err != nil {
		t.Fatal(err)
	}
	if out, err := pythonCalls(t, bare, state, "q"); err != nil || out != "ok\n" {
		t.Errorf("with known hosts and secrets: %v\n%s", err, out)
	}
	if out, err := pythonCalls(t, with(transport.Fingerprint{1}, secret.Reveal()), t.TempDir(), "r"); err == nil || !strings.Contains(out, "CertificateError") {
		t.Errorf("another certificate: %v\n%s", err, out)
	}
	if out, err := pythonCalls(t, with(pin.Pin, "wrong"), t.TempDir(), "s"); err == nil || !strings.Contains(out, "Denied") || strings.Contains(out, secret.Reveal()) {
		t.Errorf("a wrong secret: %v\n%s", err, out)
	}
}

// A service in Python listens on a socket; a front lets both in over TLS.
//
// clause: U1, U2
func TestPythonServesOverTLS(t *testing.T) {
	path := filepath.Join(shortDir(t), "probe.sock")
	pythonServes(t, path)
	front, err := hub.NewFront(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := overTLS(t, front)
	// The front is closed before its server is waited for.
	t.Cleanup(func() {
		if err := front.Close(); err != nil {
			t.Error(err)
		}
	})
	id, secret := s.token(t)
	c, err := sabir.Dial(t.Context(), s.at.String(), &sabir.DialOptions{
		Log: quiet, KnownHosts: &transport.KnownHosts{Path: filepath.Join(t.TempDir(), "known")},
		Secret: func(string) (string, auth.Secret, error) { return id, secret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	goCalls(t, c, "a")
	pin, err := s.at.Pairing()
	if err != nil {
		t.Fatal(err)
	}
	address := "sabir://" + s.at.HostPort() + "/#fp=" + pin.Pin.String() + "&t=" + id + "." + secret.Reveal()
	if out, err := pythonCalls(t, address, t.TempDir(), "p"); err != nil || out != "ok\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
