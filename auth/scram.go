package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// The two mechanisms. Which one it is follows from the connection, so there is no list of offers that somebody in
// between could shorten. spec [K5]
const (
	ScramPlus = "SCRAM-SHA-256-PLUS" // over TLS
	Scram     = "SCRAM-SHA-256"      // over plain loopback
)

// MechanismFor is the one mechanism of a connection with that channel binding, nil without TLS.
func MechanismFor(binding []byte) string {
	if binding != nil {
		return ScramPlus
	}
	return Scram
}

const (
	maxScram = 1024 // bytes of a message; ours have about 250
	maxNonce = 256  // of the nonces of both sides together
	maxSalt  = 64
	bound    = "p=tls-server-end-point,," // GS2 header with binding: RFC 5802, section 7
	unbound  = "n,,"
	unused   = "y,," // "I could bind, but you cannot": true where there is no TLS, a downgrade where there is
)

// MessageError says what is wrong with a SCRAM message, for the log. It tells nothing of secrets.
type MessageError struct {
	Message string // "client-first", "server-first", "client-final" or "server-final"
	Reason  string
}

func (e *MessageError) Error() string { return e.Message + " message: " + e.Reason }

// Errors of a client that checks its server.
var (
	// ErrServer: whoever answered does not know the secret, or knows it for another certificate.
	ErrServer = errors.New("the server could not prove that it knows the secret for this connection")
	errProof  = errors.New("wrong proof")
)

// newNonce has 144 random bits, and no comma.
func newNonce() string {
	var raw [18]byte
	rand.Read(raw[:])
	return base64.StdEncoding.EncodeToString(raw[:])
}

// gs2 is the header that a client sends, and what c= in its last message has to be.
func gs2(binding []byte) (header, channel string) {
	header = unbound
	if binding != nil {
		header = bound
	}
	return header, base64.StdEncoding.EncodeToString(append([]byte(header), binding...))
}

// attributes walks over "a=1,b=2". RFC 5802, section 5: order is fixed, so each reader asks for the next one.
type attributes struct{ rest string }

// next takes the attribute with that letter, which has to be the next one.
func (a *attributes) next(letter byte) (value string, ok bool) {
	if len(a.rest) < 2 || a.rest[0] != letter || a.rest[1] != '=' {
		return "", false
	}
	value, a.rest, _ = strings.Cut(a.rest[2:], ",")
	return value, value != ""
}

// extensions passes over what RFC 5802 lets a peer add at the end: further letters, but not m, which one must know.
func (a *attributes) extensions() bool {
	if a.rest == "" {
		return true
	}
	for part := range strings.SplitSeq(a.rest, ",") {
		if len(part) < 2 || part[1] != '=' || part[0] == 'm' || !letter(part[0]) {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// printable is what RFC 5802 calls it, which is what nonces are made of, without the comma.
func validNonce(text string) bool {
	return len(text) <= maxNonce && !strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' || r == ',' })
}

// decode reads base64 that has exactly one writing, so that a proof cannot be sent twice in two forms.
func decode(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return raw, err == nil && !strings.ContainsAny(text, "\r\n")
}

func decodeKey(text string) (key [32]byte, ok bool) {
	raw, ok := decode(text)
	return key, copy(key[:], raw) == len(key) && len(raw) == len(key) && ok
}

// sizeFault bounds a message before anything is taken from it.
func sizeFault(message, text string) error {
	if len(text) > maxScram {
		return &MessageError{message, "over " + strconv.Itoa(maxScram) + " bytes"}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return &MessageError{message, "not printable ASCII"}
	}
	return nil
}

func xor(a, b [32]byte) (c [32]byte) {
	for i := range c {
		c[i] = a[i] ^ b[i]
	}
	return c
}

func equal(a, b [32]byte) bool { return hmac.Equal(a[:], b[:]) }
