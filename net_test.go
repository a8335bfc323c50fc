package sabir_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
)

// remote is a service that listens over TCP, and what its owner has.
type remote struct {
	at    transport.Address // with its certificate
	plain string            // host and port of the listener without TLS
	store *auth.Store
	env   transport.Env
}

func serveTCP(t *testing.T, h sabir.Handler) *remote {
	t.Helper()
	return serveTCPWith(t, h, sabir.Limits{})
}

func serveTCPWith(t *testing.T, h sabir.Handler, limits sabir.Limits) *remote {
	t.Helper()
	return serveTCPAs(t, h, sabir.ServeOptions{Limits: limits})
}

func serveTCPAs(t *testing.T, h sabir.Handler, o sabir.ServeOptions) *remote {
	t.Helper()
	r := &remote{env: transport.Env{StateHome: t.TempDir(), UID: -1}}
	dir, err := r.env.ServiceDir(h.(sabir.Describer).Describe()[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := transport.OpenIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.store, err = auth.OpenStore(filepath.Join(dir, sabir.CredentialsFile)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan []transport.Address, 1), make(chan error, 1)
	o.Log, o.Env, o.Grace, o.Listen = cmp.Or(o.Log, quiet), r.env, time.Millisecond, []string{"tcp:127.0.0.1:0"}
	o.Ready = func(all []transport.Address) { ready <- all }
	go func() { done <- sabir.ListenAndServe(ctx, "sabir://127.0.0.1:0", h, &o) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case all := <-ready:
		r.at = all[0].WithPairing(transport.Pairing{Pin: identity.Fingerprint()})
		r.plain = all[1].HostPort()
	case err := <-done:
		t.Fatal(err)
	}
	return r
}

// token makes a credential, and the options of a client that has it.
func (r *remote) token(t *testing.T, level string, only ...auth.Glob) (auth.Credential, *sabir.DialOptions) {
	t.Helper()
	c, secret, err := r.store.AddToken(auth.NewCredential{Name: "laptop", Rights: auth.Rights{Level: level, Only: only}})
	if err != nil {
		t.Fatal(err)
	}
	return c, &sabir.DialOptions{
		Log: quiet, Env: r.env, KnownHosts: &transport.KnownHosts{Path: filepath.Join(t.TempDir(), "known")},
		Secret: func(string) (string, auth.Secret, error) { return c.ID, secret, nil },
	}
}

type whoami struct {
	You struct {
		Name, Transport, Level string
		Only                   []string `sabir:",optional"`
	}
	Next   string
	Listen []string `sabir:",optional"`
}

// A credential opens what it is for and nothing else, in both encodings, with and without TLS.
//
// clause: K1, K5, K11, K18
func TestOverTCP(t *testing.T) {
	r := serveTCP(t, probe.New())
	for _, road := range []struct{ name, address string }{{"tls", r.at.String()}, {"tcp", "tcp:" + r.plain}} {
		t.Run(road.name, func(t *testing.T) {
			encodings(t, func(t *testing.T, cbor bool) {
				_, opts := r.token(t, "write", "probe.echo", "probe.count")
				opts.CBOR = cbor
				c := dial(t, road.address, *opts)
				out, err := sabir.Do[text](t.Context(), c, "probe.echo", text{"hello"})
				if err != nil || out.Text != "hello" {
					t.Fatalf("%+v, %v", out, err)
				}
				you, err := sabir.Do[whoami](t.Context(), c, "rpc.info", nil)
				if err != nil || !strings.HasPrefix(you.You.Name, "laptop") || you.You.Transport != road.name || you.You.Level != "write" || len(you.You.Only) != 2 || you.Listen != nil {
					t.Errorf("%+v, %v", you, err)
				}
				var e *sabir.Error
				_, err = sabir.Do[any](t.Context(), c, "probe.value", named{"x"})
				if !errors.Is(err, sabir.ErrDenied) || !errors.As(err, &e) {
					t.Fatalf("narrowed to others: %v", err)
				}
				if params, _ := e.Params.JSON(); string(params) != `{"needs":"probe.value"}` {
					t.Errorf("%s", params)
				}
				_, err = sabir.Do[any](t.Context(), c, "rpc.auth", map[string]any{"data": "x"})
				if !errors.Is(err, sabir.ErrInvalidRequest) { // clause: K10
					t.Errorf("rpc.auth again: %v", err)
				}
				n := 0
				for _, err := range sabir.Items[any](t.Context(), c, "probe.count", map[string]any{"to": 100}) {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
				if n != 100 {
					t.Errorf("%d items", n)
				}
			})
		})
	}
}

// Pairing: a token that was printed becomes a credential of the client's own, once.
//
// clause: K13, K14
func TestPairing(t *testing.T) {
	r := serveTCP(t, probe.New())
	once, secret, err := r.store.AddOnce(auth.NewCredential{Rights: auth.Rights{Level: "read"}})
	if err != nil {
		t.Fatal(err)
	}
	url := r.at.WithPairing(transport.Pairing{Pin: mustPairing(t, r.at).Pin, ID: once.ID, Secret: secret.Reveal()}).String()
	_, opts := r.token(t, "read")
	opts.Secret = nil
	c := dial(t, url, *opts)
	if _, err := sabir.Do[any](t.Context(), c, "probe.echo", text{"x"}); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("a pairing token is good for more: %v", err)
	}
	got, err := sabir.Do[struct{ ID, Secret, Name, Level string }](t.Context(), c, "rpc.pair", map[string]any{"name": "phone"})
	if err != nil || got.Name != "phone" || got.Level != "read" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := sabir.Do[any](t.Context(), c, "rpc.pair", nil); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("traded twice: %v", err)
	}
	if _, err := sabir.Dial(t.Context(), url, opts); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("spent and good: %v", err)
	}
	opts.Secret = func(string) (string, auth.Secret, error) { return got.ID, auth.KnownSecret(got.Secret), nil }
	mine := dial(t, r.at.String(), *opts)
	if you, err := sabir.Do[whoami](t.Context(), mine, "rpc.info", nil); err != nil || you.You.Name != "phone" {
		t.Errorf("%+v, %v", you, err)
	}
}

