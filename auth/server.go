package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// server is the side of SCRAM that has keys, for one exchange. It is for one goroutine.
type server struct {
	binding []byte
	nonce   string

	id          string
	keys        Keys
	header      string
	both        string // the nonces of both
	authMessage string // without the last part
}

// first reads the message that opens the exchange. Whose keys keys finds is not for this code to know: it is asked
// for every well-formed id, and answers for every one. spec [K8]
func (s *server) first(clientFirst string, keys func(id string) (Keys, error)) (string, error) {
	const message = "client-first"
	fault := func(reason string) (string, error) { return "", &MessageError{message, reason} }
	if err := sizeFault(message, clientFirst); err != nil {
		return "", err
	}
	for _, header := range []string{bound, unbound, unused} {
		if strings.HasPrefix(clientFirst, header) {
			s.header = header
		}
	}
	switch {
	case s.header == "":
		return fault("does not begin with " + bound + " or " + unbound)
	case s.binding == nil && s.header == bound:
		return fault("binds to a channel, and this one has no TLS")
	case s.binding != nil && s.header == unused:
		return fault("the client was told that there is no channel binding, by somebody in between")
	case s.binding != nil && s.header == unbound:
		return fault("does not bind to its channel, and over TLS it has to")
	}
	bare := clientFirst[len(s.header):]
	a := attributes{bare}
	id, ok := a.next('n')
	if !ok || !validID(id) {
		return fault("no id of 1 to 64 characters a-z 0-9 . _ -")
	}
	nonce, ok := a.next('r')
	if !ok || !validNonce(nonce) || len(nonce) > maxNonce/2 {
		return fault("no nonce")
	}
	if !a.extensions() {
		return fault("something after the nonce")
	}
	k, err := keys(id)
	if err != nil {
		return "", err
	}
	s.id, s.keys, s.both = id, k, nonce+s.nonce
	answer := "r=" + s.both + ",s=" + base64.StdEncoding.EncodeToString(k.Salt) + ",i=" + strconv.Itoa(k.Iterations)
	s.authMessage = bare + "," + answer + ","
	return answer, nil
}

// final checks the proof and answers with the server's own: errProof, or *MessageError.
func (s *server) final(clientFinal string) (string, error) {
	const message = "client-final"
	fault := func(reason string) (string, error) { return "", &MessageError{message, reason} }
	if err := sizeFault(message, clientFinal); err != nil {
		return "", err
	}
	i := strings.LastIndex(clientFinal, ",p=")
	if i < 0 {
		return fault("no proof")
	}
	withoutProof := clientFinal[:i]
	a := attributes{withoutProof}
	channel, ok := a.next('c')
	if !ok {
		return fault("no channel binding")
	}
	// Compared as text: it is no secret, and each has one writing only.
	if want := base64.StdEncoding.EncodeToString(append([]byte(s.header), s.binding...)); channel != want {
		return fault("binds to another channel: somebody is in between")
	}
	nonce, ok := a.next('r')
	if !ok || nonce != s.both {
		return fault("the nonce is another one")
	}
	if !a.extensions() {
		return fault("something after the nonce")
	}
	proof, ok := decodeKey(clientFinal[i+len(",p="):])
	if !ok {
		return fault("the proof is not 32 bytes of base64")
	}
	authMessage := s.authMessage + withoutProof
	clientKey := xor(proof, mac(s.keys.Stored[:], authMessage))
	if stored := sha256.Sum256(clientKey[:]); !equal(stored, s.keys.Stored) {
		return "", errProof
	}
	signature := mac(s.keys.Server[:], authMessage)
	return "v=" + base64.StdEncoding.EncodeToString(signature[:]), nil
}
