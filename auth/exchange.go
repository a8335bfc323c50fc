package auth

import (
	"errors"
	"fmt"
)

// ErrRefused is all that a peer may learn of a failed authentication; every one is this to errors.Is but those of the
// store itself. spec [K6]
var ErrRefused = errors.New("authentication refused")

// RefusedError is ErrRefused with what the log should know. The id is claimed, not proved.
type RefusedError struct {
	ID     string
	Reason string
}

func (e *RefusedError) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("%v: %s", ErrRefused, e.Reason)
	}
	return fmt.Sprintf("%v: id %q: %s", ErrRefused, e.ID, e.Reason)
}

func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// Exchange is what one connection may do before it is known who is there. It is for one goroutine.
type Exchange struct {
	store  *Store
	server server
	state  state
	once   Credential // the pairing token that was proved
	shown  bool       // no proof is made: a bearer is shown
}

type state int

const (
	begin   state = iota // waits for the client's first message
	proof                // waits for its last
	known                // the caller is known
	pairing              // a pairing token was proved and may be traded
	paired               // it was
	over                 // the connection ends
)

// NewExchange begins the exchange of a connection with that channel binding, nil without TLS.
func NewExchange(store *Store, binding []byte) *Exchange {
	return &Exchange{store: store, server: server{binding: binding, nonce: newNonce()}}
}

// Bearer is the mechanism of those who cannot do SCRAM: the secret is shown as it is. spec [K21]
const Bearer = "bearer"

// NewBearerExchange begins the exchange of a connection on which a bearer is shown, by Show, instead of a proof made.
// Without a store none is right.
func NewBearerExchange(store *Store) *Exchange { return &Exchange{store: store, shown: true} }

// Show takes the bearer of a connection. Its errors are those of Step.
func (x *Exchange) Show(bearer Secret) (*Credential, error) {
	if !x.shown || x.state != begin || x.store == nil {
		x.state = over
		return nil, &RefusedError{Reason: "a bearer where none is taken"}
	}
	c, err := x.store.Bearer(bearer)
	if err != nil {
		x.state = over
		return nil, err
	}
	x.state = known
	return &c, nil
}

// Step answers the params of one rpc.auth. mechanism may be empty after the first. who is nil until the proof was
// right; it may be a pairing token (Kind Once), with which only Pair is to be done.
//
// Every error ends the exchange, and the connection with it. If it is ErrRefused, the peer is told no more than that;
// any other is a fault on our side, such as a file of credentials that cannot be read.
func (x *Exchange) Step(mechanism, data string) (answer string, who *Credential, err error) {
	answer, who, err = x.step(mechanism, data)
	if err == nil {
		return answer, who, nil
	}
	x.state = over
	var message *MessageError
	switch {
	case err == errProof:
		err = &RefusedError{x.server.id, x.store.refusal(x.server.id, err.Error())}
	case errors.As(err, &message):
		err = &RefusedError{x.server.id, err.Error()}
	}
	return "", nil, err
}

func (x *Exchange) step(mechanism, data string) (answer string, who *Credential, err error) {
	needs := MechanismFor(x.server.binding)
	switch {
	case x.shown:
		return "", nil, &RefusedError{Reason: "an exchange where a bearer is to be shown"}
	case mechanism != needs && (mechanism != "" || x.state == begin):
		return "", nil, &RefusedError{Reason: fmt.Sprintf("mechanism %.32q instead of %s", mechanism, needs)}
	case x.state == begin:
		answer, err = x.server.first(data, x.store.keys)
		x.state = proof
		return answer, nil, err
	case x.state != proof:
		return "", nil, &RefusedError{x.server.id, "a further message after the end"}
	}
	answer, err = x.server.final(data)
	if err != nil {
		return "", nil, err
	}
	c, err := x.store.admit(x.server.id, x.server.keys)
	if err != nil {
		return "", nil, err
	}
	x.state = known
	if c.Kind == Once {
		x.state, x.once = pairing, c
	}
	return answer, &c, nil
}

// Admits reports whether a call is to be run at this point of the exchange. What is not is answered rpc.Denied, whatever
// it asks for, and until the caller is known the connection ends there. spec [K2], [K10], [K13]
func (x *Exchange) Admits(method string) bool {
	switch x.state {
	case begin, proof:
		return method == "rpc.auth"
	case known:
		return method != "rpc.auth"
	case pairing, paired:
		return method == "rpc.info" || method == "rpc.ping" || method == "rpc.pair" && x.state == pairing
	}
	return false
}

// Pair trades the pairing token that this connection has proved for a credential of its own, once: ErrRefused if it
// has proved none. name is what the client calls itself; it counts if the token has none. spec [K13]
func (x *Exchange) Pair(name string) (Credential, Secret, error) {
	if x.state != pairing {
		return Credential{}, Secret{}, &RefusedError{x.server.id, "no pairing token to trade"}
	}
	if x.once.Name != "" {
		name = x.once.Name
	}
	if !validID(name) {
		return Credential{}, Secret{}, ErrName
	}
	x.state = paired
	return x.store.AddToken(NewCredential{Name: name, Rights: x.once.Rights})
}

// ErrName is what Pair and SetPassword have against a name; another may be tried.
var ErrName = errors.New("a name has 1 to 64 of the characters a-z 0-9 . _ -, and that of a person no digit in front")
