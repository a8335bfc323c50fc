package transport

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	someFingerprint  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	otherFingerprint = "_-ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
)

// clause: K14
func TestPairingURL(t *testing.T) {
	pin, err := ParseFingerprint(someFingerprint)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		text string
		want Pairing
	}{
		{"sabir://far:7224/#fp=" + someFingerprint + "&t=2tokentokn.q1v0cM2bJ8hQ3mXy7LZk5A", Pairing{pin, "2tokentokn", "q1v0cM2bJ8hQ3mXy7LZk5A"}},
		{"sabir://far/lounge#fp=" + someFingerprint, Pairing{Pin: pin}},
		{"sabir://[fe80::1%eth0]/#t=2.s", Pairing{ID: "2", Secret: "s"}},
		{"sabir://far", Pairing{}},
	}
	for _, test := range tests {
		a, err := Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Pairing()
		if err != nil || p != test.want {
			t.Errorf("%s: %#v, %v", test.text, p, err)
		}
		if got := a.WithPairing(p).String(); got != test.text {
			t.Errorf("%s: became %s", test.text, got)
		}
	}
	swapped, err := Parse("sabir://far/#t=2.s&fp=" + someFingerprint)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := swapped.Pairing(); err != nil || p != (Pairing{pin, "2", "s"}) {
		t.Errorf("%v, %v", p, err)
	}
}

// clause: K14, K20
func TestPairingURLRefuses(t *testing.T) {
	const once = "after # come fp= and t=, once each, and nothing else"
	const cut = "t= is no token: it is id.secret; is the end missing?"
	const short = "fp= is no fingerprint: it has 43 characters of A-Z a-z 0-9 - _; is the end missing?"
	for fragment, want := range map[string]string{
		"fp=" + someFingerprint[1:]:                           short,
		"fp=" + someFingerprint + "A":                         short,
		"fp=" + strings.Replace(someFingerprint, "8", "9", 1): short, // stray bits at the end: another writing of the same
		"fp=":                           short,
		"fp=" + strings.Repeat("A", 43): short,
		"fp=" + someFingerprint + "&fp=" + otherFingerprint: once,
		"t=2tokentokn.topsecret&t=2tokentokn.topsecret":     once,
		"t=2tokentokn":                                cut,
		"t=2tokentokn.":                               cut,
		"t=.topsecret":                                cut,
		"t=2tokentokn.topsecret.topsecret":            cut,
		"t=2tokentokn.topsecret%20":                   cut,
		"t=" + strings.Repeat("x", 65) + ".topsecret": cut,
		"T=2tokentokn.topsecret":                      once,
		"t=2tokentokn.topsecret&":                     once,
		"&":                                           once,
		"level=admin":                                 once,
		"fp=" + someFingerprint + "&t=2.topsecret&name=topsecret": once,
	} {
		a, err := Parse("sabir://far/#" + fragment)
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Pairing()
		var fault *AddressError
		if !errors.As(err, &fault) || fault.Reason != want || p != (Pairing{}) {
			t.Errorf("%s: %v, %v", fragment, p, err)
		}
		if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, "topsecret") {
			t.Errorf("%s: the error tells: %s", fragment, shown)
		}
	}
	if _, err := (Address{Scheme: "ws", Host: "far", Rest: "#fp=" + someFingerprint}).Pairing(); err == nil {
		t.Error("ws: pairs")
	}
	p := Pairing{ID: "2", Secret: "topsecret"}
	if shown := fmt.Sprintf("%v %+v %#v %s", p, p, p, &p); strings.Contains(shown, "topsecret") {
		t.Errorf("shown: %s", shown)
	}
}

func FuzzPairing(f *testing.F) {
	f.Add("fp=" + someFingerprint + "&t=2tokentokn.q1v0cM2bJ8hQ3mXy7LZk5A")
	f.Add("t=2.s&fp=" + someFingerprint)
	f.Add("fp=&t=")
	f.Fuzz(func(t *testing.T, fragment string) {
		a, err := Parse("sabir://far:1/lounge#" + fragment)
		if err != nil {
			return
		}
		p, err := a.Pairing()
		if err != nil {
			_ = err.Error()
			return
		}
		b, err := Parse(a.WithPairing(p).String())
		if err != nil {
			t.Fatalf("%q: %v", fragment, err)
		}
		if q, err := b.Pairing(); err != nil || q != p {
			t.Fatalf("%q: %#v became %#v, %v", fragment, p, q, err)
		}
	})
}
