package auth

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Client is the side of SCRAM that has a secret, for one exchange. It is for one goroutine.
//
//	first := c.First()              // send
//	final, err := c.Final(answer)   // send
//	err = c.Verify(answer)          // only now is the server one to talk to
type Client struct {
	id      string
	secret  Secret
	binding []byte
	nonce   string

	clientFirst string // without the header
	authMessage string
	serverKey   [32]byte
}

// NewClient begins an exchange. binding is the channel binding of the connection, nil without TLS; it decides the
// mechanism (MechanismFor).
func NewClient(id string, secret Secret, binding []byte) *Client {
	return &Client{id: id, secret: secret, binding: binding, nonce: newNonce()}
}

// First is the message that opens the exchange.
func (c *Client) First() string {
	header, _ := gs2(c.binding)
	c.clientFirst = "n=" + c.id + ",r=" + c.nonce
	return header + c.clientFirst
}

// Final is the answer to the server's first message: the proof. It costs at most a million hashes, and nothing is
// computed for a server that asks for more, or for so few that the proof would betray a password. spec [K9]
func (c *Client) Final(serverFirst string) (string, error) {
	const message = "server-first"
	if err := sizeFault(message, serverFirst); err != nil {
		return "", err
	}
	a := attributes{serverFirst}
	nonce, ok := a.next('r')
	if !ok || !validNonce(nonce) {
		return "", &MessageError{message, "no nonce"}
	}
	if !strings.HasPrefix(nonce, c.nonce) || len(nonce) == len(c.nonce) {
		return "", &MessageError{message, "the nonce does not continue ours"}
	}
	text, ok := a.next('s')
	salt, valid := decode(text)
	if !ok || !valid || len(salt) < 8 || len(salt) > maxSalt {
		return "", &MessageError{message, "no salt of 8 to 64 bytes"}
	}
	text, ok = a.next('i')
	iterations, err := strconv.Atoi(text)
	if !ok || err != nil || text[0] == '+' || iterations < minIterations || iterations > maxIterations {
		return "", &MessageError{message, "no number of iterations from 4096 to 1000000"}
	}
	if !a.extensions() {
		return "", &MessageError{message, "something after the iterations"}
	}
	_, channel := gs2(c.binding)
	withoutProof := "c=" + channel + ",r=" + nonce
	c.authMessage = c.clientFirst + "," + serverFirst + "," + withoutProof
	clientKey, stored, server := c.secret.derive(salt, iterations)
	c.serverKey = server
	proof := xor(clientKey, mac(stored[:], c.authMessage))
	return withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof[:]), nil
}

// Verify checks the server's last message: ErrServer if it is not the one that has our keys, or has them for another
// certificate. Until then nothing that came over the connection is to be believed.
func (c *Client) Verify(serverFinal string) error {
	const message = "server-final"
	if err := sizeFault(message, serverFinal); err != nil {
		return err
	}
	a := attributes{serverFinal}
	text, ok := a.next('v')
	signature, valid := decodeKey(text)
	if !ok || !valid || !a.extensions() || c.authMessage == "" {
		return &MessageError{message, "no signature"}
	}
	if !equal(signature, mac(c.serverKey[:], c.authMessage)) {
		return ErrServer
	}
	return nil
}
