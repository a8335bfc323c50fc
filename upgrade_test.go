package sabir_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/web"
)

// serveWeb is serveTCP with a face, whose addresses are those of web.
func serveWeb(t *testing.T, h sabir.Handler, o sabir.ServeOptions) *remote {
	t.Helper()
	face, err := web.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	o.HTTP = face
	return serveTCPAs(t, h, o)
}

// web is the address of the server over HTTP: ws or http without TLS, wss or https with it.
func (r *remote) web(scheme string) transport.Address {
	if scheme == "wss" || scheme == "https" {
		return transport.Address{Scheme: scheme, Host: r.at.Host, Port: r.at.Port, Path: "/", Rest: r.at.Rest}
	}
	a, err := transport.Parse(scheme + "://" + r.plain)
	if err != nil {
		panic(err) // it was listened on
	}
	return a
}

// webToken is token for addresses of web.
func (r *remote) webToken(t *testing.T, level string, cbor bool) *sabir.DialOptions {
	_, opts := r.token(t, level)
	opts.Web, opts.CBOR = web.Dial, cbor
	return opts
}

// A client over HTTP is one like others: who it is, what it may, what it learns of a service.
//
// clause: H14, K21
func TestOverWeb(t *testing.T) {
	r := serveWeb(t, probe.New(), sabir.ServeOptions{})
	for _, scheme := range []string{"ws", "wss", "http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			encodings(t, func(t *testing.T, cbor bool) {
				c := dial(t, r.web(scheme).String(), *r.webToken(t, "write", cbor))
				you, err := sabir.Do[whoami](t.Context(), c, "rpc.info", nil)
				if err != nil || !strings.HasPrefix(you.You.Name, "laptop") || you.You.Level != "write" {
					t.Errorf("%+v, %v", you, err)
				}
				if _, err := sabir.Do[any](t.Context(), c, "rpc.ping", nil); err != nil {
					t.Error(err)
				}
				n := 0
				for _, err := range sabir.Items[any](t.Context(), c, "probe.count", map[string]any{"to": 1000}) {
					if n++; err != nil {
						t.Fatal(err)
					}
				}
				if n != 1000 {
					t.Errorf("%d items", n)
				}
				byName, err := sabir.NewRemote(t.Context(), c, "probe")
				if err != nil {
					t.Fatal(err)
				}
				if out, err := byName.Do(t.Context(), "echo", map[string]any{"text": "hi"}); err != nil || out.(map[string]any)["text"] != "hi" {
					t.Errorf("%v, %v", out, err)
				}
			})
		})
	}
}

// Nothing is lost when the connection is.
//
// clause: S12, H14
func TestResumeOverWeb(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		svc := sabir.NewService("chat", "1", "")
		topic := sabir.NewTopic[number, sabir.None](svc, "said")
		r := serveWeb(t, svc, sabir.ServeOptions{})
		x := newCutterAt(t, "tcp", "127.0.0.1:0", r.plain)
		resume(t, x, topic, dial(t, "ws://"+x.ln.Addr().String(), *r.webToken(t, "read", cbor)))
	})
}

// Plugins come in over HTTP as well, where they may.
func TestExportOverWeb(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		s := sabir.NewService("plugin", "1", "")
		sabir.Method(s, "echo", func(_ context.Context, in text) (text, error) { return in, nil })
		r := serveWeb(t, probe.New(), sabir.ServeOptions{Exports: servedAs(sabir.AccessAdmin).Exports})
		opts := *r.webToken(t, "admin", cbor)
		opts.Log = quiet
		ctx, cancel := context.WithCancel(t.Context())
		there, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- sabir.Export(ctx, r.web("wss").String(), s, &sabir.ExportOptions{DialOptions: opts, Offered: func() { close(there) }})
		}()
		select {
		case <-there:
		case err := <-done:
			t.Fatal(err)
		}
		c := dial(t, r.web("ws").String(), opts)
		if out, err := sabir.Do[text](t.Context(), c, "plugin.echo", text{"hi"}); err != nil || out.Text != "hi" {
			t.Errorf("%v, %v", out, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Messages may be as long as the client says, and no longer.
//
// clause: H14, B2
func TestLimitsOverWeb(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	sabir.Method(svc, "echo", func(_ context.Context, in text) (text, error) { return in, nil })
	r := serveWeb(t, svc, sabir.ServeOptions{Limits: sabir.Limits{Message: 20 << 20}})
	big := text{strings.Repeat("x", 16<<20)}
	encodings(t, func(t *testing.T, cbor bool) {
		opts := *r.webToken(t, "write", cbor)
		opts.Limits.Message = 20 << 20
		if out, err := sabir.Do[text](t.Context(), dial(t, r.web("wss").String(), opts), "s.echo", &big); err != nil || out != big {
			t.Errorf("%d bytes, %v", len(out.Text), err)
		}
		opts.Limits.Message = 1 << 20
		c := dial(t, r.web("wss").String(), opts)
		if _, err := sabir.Do[text](t.Context(), c, "s.echo", &big); !errors.Is(err, sabir.ErrTooLarge) {
			t.Errorf("sent by a client with less: %v", err)
		}
	})
}

// What keeps a program from going there is told before anything is sent.
//
// clause: H14, K20
func TestNotOverWeb(t *testing.T) {
	r := serveWeb(t, probe.New(), sabir.ServeOptions{})
	_, opts := r.token(t, "read")
	var unsupported *transport.UnsupportedError
	if _, err := sabir.Dial(t.Context(), "wss://lounge.example", opts); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "sabir.DialOptions{Web: web.Dial}") {
		t.Errorf("without web: %v", err)
	}
	opts.Web = web.Dial
	var plain *transport.PlainError
	if _, err := sabir.Dial(t.Context(), "http://192.0.2.7:8080/api/", opts); !errors.As(err, &plain) || plain.Hint() != "https://192.0.2.7/api/" {
		t.Errorf("without TLS: %v", err)
	}
	opts.Secret = nil
	var secret *sabir.SecretError
	if _, err := sabir.Dial(t.Context(), "wss://lounge.example/api/", opts); !errors.As(err, &secret) ||
		secret.Hint() != "on the server: sabir token new SERVICE; then here: sabir join wss://lounge.example/api/#t=TOKEN" {
		t.Errorf("without a secret: %v", err)
	}
	dir, err := r.env.ClientDir()
	if err != nil {
		t.Fatal(err)
	}
	c, token, err := r.store.AddToken(auth.NewCredential{Name: "kept", Rights: auth.Rights{Level: "read"}})
	if err != nil {
		t.Fatal(err)
	}
	wallet := auth.Wallet{Path: filepath.Join(dir, sabir.SecretsFile)}
	if err := wallet.Put(r.plain, c.ID, token); err != nil {
		t.Fatal(err)
	}
	if you, err := sabir.Do[whoami](t.Context(), dial(t, r.web("ws").String(), *opts), "rpc.info", nil); err != nil || you.You.Name != "kept" {
		t.Errorf("a secret that was kept: %+v, %v", you, err)
	}
	for _, shown := range []string{r.web("ws").String() + "/#t=" + c.ID + "." + token.Reveal(), r.web("wss").String() + "&t=" + c.ID + "." + token.Reveal()} {
		opts.Env = transport.Env{StateHome: t.TempDir(), UID: -1}
		if you, err := sabir.Do[whoami](t.Context(), dial(t, shown, *opts), "rpc.info", nil); err != nil || you.You.Name != "kept" {
			t.Errorf("a secret in the address: %+v, %v", you, err)
		}
	}
}