func mustPairing(t *testing.T, a transport.Address) transport.Pairing {
	t.Helper()
	p, err := a.Pairing()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a credential opened is closed within a second when it is revoked.
//
// clause: K12
func TestRevoked(t *testing.T) {
	said := make(chan string, 100)
	r := serveTCPAs(t, probe.New(), sabir.ServeOptions{Log: slog.New(logTo(func(line string) { said <- line }))})
	who, opts := r.token(t, "admin")
	c := dial(t, r.at.String(), *opts)
	if _, err := sabir.Do[any](t.Context(), c, "rpc.ping", nil); err != nil {
		t.Fatal(err)
	}
	var end error
	over := make(chan struct{})
	go func() {
		defer close(over)
		for _, err := range sabir.Watch[any](t.Context(), c, "probe.value", named{"x"}, nil) {
			end = err
		}
	}()
	if err := r.store.Revoke(who.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case <-over:
	case <-time.After(10 * time.Second):
		t.Fatal("the subscription lives")
	}
	if !errors.Is(end, sabir.ErrDenied) {
		t.Errorf("ended with %v", end)
	}
	if _, err := sabir.Do[any](t.Context(), c, "rpc.ping", nil); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("a call: %v", err)
	}
	for late := time.After(10 * time.Second); ; {
		select {
		case line := <-said:
			if strings.Contains(line, "a credential is revoked") {
				return
			}
		case <-late:
			t.Fatal("the log does not have it")
		}
	}
}

