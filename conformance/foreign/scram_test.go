// Package foreign_test lets clients that share no line with us authenticate over TLS.
package foreign_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/transport"
)

// door is a daemon that offers nothing but rpc.auth, rpc.pair and rpc.info.
type door struct {
	store    *auth.Store
	identity *transport.Identity
	at       transport.Address
}

func open(t *testing.T) *door {
	t.Helper()
	store, err := auth.OpenStore(filepath.Join(t.TempDir(), "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := transport.OpenIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := transport.ListenTCP(t.Context(), transport.Address{Scheme: "sabir", Host: "127.0.0.1", Port: "0"}, &transport.TCPOptions{Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := &door{store, identity, l.Address()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(l, c)
		}
	}()
	return d
}

func (d *door) serve(l *transport.TCPListener, c *transport.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), auth.GateTime)
	defer cancel()
	c, start, err := l.Greet(ctx, c)
	if err != nil {
		return
	}
	defer c.Close()
	if start != transport.StartsJSON {
		return
	}
	x := auth.NewExchange(d.store, c.Binding())
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		var call struct {
			ID     int
			Method string
			Params struct{ Mechanism, Data, Name string }
		}
		if json.Unmarshal(lines.Bytes(), &call) != nil || !x.Admits(call.Method) {
			io.WriteString(c, `{"id":1,"error":{"code":-32004,"message":"who is there?","data":{"name":"rpc.Denied","params":{"needs":"auth","mechanism":"SCRAM-SHA-256-PLUS"}}}}`+"\n")
			return
		}
		result := map[string]any{}
		switch call.Method {
		case "rpc.auth":
			result["data"], _, err = x.Step(call.Params.Mechanism, call.Params.Data)
		case "rpc.pair":
			var made auth.Credential
			var secret auth.Secret
			made, secret, err = x.Pair(call.Params.Name)
			result = map[string]any{"id": made.ID, "secret": secret.Reveal(), "name": made.Name, "level": made.Level}
		}
		answer := map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": result}
		if errors.Is(err, auth.ErrRefused) {
			delete(answer, "result")
			answer["error"] = map[string]any{"code": -32004, "message": auth.ErrRefused.Error()}
		}
		text, _ := json.Marshal(answer)
		c.Write(append(text, '\n'))
		if err != nil {
			return
		}
	}
}

// token makes a credential and the address to use it by.
func (d *door) token(t *testing.T) (transport.Address, transport.Pairing) {
	t.Helper()
	c, secret, err := d.store.AddToken(auth.NewCredential{Name: "laptop", Rights: auth.Rights{Level: "write"}})
	if err != nil {
		t.Fatal(err)
	}
	return d.at, transport.Pairing{Pin: d.identity.Fingerprint(), ID: c.ID, Secret: secret.Reveal()}
}

// relay puts itself before d with a certificate of its own, and passes on every byte.
func (d *door) relay(t *testing.T) transport.Address {
	t.Helper()
	identity, err := transport.OpenIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := transport.ListenTCP(t.Context(), transport.Address{Scheme: "sabir", Host: "127.0.0.1", Port: "0"}, &transport.TCPOptions{Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				near, _, err := l.Greet(context.Background(), c)
				if err != nil {
					return
				}
				defer near.Close()
				far, err := transport.DialTCP(context.Background(), d.at, nil)
				if err != nil {
					return
				}
				go func() { io.Copy(far, near); far.CloseWrite() }()
				io.Copy(near, far)
				far.Close()
			}()
		}
	}()
	return l.Address()
}

// run runs a client, and returns what it printed and what it complained of.
func run(t *testing.T, client []string, url string, args ...string) (out, complaint string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, client[0], append(client[1:len(client):len(client)], args...)...)
	cmd.Env = append(os.Environ(), "SABIR_URL="+url)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err == nil && stderr.Len() > 0 {
		t.Errorf("%s succeeded and said %s", client, stderr.String())
	}
	return strings.TrimSpace(string(text)), strings.TrimSpace(stderr.String())
}

// clause: K5, K9, K13, K14, K15, K16, K17
func TestForeignClients(t *testing.T) {
	for _, client := range [][]string{{"python3", "scram.py"}, {"node", "scram.mjs"}} {
		t.Run(client[0], func(t *testing.T) {
			needed.Tool(t, client[0])
			d := open(t)
			at, p := d.token(t)
			firstUse, wrong := p, p
			firstUse.Pin = transport.Fingerprint{}
			wrong.Secret = "AAAAAAAAAAAAAAAAAAAAAA"
			relay := d.relay(t)
			for _, test := range []struct {
				name      string
				at        transport.Address
				with      transport.Pairing
				complaint string // begins so; nothing: it gets in
			}{
				{"with a pin", at, p, ""},
				{"first use", at, firstUse, ""},
				{"wrong secret", at, wrong, "denied: authentication refused"},
				{"relay, with a pin", relay, p, "denied: another certificate: "},
				{"relay, first use", relay, firstUse, "denied: authentication refused"},
			} {
				out, complaint := run(t, client, test.at.WithPairing(test.with).String(), "rpc.info")
				if test.complaint == "" && (out != "{}" || complaint != "") || test.complaint != "" && (out != "" || !strings.HasPrefix(complaint, test.complaint)) {
					t.Errorf("%s: %q, %q", test.name, out, complaint)
				}
			}

			once, secret, err := d.store.AddOnce(auth.NewCredential{Rights: auth.Rights{Level: "read"}})
			if err != nil {
				t.Fatal(err)
			}
			url := at.WithPairing(transport.Pairing{Pin: p.Pin, ID: once.ID, Secret: secret.Reveal()}).String()
			out, complaint := run(t, client, url, "rpc.pair", `{"name":"foreign"}`)
			var made struct{ ID, Secret, Name, Level string }
			if err := json.Unmarshal([]byte(out), &made); err != nil || made.Name != "foreign" || made.Level != "read" {
				t.Fatalf("%v: %s, %s", err, out, complaint)
			}
			if _, complaint := run(t, client, url, "rpc.pair", `{"name":"again"}`); !strings.HasPrefix(complaint, "denied: authentication refused") {
				t.Errorf("paired twice: %s", complaint)
			}
			url = at.WithPairing(transport.Pairing{Pin: p.Pin, ID: made.ID, Secret: made.Secret}).String()
			if out, complaint := run(t, client, url, "rpc.info"); out != "{}" {
				t.Errorf("with the credential it got: %s, %s", out, complaint)
			}
		})
	}
}

// clause: K2, K15
func TestOpenSSL(t *testing.T) {
	needed.Tool(t, "openssl")
	d := open(t)
	host, port, _ := net.SplitHostPort(d.at.HostPort())
	for _, version := range []string{"-tls1_3", "-tls1_2"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "openssl", "s_client", "-quiet", version, "-connect", net.JoinHostPort(host, port))
		stdin, err := cmd.StdinPipe() // left open: s_client ends when the server does
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		io.WriteString(stdin, `{"id":1,"method":"lounge.say"}`+"\n")
		out, _ := cmd.Output() // its status is 1 for a certificate of nobody's
		if got := strings.Contains(string(out), `"name":"rpc.Denied"`); got != (version == "-tls1_3") {
			t.Errorf("%s: %q", version, out)
		}
	}
}
