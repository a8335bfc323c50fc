package main

import (
	"errors"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// missing is the answer that a service or a member is not there, in words that
// tell which of the two.
type missing struct {
	message, hint string
	answer        *sabir.Error // the same for programs
}

func (e *missing) Error() string { return e.message }
func (e *missing) Unwrap() error { return e.answer }

// newMissing suggests near, if there is any, and hint if not.
func newMissing(message, name, near, prefix, hint string) *missing {
	params := struct {
		Method  string
		Similar *string
	}{Method: name}
	if near != "" {
		message += "; did you mean " + near + "?"
		hint = ""
		near = prefix + near
		params.Similar = &near
	}
	answer := &sabir.Error{Code: sabir.ErrMethodNotFound.Code, Name: sabir.ErrMethodNotFound.Name, Message: message}
	if raw, err := codec.AppendAny(nil, wire.JSON, &params); err == nil {
		answer.Params = sabir.RawBody(wire.Value{Raw: raw})
	}
	return &missing{message, hint, answer}
}

// noService says that nobody at an address offers a service.
func noService(service, address string, err error) error {
	var answer *sabir.Error
	var params struct {
		Similar string `sabir:",optional"`
	}
	if errors.As(err, &answer) {
		_ = answer.Params.Decode(&params) // a peer that suggests nothing
	}
	address = public(address)
	return newMissing("no service "+service+" at "+address, service, params.Similar, "",
		"sabir -a "+address+" ls lists what is there")
}

// noMember says that a service has no such member; names are those it has.
func noMember(service, member string, names []string) error {
	return newMissing(service+" has no member "+member, service+"."+member, codec.Nearest(member, names), service+".",
		"sabir describe "+service+" lists what it has")
}

// silent turns the failure of a first question into what it means: nothing that
// matters was sent yet, so no outcome is unknown.
func silent(address string, err error) error {
	var lost *sabir.Unanswered
	if errors.As(err, &lost) && lost.Sent {
		return &sabir.Unanswered{Err: &silence{public(address)}}
	}
	return err
}

type silence struct{ address string }

func (e *silence) Error() string { return e.address + ": it ended the connection without an answer" }

// public is an address as it may be printed and kept: it may have a token.
func public(address string) string {
	if a, err := transport.Parse(address); err == nil && a.Rest != "" {
		return a.WithoutSecret().String()
	}
	return address
}