// Strangers get one answer, whatever they say, and the end of the connection.
//
// clause: K2, K3, K6
func TestStrangers(t *testing.T) {
	r := serveTCP(t, probe.New())
	const denied = `{"code":-32004,"message":"authenticate first","data":{"name":"rpc.Denied","params":{"needs":"auth","mechanism":"SCRAM-SHA-256"}}}`
	for _, test := range []struct{ name, say, want string }{
		{"a call", `{"id":1,"method":"rpc.ping"}`, `{"id":1,"error":` + denied + "}\n"},
		{"what does not exist", `{"id":1,"method":"no.such"}`, `{"id":1,"error":` + denied + "}\n"},
		{"a notification", `{"method":"rpc.cancel","params":{"id":1}}`, `{"id":null,"error":` + denied + "}\n"},
		{"an answer", `{"id":1,"result":{}}`, `{"id":null,"error":` + denied + "}\n"},
		{"rpc.auth that nobody waits for", `{"method":"rpc.auth","params":{"data":"x"}}`, `{"id":null,"error":` + denied + "}\n"},
		{"another mechanism", `{"id":1,"method":"rpc.auth","params":{"mechanism":"PLAIN","data":"x"}}`, `{"id":1,"error":` + denied + "}\n"},
		{"no params", `{"id":1,"method":"rpc.auth"}`, `{"id":1,"error":` + denied + "}\n"},
		{"an unknown id", `{"id":1,"method":"rpc.auth","params":{"mechanism":"SCRAM-SHA-256","data":"n,,n=nobody,r=abcdefgh"}}` + "\n" +
			`{"id":2,"method":"rpc.auth","params":{"data":"c=biws,r=abcdefgh,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`, `{"id":2,"error":` + denied + "}\n"},
		{"too much", `{"id":1,"method":"rpc.auth","params":{"data":"` + strings.Repeat("x", 5<<10), `"name":"rpc.TooLarge"`},
		{"another protocol", "SSH-2.0-x", ""},
		{"the web", "GET / HTTP/1.1", ""},
	} {
		c, err := net.Dial("tcp", r.plain)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, test.say+"\n")
		got, err := io.ReadAll(c)
		if !strings.HasSuffix(string(got), test.want) && !strings.Contains(string(got), test.want) || test.want == "" && len(got) > 0 {
			t.Errorf("%s: %s, %v", test.name, got, err)
		}
		c.Close()
	}
}

// A stranger who says nothing, or nothing whole, is gone after five seconds; on a unix socket he may sit there for ever.
//
// clause: K3
func TestStrangersTime(t *testing.T) {
	t.Parallel()
	r := serveTCP(t, probe.New())
	for _, say := range []string{"", "{", `{"id":1,"method":"rpc.auth","params":{"mechanism":"SCRAM-SHA-256","data":"n,,n=nobody,r=abcdefgh"}}` + "\n"} {
		c, err := net.Dial("tcp", r.plain)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, say)
		in := bufio.NewReader(c)
		if len(say) > 1 {
			if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, `"result"`) {
				t.Fatalf("%s, %v", line, err)
			}
		}
		start := time.Now()
		c.SetReadDeadline(start.Add(30 * time.Second))
		if _, err := in.ReadByte(); err == nil || time.Since(start) < 4*time.Second || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %q: %v after %v", say, err, time.Since(start))
		}
	}
}

// Who is not let in hears of it once and is not asked again and again.
func TestRefusedLogin(t *testing.T) {
	r := serveTCP(t, probe.New())
	_, opts := r.token(t, "read")
	var secret *sabir.SecretError
	opts.Secret = nil
	if _, err := sabir.Dial(t.Context(), r.at.String(), opts); !errors.As(err, &secret) {
		t.Errorf("without a secret: %v", err)
	}
	opts.Secret = func(string) (string, auth.Secret, error) { return "0", auth.NewSecret(), nil }
	if _, err := sabir.Dial(t.Context(), r.at.String(), opts); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("with a wrong one: %v", err)
	}
	other := serveTCP(t, probe.New())
	elsewhere := r.at
	elsewhere.Port = other.at.Port
	var certificate *transport.CertificateError
	if _, err := sabir.Dial(t.Context(), elsewhere.String(), opts); !errors.As(err, &certificate) {
		t.Errorf("another server: %v", err)
	}
	if err := sabir.ListenAndServe(t.Context(), "tcp:0.0.0.0:0", probe.New(), &sabir.ServeOptions{Env: r.env, Log: quiet}); err == nil {
		t.Error("plain TCP beyond loopback")
	}
}
