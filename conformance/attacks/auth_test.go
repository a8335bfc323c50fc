package attacks_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/transport"
)

// Case 36: wrong tries, one after the other. The source is kept out; another is let in at once.
//
// clause: K4, K6
func TestCase36WrongTries(t *testing.T) {
	d := serve(t, nil)
	_, opts := d.token("read")
	right := opts.Secret
	opts.Secret = func(string) (string, auth.Secret, error) { return "0", auth.NewSecret(), nil }
	denied, shut := 0, 0
	for range 1000 {
		_, err := sabir.Connect(t.Context(), d.tls, opts)
		switch {
		case errors.Is(err, sabir.ErrDenied):
			denied++
		case err == nil:
			t.Fatal("let in")
		default:
			shut++
		}
	}
	if denied < 1 || denied > 5 || shut < 995 {
		t.Errorf("%d were judged, %d not even read", denied, shut)
	}
	opts.Secret = right
	if _, err := sabir.Connect(t.Context(), d.tls, opts); err == nil {
		t.Error("the right secret lets in who is kept out")
	}
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}}
	c, err := from.DialContext(t.Context(), "tcp", d.tcp.HostPort())
	if err != nil {
		needed.Missing(t, "loopback", err)
	}
	l := d.line(c)
	id, secret, _ := right("")
	l.login(id, secret, nil)
	l.say(ping)
	l.hears(pong)
	l.Close()
}

// login is the exchange by hand.
func (l *line) login(id string, secret auth.Secret, binding []byte) {
	l.t.Helper()
	client := auth.NewClient(id, secret, binding)
	step := func(data string) string {
		l.say(fmt.Sprintf(`{"id":1,"method":"rpc.auth","params":{"mechanism":%q,"data":%q}}`, auth.MechanismFor(binding), data))
		var result struct{ Data string }
		if text := l.hear(); json.Unmarshal(answer(l.t, text).Result, &result) != nil {
			l.t.Fatal(text)
		}
		return result.Data
	}
	final, err := client.Final(step(client.First()))
	if err == nil {
		err = client.Verify(step(final))
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// Case 37: what a daemon logs and answers, at its most talkative, while secrets pass through it: none is in there.
// No command hands one to a child.
//
// clause: K20
func TestCase37NoSecrets(t *testing.T) {
	var log journal
	d := serve(t, func(o *sabir.ServeOptions) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	var secrets []string
	var said strings.Builder
	keep := func(s auth.Secret) auth.Secret {
		secrets = append(secrets, s.Reveal())
		return s
	}
	_, opts := d.token("admin")
	own := opts.Secret
	opts.Secret = func(at string) (string, auth.Secret, error) {
		id, s, err := own(at)
		return id, keep(s), err
	}
	for _, at := range []transport.Address{d.tls, d.tcp} {
		c, err := sabir.Dial(t.Context(), at.String(), opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"rpc.info", "rpc.describe", "rpc.stats"} {
			text, err := sabir.Do[any](t.Context(), c, method, nil)
			fmt.Fprintln(&said, text, err)
		}
		c.Close()
	}
	once, secret, err := d.store.AddOnce(auth.NewCredential{Rights: auth.Rights{Level: "read"}})
	if err != nil {
		t.Fatal(err)
	}
	url := d.tls.WithPairing(transport.Pairing{Pin: d.pin, ID: once.ID, Secret: keep(secret).Reveal()})
	c, err := sabir.Dial(t.Context(), url.String(), opts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sabir.Do[any](t.Context(), c, "probe.echo", map[string]any{"text": "x"})
	fmt.Fprintln(&said, err)
	made, err := sabir.Do[struct{ ID, Secret string }](t.Context(), c, "rpc.pair", map[string]any{"name": "phone"})
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, made.Secret)
	c.Close()
	opts.Secret = func(string) (string, auth.Secret, error) { return "0", keep(auth.NewSecret()), nil }
	for _, at := range []transport.Address{url, d.tls, d.tcp} {
		_, err := sabir.Dial(t.Context(), at.String(), opts)
		fmt.Fprintf(&said, "%v %+v %q\n", err, err, err)
	}
	for _, text := range []string{`{"id":1,"method":"rpc.auth","params":{"mechanism":"PLAIN","data":"` + made.Secret + `"}}`, made.Secret, `{"` + made.Secret + `":1}`} {
		if c, err := net.Dial("tcp", d.tcp.HostPort()); err == nil {
			l := d.line(c)
			l.say(text)
			said.WriteString(l.rest())
			l.Close()
		}
	}
	for _, secret := range secrets {
		for _, shape := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret)} {
			if strings.Contains(log.String(), shape) {
				t.Errorf("the log has a secret: %s", log.String())
			}
			if strings.Contains(said.String(), shape) {
				t.Errorf("an answer or error has a secret: %s", said.String())
			}
		}
	}
	if !strings.Contains(said.String(), "probe") || len(secrets) < 5 {
		t.Errorf("nothing was said: %s", said.String())
	}
}

// Case 38: each member of the service, and each of the protocol, for each level; nothing a caller says of himself helps.
//
// clause: K11
func TestCase38Levels(t *testing.T) {
	d := serve(t, nil)
	ranks := map[string]int{"read": 1, "write": 2, "admin": 3}
	type member struct {
		Name, Kind, Access string
		Readonly           bool
	}
	var described struct {
		Services []struct {
			Name    string
			Members []member
		}
	}
	l := d.open("unix")
	l.say(`{"id":1,"method":"rpc.describe"}`)
	if err := json.Unmarshal(answer(t, l.hear()).Result, &described); err != nil || len(described.Services) == 0 {
		t.Fatal(described, err)
	}
	l.Close()
	for level, rank := range ranks {
		l := d.openAs("tls", level, false)
		refused := 0
		for _, s := range described.Services {
			for _, m := range s.Members {
				if m.Access == "" { // spec [D4]
					m.Access = "read"
					if (m.Kind == "method" || m.Kind == "stream") && !m.Readonly {
						m.Access = "write"
					}
				}
				needs := ranks[m.Access]
				// Params that fit nothing: access comes first, so they tell whether it was granted. spec [D4]
				l.say(`{"id":1,"method":"` + s.Name + `.` + m.Name + `","params":{"level":"admin","caller":{"level":"admin"}},"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`)
				got := l.hear()
				if denied := strings.Contains(got, `"name":"rpc.Denied","params":{"needs":"`+m.Access+`"}`); denied != (needs > rank) {
					t.Errorf("%s.%s, which needs %s, for %s: %s", s.Name, m.Name, m.Access, level, got)
				}
				if needs > rank {
					refused++
				}
			}
		}
		if rank < 3 && refused == 0 {
			t.Errorf("%s may do everything", level)
		}
		l.Close()
	}
}

// Case 41 and 46: there are no tickets, so nothing can be resumed and no early data played again; versions below 1.3 and
// renegotiation are not there.
//
// clause: K15
func TestCase46NoTickets(t *testing.T) {
	d := serve(t, nil)
	_, opts := d.token("read")
	id, secret, _ := opts.Secret("")
	tickets := &countedCache{}
	for range 3 {
		c, err := tls.Dial("tcp", d.tls.HostPort(), &tls.Config{
			InsecureSkipVerify: true, ClientSessionCache: tickets, Renegotiation: tls.RenegotiateFreelyAsClient, ServerName: "sabir",
		})
		if err != nil {
			t.Fatal(err)
		}
		l := d.line(c)
		digest := d.pin
		l.login(id, secret, digest[:])
		l.say(ping)
		l.hears(pong)
		if state := c.ConnectionState(); state.DidResume || state.Version != tls.VersionTLS13 {
			t.Errorf("%+v", state)
		}
		l.Close()
	}
	if tickets.n > 0 {
		t.Errorf("%d tickets", tickets.n)
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
		if _, err := tls.Dial("tcp", d.tls.HostPort(), &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}); err == nil {
			t.Errorf("version %x is taken", version)
		}
	}
}

