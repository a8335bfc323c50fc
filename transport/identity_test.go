package transport

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sabir-ipc/sabir/internal/keep"
)

// clause: K15, K19
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "identity.pem")
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	again, err := OpenIdentity(dir)
	if err != nil || again.Fingerprint() != first.Fingerprint() || again.Next() != first.Next() || first.Next() == first.Fingerprint() {
		t.Errorf("%v, %v, %v", first, again, err)
	}
	if leaf := again.now.Leaf; leaf.SignatureAlgorithm != x509.ECDSAWithSHA256 || leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) != nil {
		t.Errorf("not signed by itself with P-256: %v", leaf.SignatureAlgorithm)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	third := strings.LastIndex(string(good), "-----BEGIN PRIVATE KEY")
	for want, text := range map[string]string{
		"part 1 of 4 is not PRIVATE KEY in PEM": "nonsense",
		"part 3 of 4 is not PRIVATE KEY in PEM": string(good[:third+40]),
		"part 2 of 4 is not CERTIFICATE in PEM": strings.Replace(string(good), "CERTIFICATE", "CERTIFICATION", 2),
		"something after the fourth part":       string(good) + "x",
		"private key does not match public key": strings.Join(swapped(string(good)), ""),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var fault *IdentityError
		if _, err := OpenIdentity(dir); !errors.As(err, &fault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%s: the file was changed", want)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	var unsafe *keep.UnsafeError
	if _, err := OpenIdentity(dir); !errors.As(err, &unsafe) {
		t.Errorf("open to a group: %v", err)
	}
}

// swapped has the two keys in each other's places.
func swapped(text string) []string {
	parts := strings.SplitAfter(text, "-----\n")
	parts[1], parts[5] = parts[5], parts[1]
	return parts
}

// Daemons that start at once have the same keys.
func TestIdentityAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	found := make(chan Fingerprint, 8)
	for range cap(found) {
		all.Go(func() {
			id, err := OpenIdentity(dir)
			if err != nil {
				t.Error(err)
				return
			}
			found <- id.Fingerprint()
		})
	}
	all.Wait()
	close(found)
	first := <-found
	for f := range found {
		if f != first {
			t.Errorf("%v and %v", first, f)
		}
	}
}

// Where a signature has no hash, there is nothing to bind to, so such a certificate serves nobody.
func TestNewIdentity(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []tls.Certificate{{}, {Certificate: [][]byte{{1}}}, {Certificate: [][]byte{der}, PrivateKey: private}} {
		if _, err := NewIdentity(c); err == nil {
			t.Errorf("taken: %v", c.Certificate)
		}
	}
	for algorithm, size := range map[x509.SignatureAlgorithm]int{
		x509.ECDSAWithSHA256: 32, x509.ECDSAWithSHA384: 48, x509.SHA512WithRSA: 64, x509.SHA1WithRSA: 32, x509.MD5WithRSA: 32,
	} {
		if binding, ok := endPoint(&x509.Certificate{Raw: der, SignatureAlgorithm: algorithm}); !ok || len(binding) != size {
			t.Errorf("%v: %d bytes", algorithm, len(binding))
		}
	}
}

func TestStateDir(t *testing.T) {
	home := t.TempDir()
	e := Env{StateHome: home}
	dir, err := e.ServiceDir("lounge")
	if err != nil || dir != filepath.Join(home, "sabir", "services", "lounge") {
		t.Errorf("%s, %v", dir, err)
	}
	if info, err := os.Lstat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
	if err := os.Chmod(filepath.Join(home, "sabir"), 0o755); err != nil {
		t.Fatal(err)
	}
	var unsafe *keep.UnsafeError
	if _, err := e.ClientDir(); !errors.As(err, &unsafe) {
		t.Errorf("open to others: %v", err)
	}
	if _, err := e.ServiceDir("../etc"); err == nil {
		t.Error("a name that is a path")
	}
	if _, err := (Env{Dir: "/d"}).ClientDir(); err == nil {
		t.Error("an environment without a place has one")
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/1")
	t.Setenv("HOME", home)
	if dir, err := (Env{}).ClientDir(); err != nil || dir != filepath.Join(home, ".local", "state", "sabir", "client") {
		t.Errorf("%s, %v", dir, err)
	}
}
