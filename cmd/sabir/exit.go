package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/keep"
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
	var done *quiet
	if errors.As(err, &done) {
		return exitError
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	exit, answer := a.judge(err)
	if a.json {
		a.errout.Write(appendSafe(nil, failure(answer, exit)))
		return exit
	}
	for _, line := range lines(err) {
		// A message may have lines, as the last words of a program: what comes
		// from elsewhere never begins one.
		fmt.Fprintf(a.errout, "sabir: %s\n", strings.ReplaceAll(escape(line, true), "\n", "\n\t"))
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
	var plain *transport.PlainError
	var late *tooLate
	var unread *uncompared
	var lost *sabir.Unanswered
	switch {
	case errors.As(err, &wrong), errors.As(err, &address), errors.As(err, &unsupported), errors.As(err, &plain):
		return exitUsage, &sabir.Error{Message: err.Error()}
	case errors.As(err, &unread):
		return exitUsage, &sabir.Error{Message: lines(err)[0]}
	case errors.As(err, &late):
		return exitTime, named(sabir.ErrDeadlineExceeded, err)
	case errors.As(err, &answer):
		return exitOf(answer), answer
	case untrusted(err):
		return exitNobody, named(sabir.ErrUnavailable, err)
	case errors.As(err, &lost) && lost.Sent:
		return exitNobody, named(sabir.ErrOutcomeUnknown, err)
	case errors.As(err, &lost), errors.Is(err, errNobody):
		return exitNobody, named(sabir.ErrUnavailable, err)
	}
	return exitError, &sabir.Error{Message: err.Error()}
}

func named(kind *sabir.Error, err error) *sabir.Error {
	return &sabir.Error{Code: kind.Code, Name: kind.Name, Message: lines(err)[0]}
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
	var gone *missing
	if errors.As(err, &gone) {
		return []string{gone.message}
	}
	var faults idl.Faults
	if errors.As(err, &faults) {
		return strings.Split(strings.ReplaceAll(faults.Error(), "\n\t", "\n"), "\n")
	}
	// The address says more than the member.
	var lost *sabir.Unanswered
	var nowhere *transport.NotFoundError
	var address *transport.AddressError
	switch {
	case errors.As(err, &address):
		return []string{address.Error()}
	case errors.As(err, &nowhere):
		return []string{"no service " + nowhere.Error()}
	case errors.As(err, &lost) && !lost.Sent && !untried(err):
		return []string{"nobody answers at " + lost.Err.Error()}
	case errors.As(err, &lost) && !lost.Sent:
		return []string{lost.Err.Error()}
	}
	return []string{err.Error()}
}

// untried reports that it is not up to who is at the address: that is nothing to
// go to, or a file of ours is in the way.
func untried(err error) bool {
	for _, ours := range []any{
		new(*transport.UnsupportedError), new(*transport.RefusedError),
		new(*fs.PathError), new(*keep.UnsafeError), new(*keep.LockedError), new(*transport.KnownHostsError),
	} {
		if errors.As(err, ours) {
			return true
		}
	}
	return errors.Is(err, transport.ErrNoPlace)
}

// untrusted reports that we did not go on to talk to whoever is there.
func untrusted(err error) bool {
	var certificate *transport.CertificateError
	var untrusted *transport.UntrustedError
	var secret *sabir.SecretError
	var upgrade *sabir.UpgradeError
	return errors.As(err, &certificate) || errors.As(err, &untrusted) || errors.As(err, &secret) || errors.As(err, &upgrade) ||
		errors.Is(err, auth.ErrServer)
}

func hints(err error) (all []string) {
	var hinting interface {
		error
		Hint() string
	}
	if errors.As(err, &hinting) && hinting.Hint() != "" {
		all = append(all, hinting.Hint())
	}
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
	var gone *missing
	if errors.As(err, &gone) && gone.hint != "" {
		all = append(all, gone.hint)
	}
	if errors.Is(err, errNobody) || errors.Is(err, sabir.ErrUnavailable) {
		all = append(all, unreached(err)...)
	}
	return all
}

// served is how a command ends that listened; what failed is the word for it.
func served(what string, err error) error {
	var taken *transport.InUseError
	switch {
	case errors.As(err, &taken):
		return &noAnswer{err}
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// unreached says what to do where nobody answers.
func unreached(err error) []string {
	var nowhere *transport.NotFoundError
	var taken *transport.InUseError
	switch {
	case errors.As(err, &nowhere):
		return []string{suggestSocket(nowhere.Name)}
	case errors.As(err, &taken) && !strings.HasPrefix(taken.Path, "/"):
		return []string{"take another port, or end what listens there: ss -ltnp"}
	case errors.As(err, &taken) && lentAs() != "":
		name := strings.TrimSuffix(filepath.Base(taken.Path), ".sock")
		return []string{fmt.Sprintf("the socket that was made for this process is called %q: FileDescriptorName=%s in its unit", lentAs(), name)}
	case errors.As(err, &taken):
		return []string{"sabir ls lists what is here; -a NAME takes another name"}
	case strings.Contains(err.Error(), ": tls: ") && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)): // spec [K4]
		return []string{"it may keep this machine out for a while, since logins from here failed: its log says so"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return []string{"its service has ended, or it is no socket: start the service again"}
	case errors.Is(err, fs.ErrPermission):
		return []string{"it belongs to another user: ask for access, or try as that user"}
	case errors.Is(err, exec.ErrNotFound):
		return []string{"is the program installed, and in $PATH?"}
	case errors.Is(err, fs.ErrNotExist):
		return []string{"sabir ls lists what is here"}
	}
	return nil
}

// lentAs are the names of the sockets that were made for this process.
func lentAs() string {
	if a := transport.ProcessEnv().Activated; a.PID == strconv.Itoa(os.Getpid()) {
		return a.FDNames
	}
	return ""
}

// isSocket reports whether a name is the socket of a service here.
func isSocket(name string) bool {
	_, err := transport.ProcessEnv().Lookup(name)
	return err == nil
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
	if name == hub.Name {
		return "sabir hub starts one, or say with -a where it is"
	}
	return "start it, or say with -a where it is; sabir ls lists what is here"
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
