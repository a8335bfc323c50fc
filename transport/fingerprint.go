package transport

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// Fingerprint is the SHA-256 of a certificate as it is on the wire. The zero Fingerprint is none.
type Fingerprint [sha256.Size]byte

// ParseFingerprint reads what String writes: 43 characters of base64url.
func ParseFingerprint(text string) (Fingerprint, error) {
	var f Fingerprint
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(f) || strings.ContainsAny(text, "\r\n") {
		return f, fmt.Errorf("%q is no fingerprint: 43 characters of A-Z a-z 0-9 - _", text)
	}
	copy(f[:], raw)
	if f == (Fingerprint{}) {
		return f, fmt.Errorf("%q is the fingerprint of nothing", text)
	}
	return f, nil
}

// String is the one way to write it, in addresses, files and on the terminal, so that people can compare them.
func (f Fingerprint) String() string { return base64.RawURLEncoding.EncodeToString(f[:]) }

// Pairing is what follows the # of a sabir: or web address. Its Secret is one: it prints without it, and so must whoever has
// an address with one.
type Pairing struct {
	Pin    Fingerprint // of the server's certificate; zero: not given
	ID     string      // of the token
	Secret string
}

// Pairing reads what follows the # of a sabir: or web address. It is zero where nothing does, and the error is *AddressError
// without the secret in it. spec [K14]
func (a Address) Pairing() (Pairing, error) {
	var p Pairing
	bad := func(reason string) (Pairing, error) {
		hint := "sabir://host:port/#fp=…&t=…, as sabir pair shows it"
		if a.Web() {
			hint = a.Scheme + "://host/#fp=…&t=…, where either may be missing"
		}
		return Pairing{}, &AddressError{redact(a.String()), reason, hint}
	}
	if a.Rest == "" {
		return p, nil
	}
	fragment, ok := strings.CutPrefix(a.Rest, "#")
	if !ok || a.Scheme != "sabir" && !a.Web() {
		return bad("only a sabir: or web address has a certificate or a token")
	}
	for part := range strings.SplitSeq(fragment, "&") {
		key, value, _ := strings.Cut(part, "=")
		switch {
		case key == "fp" && a.Web() && !a.secureWeb():
			return bad("fp= is for a certificate, and " + a.Scheme + ": has none")
		case key == "fp" && p.Pin == Fingerprint{}:
			pin, err := ParseFingerprint(value)
			if err != nil {
				return bad("fp= is no fingerprint: it has 43 characters of A-Z a-z 0-9 - _; is the end missing?")
			}
			p.Pin = pin
		case key == "t" && p.ID == "":
			p.ID, p.Secret, _ = strings.Cut(value, ".")
			if !tokenPart(p.ID) || !tokenPart(p.Secret) {
				return bad("t= is no token: it is id.secret; is the end missing?")
			}
		default:
			return bad("after # come fp= and t=, once each, and nothing else")
		}
	}
	return p, nil
}

// WithPairing is the sabir: or web address of the same place with p after its #.
func (a Address) WithPairing(p Pairing) Address {
	var parts []string
	if p.Pin != (Fingerprint{}) {
		parts = append(parts, "fp="+p.Pin.String())
	}
	if p.ID != "" {
		parts = append(parts, "t="+p.ID+"."+p.Secret)
	}
	a.Rest = ""
	if len(parts) > 0 {
		a.Rest = "#" + strings.Join(parts, "&")
	}
	return a
}

// WithoutSecret is the address as it may be shown and logged.
func (a Address) WithoutSecret() Address {
	p, err := a.Pairing()
	if err != nil {
		a.Rest = ""
		return a
	}
	return a.WithPairing(Pairing{Pin: p.Pin})
}

func (p Pairing) String() string   { return fmt.Sprintf("{%v %s ***}", p.Pin, p.ID) }
func (p Pairing) GoString() string { return p.String() }

// tokenPart reports whether text can be an id or secret of a token: 1 to 64 characters that mean nothing in addresses.
func tokenPart(text string) bool {
	return 0 < len(text) && len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool {
		return !alphanumeric(r) && r != '-' && r != '_'
	})
}
