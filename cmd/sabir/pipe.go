package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

func (a *app) pipeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pipe [NAME | ADDRESS]", Short: "join stdin and stdout to a service",
		Long: `Pass bytes between a service and stdin and stdout, both ways, until the service
ends the connection. The end of stdin is passed on. This is what ssh: addresses
run at the other end.`,
		Example: `  echo '{"id":1,"method":"rpc.ping"}' | sabir pipe lounge`,
		Args:    takes(0, 1, "one NAME or ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			return a.pipe(c.Context(), name)
		},
	}
}

func (a *app) pipe(ctx context.Context, name string) error {
	if name != "" && a.address != "" {
		return &usage{fmt.Sprintf("pipe goes to one address, not to %s and %s", a.address, name), ""}
	}
	if name == "" {
		name = a.addressOf("")
	}
	if name == "" {
		return &usage{"pipe takes one NAME or ADDRESS", "sabir ls lists the services"}
	}
	address, err := transport.Parse(name)
	if err != nil {
		return err
	}
	dialling, cancel := a.limited(ctx)
	defer cancel()
	in := bufio.NewReader(a.in)
	opts := a.dialling(nil)
	var conn *transport.Conn
	if address.Scheme == "tcp" || address.Scheme == "sabir" || address.Web() {
		// Who speaks here has no TLS: we log in, in the encoding that it begins with.
		if first, _ := in.Peek(len(wire.Magic)); bytes.HasPrefix(first, wire.Magic[:]) {
			opts.CBOR = true
			in.Discard(len(wire.Magic)) // Connect sends its own
		}
		conn, err = sabir.Connect(dialling, address, &opts)
	} else {
		conn, err = transport.Dial(dialling, address, &transport.DialOptions{Stderr: a.errout})
	}
	if err != nil && untrusted(err) {
		return err
	}
	if err != nil {
		return a.timed(public(name), &sabir.Unanswered{Err: err})
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	send := func() {
		if _, err := io.Copy(conn, in); err == nil {
			conn.CloseWrite()
		}
	}
	receive := func(out io.Writer) error {
		_, err := io.Copy(out, conn)
		return err
	}
	if address.Web() {
		p := newWholePipe(conn, opts.CBOR)
		send, receive = func() { p.send(in) }, p.receive
	}
	// The goroutine may be left in a read of stdin, which nothing can end; the
	// process does.
	go send()
	return a.fromPeer(ctx, receive)
}

func (a *app) fromPeer(ctx context.Context, receive func(out io.Writer) error) error {
	err := receive(&outputOnly{a.out})
	var output *outputError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, errors.As(err, &output):
		return err
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrClosed):
		return nil
	}
	return &noAnswer{err}
}

// outputOnly tells failures of stdout from those of the service, and hides from
// io.Copy what else a file can do.
type outputOnly struct{ w io.Writer }

func (o *outputOnly) Write(b []byte) (int, error) {
	if err := write(o.w, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// noAnswer is a failure to reach anybody, below the protocol.
type noAnswer struct{ err error }

func (e *noAnswer) Error() string   { return e.err.Error() }
func (e *noAnswer) Unwrap() []error { return []error{e.err, errNobody} }
