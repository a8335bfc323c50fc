// Package auth finds out who a caller is, without a connection in hand: SCRAM for both ends, the file of credentials,
// and the gate that strangers wait at.
//
// It sends and receives nothing. Text comes in, text goes out, and what it costs is bounded before any of it is looked
// at, because all of it comes from somebody who has not shown yet who they are. spec/security.md
package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
)

// How often a secret is hashed on its way to a key. A generated one cannot be guessed, so more would only cost its
// owner time; a password can. spec [K8]
const (
	TokenIterations    = 4096
	PasswordIterations = 600_000
)

// What a client computes for a server at most, and the least that it takes for an answer. spec [K9]
const (
	minIterations = 4096
	maxIterations = 1_000_000
)

// Secret is a text that no log and no error shows: it prints as ***. Reveal is the only way to it.
type Secret struct{ text string }

// ErrPassword is what NewPassword has against a text.
var ErrPassword = errors.New("a password has 8 to 128 characters, all of them printable ASCII")

// NewSecret makes one of 128 random bits, 22 characters that need no escapes in addresses.
func NewSecret() Secret {
	var raw [16]byte
	rand.Read(raw[:]) // never fails: the program ends instead
	return Secret{base64.RawURLEncoding.EncodeToString(raw[:])}
}

// NewPassword takes a text that a person chose: ErrPassword unless it is one that every keyboard and every library
// writes in the same bytes.
func NewPassword(text string) (Secret, error) {
	if len(text) < 8 || len(text) > 128 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return Secret{}, ErrPassword
	}
	return Secret{text}, nil
}

// KnownSecret takes a text that is a secret already, such as one that a client kept.
func KnownSecret(text string) Secret { return Secret{text} }

// Reveal is the text itself.
func (s Secret) Reveal() string { return s.text }

func (s Secret) String() string               { return "***" }
func (s Secret) GoString() string             { return "***" }
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue("***") }

// Keys are what a server keeps of a secret. They prove it, and do not tell it. RFC 5802, section 3.
type Keys struct {
	Salt       []byte
	Iterations int
	Stored     [32]byte
	Server     [32]byte
}

// Derive makes the keys of a secret.
func (s Secret) Derive(salt []byte, iterations int) Keys {
	_, stored, server := s.derive(salt, iterations)
	return Keys{salt, iterations, stored, server}
}

func (s Secret) derive(salt []byte, iterations int) (client, stored, server [32]byte) {
	salted, err := pbkdf2.Key(sha256.New, s.text, salt, iterations, sha256.Size)
	if err != nil {
		panic("auth: pbkdf2: " + err.Error()) // of a key length that is no constant, or FIPS rules on salts of others
	}
	client = mac(salted, "Client Key")
	return client, sha256.Sum256(client[:]), mac(salted, "Server Key")
}

// bearer is what is kept of a generated secret for those who show it as it is.
func (s Secret) bearer() [32]byte { return sha256.Sum256([]byte(s.text)) }

func mac(key []byte, text string) (sum [32]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	h.Sum(sum[:0])
	return sum
}

// base32Lower has no characters that are hard to tell apart, and both cases are the same to a person.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newID makes an id for a generated secret. Its digit in front keeps it apart from the names that people choose.
func newID() string {
	var raw [7]byte
	rand.Read(raw[:])
	id := []byte(base32Lower.EncodeToString(raw[:])[:10])
	id[0] = '2' + raw[6]%6
	return string(id)
}

// validID reports whether an id can be one of ours. The rule keeps ids out of need of SASLprep and of escapes.
// spec [K7]
func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-')
	})
}

// generated tells ids of tokens from names of people by their form alone, also where neither exists. spec [K8]
func generated(id string) bool { return id[0] >= '0' && id[0] <= '9' }
