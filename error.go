package sabir

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Error is an answer: no. Name says which of the errors that the member
// declares, or which of the protocol's own ("rpc.Busy"), and is empty if the
// other side is no Sabir service. spec [E1]
//
// errors.As finds the typed error that a service declares in an *Error that
// came from afar, by the name of the Go type:
//
//	var full lounge.RoomFull
//	if errors.As(err, &full) { … full.Max … }
type Error struct {
	Code    int
	Name    string
	Message string
	Params  Body
}

func (e *Error) Error() string {
	short := e.ShortName()
	switch {
	case short == "":
		return fmt.Sprintf("error %d: %s", e.Code, e.Message)
	case e.Message == "":
		return short
	}
	return short + ": " + e.Message
}

// ShortName is the name without its service: "NoSuchRoom".
func (e *Error) ShortName() string {
	return e.Name[strings.LastIndexByte(e.Name, '.')+1:]
}

// Is makes errors.Is(err, ErrBusy) and the like work.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	switch {
	case ok:
		return t.Code == e.Code && e.Code != int(wire.Declared) && t.Message == "" && t.Params.raw.IsZero()
	case target == context.Canceled:
		return e.Code == int(wire.Cancelled)
	case target == context.DeadlineExceeded:
		return e.Code == int(wire.DeadlineExceeded)
	}
	return false
}

// As makes errors.As find declared errors.
func (e *Error) As(target any) bool {
	v := reflect.ValueOf(target).Elem()
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.Name() == "" || errorName(t) != e.ShortName() || e.Code != int(wire.Declared) {
		return false
	}
	fresh := reflect.New(t)
	if e.Params.Decode(fresh.Interface()) != nil {
		return false
	}
	if v.Kind() == reflect.Pointer {
		v.Set(fresh)
	} else {
		v.Set(fresh.Elem())
	}
	return true
}

// The protocol's own errors, for errors.Is. What each means: spec/errors.md.
var (
	ErrParse            = protocolError(wire.ParseError)
	ErrInvalidRequest   = protocolError(wire.InvalidRequest)
	ErrMethodNotFound   = protocolError(wire.MethodNotFound)
	ErrInvalidParams    = protocolError(wire.InvalidParams)
	ErrInternal         = protocolError(wire.Internal)
	ErrCancelled        = protocolError(wire.Cancelled)
	ErrDeadlineExceeded = protocolError(wire.DeadlineExceeded)
	ErrBusy             = protocolError(wire.Busy)
	ErrDenied           = protocolError(wire.Denied)
	ErrDraining         = protocolError(wire.Draining)
	ErrUnavailable      = protocolError(wire.Unavailable)
	ErrTooLarge         = protocolError(wire.TooLarge)
	ErrOutcomeUnknown   = protocolError(wire.OutcomeUnknown)
	ErrInvalidResult    = protocolError(wire.InvalidResult)
)

func protocolError(code wire.Code) *Error {
	return &Error{Code: int(code), Name: code.Name()}
}

// Fault is one thing wrong with params or a result. spec [M8]
type Fault = codec.Fault

// Faults returns what is wrong, of an rpc.InvalidParams or rpc.InvalidResult.
func (e *Error) Faults() []Fault {
	var p faultParams
	if e.Code != int(wire.InvalidParams) && e.Code != int(wire.InvalidResult) || e.Params.Decode(&p) != nil {
		return nil
	}
	return p.Faults
}

// The params of the protocol's own errors. spec [E2]
type (
	faultParams    struct{ Faults []Fault }
	requestParams  struct{ Member *string }
	notFoundParams struct {
		Method  string
		Similar *string
	}
	limitParams  struct{ Limit *string }
	deniedParams struct{ Needs idl.Access }
	memberNeeded struct{ Needs string }
	sizeParams   struct {
		Limit   int
		Started bool `sabir:",optional"`
	}
)

func newError(code wire.Code, params any, format string, args ...any) *Error {
	e := protocolError(code)
	e.Message = fmt.Sprintf(format, args...)
	if params != nil {
		raw, err := codec.AppendAny(nil, wire.JSON, params)
		if err == nil {
			e.Params = RawBody(wire.Value{Enc: wire.JSON, Raw: raw})
		}
	}
	return e
}

