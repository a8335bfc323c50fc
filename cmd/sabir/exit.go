package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// Exit statuses that scripts can use.
const (
	exitError  = 1   // answered with an error, or the result could not be printed
	exitUsage  = 2   // the command line is wrong
	exitNobody = 3   // nobody answered, or it was not run
	exitTime   = 4   // too late
	exitPipe   = 141 // stdout was closed, as by head: what the shell shows for SIGPIPE
)

// usage is a mistake in the command line. A hint gets a line of its own.
type usage struct{ message, hint string }

func (e *usage) Error() string { return e.message }

// failed adds to an error what it was about: "lounge.say".
type failed struct {
	what string
	hint string // beyond the one that the error has of itself
	err  error
}

func (e *failed) Error() string { return e.what + ": " + e.err.Error() }
func (e *failed) Unwrap() error { return e.err }

// regarding says what an error was about.
func regarding(what string, err error) error {
	if err == nil {
		return nil
	}
	return &failed{what: what, err: err}
}

// outputError is a failure of our own output.
type outputError struct{ err error }

func (e *outputError) Error() string { return "stdout: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// write writes results.
func write(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return &outputError{err}
	}
	return nil
}

// report tells the person how the command ended and returns the exit status.
func (a *app) report(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	var signal interruption
	if errors.As(context.Cause(ctx), &signal) {
		return signal.exit()
	}
	var out *outputError
	if errors.As(err, &out) && errors.Is(err, syscall.EPIPE) {
		return exitPipe
	}
	exit, answer := a.judge(err)
	if a.json {
		a.errout.Write(appendSafe(nil, failure(answer, exit)))
		return exit
	}
	for _, line := range lines(err) {
		fmt.Fprintf(a.errout, "sabir: %s\n", escape(line, false))
	}
	for _, hint := range hints(err) {
		fmt.Fprintf(a.errout, "sabir: hint: %s\n", escape(hint, false))
	}
	return exit
}

// judge finds the exit status of an error, and the error as an answer.
func (a *app) judge(err error) (exit int, answer *sabir.Error) {
	var wrong *usage
	var address *transport.AddressError
	var unsupported *transport.UnsupportedError
	var late *tooLate
	var lost *sabir.Unanswered
	switch {
	case errors.As(err, &wrong), errors.As(err, &address), errors.As(err, &unsupported):
		return exitUsage, &sabir.Error{Message: err.Error()}
	case errors.As(err, &late):
		return exitTime, named(sabir.ErrDeadlineExceeded, err)
	case errors.As(err, &answer):
		return exitOf(answer), answer
	case errors.As(err, &lost) && lost.Sent:
		return exitNobody, named(sabir.ErrOutcomeUnknown, err)
	case errors.As(err, &lost), errors.Is(err, errNobody):
		return exitNobody, named(sabir.ErrUnavailable, err)
	}
	return exitError, &sabir.Error{Message: err.Error()}
}

func named(kind *sabir.Error, err error) *sabir.Error {
	return &sabir.Error{Code: kind.Code, Name: kind.Name, Message: err.Error()}
}

// exitOf tells an answer that says no from one that says: not now. spec [E2]
func exitOf(e *sabir.Error) int {
	for _, notRun := range []error{sabir.ErrUnavailable, sabir.ErrBusy, sabir.ErrDraining, sabir.ErrOutcomeUnknown} {
		if errors.Is(e, notRun) {
			return exitNobody
		}
	}
	if errors.Is(e, sabir.ErrDeadlineExceeded) {
		return exitTime
	}
	return exitError
}

// lines are what to say of an error. Faults of params get a line each.
func lines(err error) []string {
	var answer *sabir.Error
	var about *failed
	if errors.As(err, &answer) && errors.As(err, &about) {
		if faults := answer.Faults(); len(faults) > 0 {
			var all []string
			for _, f := range faults {
				all = append(all, fmt.Sprintf("%s: %s: %s", about.what, answer.ShortName(), f))
			}
			return all
		}
	}
	var lost *sabir.Unanswered
	if errors.As(err, &lost) && !lost.Sent {
		return []string{lost.Err.Error()} // names the address, which says more than the member
	}
	return []string{err.Error()}
}

func hints(err error) (all []string) {
	var wrong *usage
	if errors.As(err, &wrong) && wrong.hint != "" {
		all = append(all, wrong.hint)
	}
	var address *transport.AddressError
	if errors.As(err, &address) && address.Hint != "" {
		all = append(all, address.Hint)
	}
	var about *failed
	if errors.As(err, &about) && about.hint != "" {
		all = append(all, about.hint)
	}
	var missing *transport.NotFoundError
	switch {
	case errors.As(err, &missing):
		all = append(all, suggestSocket(missing.Name))
	case errors.Is(err, syscall.ECONNREFUSED):
		all = append(all, "the socket is there, but nobody listens: the service has ended")
	case errors.Is(err, fs.ErrNotExist) && len(all) == 0 && errors.Is(err, sabir.ErrUnavailable):
		all = append(all, "sabir ls lists what is here")
	}
	return all
}

// suggestSocket guesses which service was meant.
func suggestSocket(name string) string {
	entries, _ := transport.ProcessEnv().Sockets()
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	if near := codec.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "sabir ls lists what is here"
}

// tooLate says that our own --timeout has passed.
type tooLate struct {
	what  string
	limit fmt.Stringer
}

func (e *tooLate) Error() string { return fmt.Sprintf("%s: no answer within %v", e.what, e.limit) }

// errNobody marks failures of a connection below sabir's own.
var errNobody = errors.New("nobody answers")

// failure is an error as one JSON object on a line.
func failure(e *sabir.Error, exit int) []byte {
	var dst []byte
	text := func(key, s string) {
		dst, _ = wire.AppendString(append(dst, key...), wire.JSON, escapeInvalid(s))
	}
	dst = append(dst, `{"error":{`...)
	if e.Code != 0 {
		dst = append(fmt.Appendf(dst, `"code":%d`, e.Code), ',')
	}
	if e.Name != "" {
		text(`"name":`, e.Name)
		dst = append(dst, ',')
	}
	text(`"message":`, e.Message)
	if e.Code != 0 {
		dst = append(dst, `,"params":`...)
		if v, err := e.Params.Append(dst, wire.JSON); err == nil {
			dst = v
		}
	}
	return fmt.Appendf(dst, `},"exit":%d}`+"\n", exit)
}
