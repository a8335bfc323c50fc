package auth

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir/vectors"
)

// script is one exchange of vectors/scram.tsv.
type script struct {
	does, remark  string
	client        *Client
	server        *server
	keys          Keys
	messages      [4]string
	asked         string // whose keys the server wanted
	answers       [4]string
	failed        error
	failedMessage string
}

var messageNames = [4]string{"client-first", "server-first", "client-final", "server-final"}

// scripts reads the exchanges. Where there are none, it fails.
func scripts(t testing.TB) []*script {
	t.Helper()
	file, err := vectors.FS.Open("scram.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []*script
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 14 {
			t.Fatalf("%d columns: %q", len(f), lines.Text())
		}
		var binding []byte
		if f[2] != "-" {
			binding, err = hex.DecodeString(f[2])
		}
		salt, err2 := base64.StdEncoding.DecodeString(f[5])
		iterations, err3 := strconv.Atoi(f[6])
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		secret := KnownSecret(f[4])
		s := &script{
			does: f[1], remark: f[13],
			client: &Client{id: f[3], secret: secret, binding: binding, nonce: f[7]},
			server: &server{binding: binding, nonce: f[8]},
			keys:   secret.Derive(salt, iterations),
		}
		copy(s.messages[:], f[9:13])
		for i := range s.messages {
			s.messages[i] = strings.ReplaceAll(s.messages[i], `\x01`, "\x01")
		}
		all = append(all, s)
	}
	if len(all) < 40 || lines.Err() != nil {
		t.Fatalf("%d exchanges, %v", len(all), lines.Err())
	}
	return all
}

// play gives both sides what the script says the other one sent, and stops where one refuses.
func (s *script) play() {
	give := func(i int, take func(string) (string, error)) bool {
		answer, err := take(s.messages[i])
		if err != nil {
			s.failed, s.failedMessage = err, messageNames[i]
			return false
		}
		if i < 3 {
			s.answers[i+1] = answer
		}
		return true
	}
	s.answers[0] = s.client.First()
	_ = give(0, func(m string) (string, error) {
		return s.server.first(m, func(id string) (Keys, error) { s.asked = id; return s.keys, nil })
	}) && give(1, s.client.Final) && give(2, s.server.final) && give(3, func(m string) (string, error) {
		return "", s.client.Verify(m)
	})
}

// clause: K3, K5, K6, K7, K8, K9
func TestVectors(t *testing.T) {
	for _, s := range scripts(t) {
		s.play()
		message, refuses := strings.CutPrefix(s.does, "refuse:")
		if s.failedMessage != message && (refuses || s.failed != nil) {
			t.Errorf("%s: refused %q, %v", s.remark, s.failedMessage, s.failed)
		}
		for i, name := range messageNames {
			if name == message {
				break // what would have followed is not said
			}
			if s.answers[i] != s.messages[i] {
				t.Errorf("%s: %s\n%s, want\n%s", s.remark, name, s.answers[i], s.messages[i])
			}
		}
		if s.failedMessage == "client-first" && s.asked != "" {
			t.Errorf("%s: keys of %q were looked up for a message that was refused", s.remark, s.asked)
		}
	}
}

// What a server refuses at last is a proof and nothing else, and a client believes nobody too early.
//
// clause: K9
func TestClientOutOfOrder(t *testing.T) {
	c := NewClient("ann", KnownSecret("x"), nil)
	if err := c.Verify("v=" + base64.StdEncoding.EncodeToString(make([]byte, 32))); err == nil {
		t.Error("verified a server before there was a proof")
	}
	a, b := NewClient("ann", KnownSecret("x"), nil).First(), NewClient("ann", KnownSecret("x"), nil).First()
	if a == b || len(a) != len("n,,n=ann,r=")+24 {
		t.Errorf("nonces: %q, %q", a, b)
	}
}

// clause: K20
func TestSecretsAreNotShown(t *testing.T) {
	secret := NewSecret()
	if len(secret.Reveal()) != 22 || secret.Reveal() == NewSecret().Reveal() {
		t.Errorf("secret %q", secret.Reveal())
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", secret, "c", NewClient("id", secret, nil))
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", secret, "c", struct{ S Secret }{secret})
	fmt.Fprintf(&log, "%v %s %+v %#v %q %v %+v %#v", secret, secret, secret, secret, secret, struct{ S Secret }{secret}, &struct{ S Secret }{secret}, struct{ S Secret }{secret})
	fmt.Fprint(&log, &RefusedError{ID: "x", Reason: "y"})
	if strings.Contains(log.String(), secret.Reveal()) || !strings.Contains(log.String(), "***") {
		t.Errorf("shown: %s", log.String())
	}
}

func TestNewPassword(t *testing.T) {
	for text, want := range map[string]error{
		"12345678": nil, "correct horse, battery": nil, strings.Repeat("x", 128): nil,
		"1234567": ErrPassword, strings.Repeat("x", 129): ErrPassword, "pässword": ErrPassword, "tab\tbed 1": ErrPassword,
	} {
		if _, err := NewPassword(text); err != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// clause: K7
func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := newID()
		if !validID(id) || !generated(id) || len(id) != 10 || seen[id] {
			t.Errorf("id %q", id)
		}
		seen[id] = true
	}
}

func FuzzScram(f *testing.F) {
	for _, s := range scripts(f) {
		f.Add(s.messages[0], s.messages[1], s.messages[2], s.messages[3], s.client.binding != nil)
	}
	keys := KnownSecret("q1v0cM2bJ8hQ3mXy7LZk5A").Derive([]byte("0123456789abcdef"), minIterations)
	f.Fuzz(func(t *testing.T, m1, m2, m3, m4 string, tls bool) {
		var binding []byte
		if tls {
			binding = []byte("a certificate's hash")
		}
		s := &server{binding: binding, nonce: "server"}
		answer, err := s.first(m1, func(id string) (Keys, error) {
			if !validID(id) {
				t.Fatalf("keys of %q", id)
			}
			return keys, nil
		})
		if err == nil && sizeFault("", answer) != nil {
			t.Fatalf("an answer that no client takes: %q", answer)
		}
		if err == nil {
			if answer, err := s.final(m3); err == nil {
				t.Fatalf("let in without the secret: %q, %q → %q", m1, m3, answer)
			}
		}
		c := &Client{id: "ann", secret: KnownSecret("x"), binding: binding, nonce: "fyko"}
		c.First()
		if strings.Contains(m2, "000") {
			return // many iterations: no new path, only slow
		}
		if _, err := c.Final(m2); err != nil {
			return
		}
		if c.Verify(m4) == nil {
			t.Fatalf("believed %q, %q", m2, m4)
		}
	})
}