func invalidParams(faults []Fault) *Error {
	return newError(wire.InvalidParams, &faultParams{faults}, "%s", joinFaults(faults))
}

func invalidResult(faults []Fault) *Error {
	return newError(wire.InvalidResult, &faultParams{faults}, "the answer does not fit: %s", joinFaults(faults))
}

func joinFaults(faults []Fault) string {
	parts := make([]string, len(faults))
	for i, f := range faults {
		parts[i] = f.String()
	}
	return strings.Join(parts, "; ")
}

// Busy is the answer of a handler that has reached a limit of its own, named by
// limit: it means that nothing was done. in_flight and queue are names of the protocol's
// own, after which a client waits for other calls of its to be answered and tries again.
// spec [E4]
func Busy(limit, format string, args ...any) *Error { return busy(limit, format, args...) }

// Unavailable is the answer of a handler that what it needs is not there: it
// means that nothing was done. spec [E4]
func Unavailable(format string, args ...any) *Error {
	return newError(wire.Unavailable, nil, format, args...)
}

// Denied is the answer of a handler or hook to a caller who lacks a level of
// access, the one that is needed, where the declared one does not say it all:
// it means that nothing was done. spec [E4]
func Denied(needs Access, format string, args ...any) *Error {
	return newError(wire.Denied, &deniedParams{needs}, format, args...)
}

// InvalidParams is the answer of a Handler that judges params by itself. spec [M8]
func InvalidParams(faults []Fault) *Error { return invalidParams(faults) }

// MethodNotFound is the answer of a Handler that does not have what was called,
// but has members of the full names given: the nearest is told. spec [M7]
func MethodNotFound(method string, members []string) *Error { return notFound(method, method, members) }

func busy(limit, format string, args ...any) *Error {
	return newError(wire.Busy, &limitParams{&limit}, format, args...)
}

func notFound(method, what string, names []string) *Error {
	method = wire.Clip(method)
	p := notFoundParams{Method: method}
	hint := ""
	if near := codec.Nearest(what, names); near != "" {
		p.Similar = &near
		hint = fmt.Sprintf(", did you mean %s?", near)
	}
	return newError(wire.MethodNotFound, &p, "no member %s%s", method, hint)
}

// ErrorOf returns what a caller is told of an error that a Handler returned, nil
// of none.
func ErrorOf(err error) *Error {
	if err == nil {
		return nil
	}
	e, _ := toWire(err)
	return fromWire(e)
}

// toWire turns what a Handler returned into an answer; ok is false for an error
// whose text must not leave the process. spec [E3]
func toWire(err error) (e *wire.Error, ok bool) {
	var se *Error
	var lost *Unanswered
	switch {
	case errors.As(err, &lost) && lost.Sent:
		return protocolWire(wire.OutcomeUnknown, "the service went away before it answered"), true
	case errors.As(err, &lost):
		return protocolWire(wire.Unavailable, "the service is not there"), true
	case errors.As(err, &se):
		v, verr := se.Params.Value()
		if verr != nil {
			v = wire.Value{}
		}
		return &wire.Error{Code: wire.Code(se.Code), Message: se.Message, Name: se.Name, Params: v}, true
	case errors.Is(err, context.DeadlineExceeded):
		return protocolWire(wire.DeadlineExceeded, "the time is up"), true
	case errors.Is(err, context.Canceled):
		return protocolWire(wire.Cancelled, "cancelled"), true
	}
	return protocolWire(wire.Internal, "the service failed; its log says why"), false
}

// tells reports whether an error says by itself what a caller is told.
func tells(err error) bool {
	_, ok := toWire(err)
	return ok
}

func protocolWire(code wire.Code, message string) *wire.Error {
	return &wire.Error{Code: code, Name: code.Name(), Message: message}
}

// fromWire copies an answer out of the frame it came in.
func fromWire(w *wire.Error) *Error {
	e := &Error{Code: int(w.Code), Name: w.Name, Message: w.Message}
	if !w.Params.IsZero() {
		e.Params = RawBody(wire.Value{Enc: w.Params.Enc, Raw: append([]byte(nil), w.Params.Raw...)})
	}
	return e
}