type countedCache struct{ n int }

func (c *countedCache) Get(string) (*tls.ClientSessionState, bool)  { return nil, false }
func (c *countedCache) Put(_ string, state *tls.ClientSessionState) { c.n++ }

// Case 42: somebody in between with a certificate of his own, before a whole daemon, for our own client.
//
// clause: K16, K17
func TestCase42InBetween(t *testing.T) {
	d := serve(t, nil)
	_, opts := d.token("read")
	opts.KnownHosts = &transport.KnownHosts{Path: filepath.Join(t.TempDir(), "known")}
	identity, err := transport.OpenIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := transport.ListenTCP(t.Context(), transport.Address{Scheme: "sabir", Host: "127.0.0.1", Port: "0"}, &transport.TCPOptions{Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				near, _, err := ln.Greet(t.Context(), c)
				if err != nil {
					return
				}
				defer near.Close()
				far, err := transport.DialTCP(t.Context(), d.tls, nil)
				if err != nil {
					return
				}
				defer far.Close()
				go io.Copy(far, near)
				io.Copy(near, far)
			}()
		}
	}()
	between := ln.Address()
	var changed *transport.CertificateError
	if _, err := sabir.Dial(t.Context(), between.WithPairing(transport.Pairing{Pin: d.pin}).String(), opts); !errors.As(err, &changed) || changed.By != transport.ByAddress {
		t.Errorf("with a pin: %v", err)
	}
	if _, err := sabir.Dial(t.Context(), between.String(), opts); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("first use: %v", err)
	}
	if hosts, err := opts.KnownHosts.All(); len(hosts) != 0 || err != nil {
		t.Errorf("he is known now: %v, %v", hosts, err)
	}
	if err := opts.KnownHosts.Accept(between.HostPort(), d.pin); err != nil {
		t.Fatal(err)
	}
	if _, err := sabir.Dial(t.Context(), between.String(), opts); !errors.As(err, &changed) || changed.By != transport.ByKnownHost {
		t.Errorf("with a known host: %v", err)
	}
}

// Case 46: a handshake that stops half-way, a hello of 2 MiB, one in a hundred pieces, and a second one.
//
// clause: K3, K15
func TestCase46Handshakes(t *testing.T) {
	t.Parallel()
	d := serve(t, nil)
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
	for _, test := range []struct {
		name, say string
		waits     bool
	}{
		{"nothing more", hello, true},
		{"a record that is too long", "\x16\x03\x01\xff\xff" + strings.Repeat("x", 70_000), false},
		{"a hello of 2 MiB", strings.Repeat("\x16\x03\x01\x40\x00"+"\x01\x20\x00\x00"+strings.Repeat("x", 16380), 128), false},
		{"an alert", "\x15\x03\x01\x00\x02\x02\x00", false},
		{"data before the handshake", "\x17\x03\x03\x00\x05hello", false},
	} {
		c, err := net.Dial("tcp", d.tls.HostPort())
		if err != nil {
			t.Fatal(err)
		}
		l := d.line(c)
		start := time.Now()
		go io.WriteString(l, test.say)
		got := l.rest()
		if after := time.Since(start); test.waits != (after > 4*time.Second) {
			t.Errorf("%s: closed after %v", test.name, after)
		}
		if strings.Contains(got, "{") {
			t.Errorf("%s: %q", test.name, got)
		}
		l.Close()
	}
}
