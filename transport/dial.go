package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// DialOptions says how Dial finds and starts things; nil means every default.
type DialOptions struct {
	Env    Env       // default: the process's environment
	Stderr io.Writer // of exec: and ssh: children; default os.Stderr
}

// UnsupportedError says that an address is well formed but cannot be used here, and why.
type UnsupportedError struct {
	Scheme, Reason string
}

func (e *UnsupportedError) Error() string { return e.Scheme + ": " + e.Reason }

// Dial connects to addr. ctx bounds the connecting, not the connection; for exec: and ssh: that is the start of the
// child, and whether it is any good shows at the first Read. Errors name the address that was tried, which for a
// name is the socket it was found at.
func Dial(ctx context.Context, addr Address, opts *DialOptions) (*Conn, error) {
	if opts == nil {
		opts = &DialOptions{}
	}
	if fault := addr.fault(); fault != nil {
		return nil, fault
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", redact(addr.String()), err)
	}
	switch addr.Scheme {
	case "name":
		path, err := opts.Env.Lookup(addr.Name)
		if err != nil {
			return nil, err
		}
		return dialUnix(ctx, path)
	case "unix":
		path, err := filepath.Abs(addr.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", addr, err)
		}
		return dialUnix(ctx, path)
	case "exec":
		return dialCommand(addr, addr.Command, opts.Stderr)
	case "ssh":
		// No BatchMode: ssh asks for passwords on the terminal, not on its stdin. The "--" and fault's rules for
		// hosts keep a host from being an option; the service is a name, so the remote shell finds nothing in it.
		words := []string{opts.Env.filled().SSH, "-T", "--", addr.Host, "sabir", "pipe"}
		if addr.Service != "" {
			words = append(words, addr.Service)
		}
		return dialCommand(addr, words, opts.Stderr)
	}
	if addr.Scheme == "tcp" || addr.Scheme == "sabir" {
		return nil, &UnsupportedError{addr.Scheme, "addresses are dialled by DialTCP, and need a login"}
	}
	return nil, &UnsupportedError{addr.Scheme, "addresses are dialled by who speaks HTTP, and need a login"}
}

func dialUnix(ctx context.Context, path string) (*Conn, error) {
	addr := Address{Scheme: "unix", Path: path}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, cause(ctx, err))
	}
	unix := conn.(*net.UnixConn)
	return NewConn(unix, credentials(unix)), nil
}

func dialCommand(addr Address, words []string, stderr io.Writer) (*Conn, error) {
	if stderr == nil {
		stderr = os.Stderr
	}
	c, err := start(addr.String(), words, stderr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, cause(context.Background(), err))
	}
	return NewConn(c, Peer{Transport: addr.Scheme, PID: c.cmd.Process.Pid}), nil
}

// checkPath says what the kernel only calls an invalid argument.
func checkPath(path string) error {
	if len(path) > maxPath {
		return &RefusedError{path, fmt.Sprintf("has %d bytes, and a socket's path at most %d", len(path), maxPath)}
	}
	return nil
}

// cause digs out of an error of net or os/exec what went wrong; the rest repeats the address in other words.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) { // package net looks at the clock itself
		return context.DeadlineExceeded
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	var missing *exec.Error
	if errors.As(err, &missing) {
		return missing.Err
	}
	return err
}
