package auth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// clause: K19, K20
func TestWallet(t *testing.T) {
	w := &Wallet{filepath.Join(t.TempDir(), "secrets")}
	if _, _, ok, err := w.Lookup("far:1"); ok || err != nil {
		t.Error(ok, err)
	}
	one, two := NewSecret(), NewSecret()
	if err := os.WriteFile(w.Path, []byte("# mine\nnear:1 2old.secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{w.Put("far:1", "2tok", two), w.Put("far:1", "2tok", one), w.Put("[::1]:2", "ann.b", two), w.Forget("near:1"), w.Forget("nobody:1")} {
		if err != nil {
			t.Error(err)
		}
	}
	if id, secret, ok, err := w.Lookup("far:1"); id != "2tok" || secret != one || !ok || err != nil {
		t.Error(id, ok, err)
	}
	if id, secret, ok, err := w.Lookup("[::1]:2"); id != "ann.b" || secret != two || !ok || err != nil {
		t.Error(id, ok, err)
	}
	want := "# mine\nfar:1 2tok." + one.Reveal() + "\n[::1]:2 ann.b." + two.Reveal() + "\n"
	if got, _ := os.ReadFile(w.Path); string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if info, err := os.Lstat(w.Path); err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
	for _, bad := range []error{w.Put("far 1", "2", one), w.Put("", "2", one), w.Put("far:1", "A", one), w.Put("far:1", "2", KnownSecret("a\nb")), w.Put("far:1", "2", KnownSecret(""))} {
		if bad == nil {
			t.Error("taken")
		}
	}
	for _, text := range []string{"far:1", "far:1 topsecret", "far:1 2.topsecret x", "far:1 2.", "far:1 .topsecret"} {
		if err := os.WriteFile(w.Path, []byte("\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, _, err := w.Lookup("far:1")
		var fault *WalletError
		if !errors.As(err, &fault) || fault.Line != 2 || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
