package main

import (
	"context"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// stdio is the world as a command sees it.
type stdio struct {
	in     io.Reader
	out    io.Writer
	errout io.Writer
	outTTY bool // out is a terminal
	errTTY bool
	getenv func(string) string
	// release leaves signals to the command, which has to have an answer to them;
	// nil: they are nobody's.
	release func()
}

// process is the world of the program, whose reading and writing ends with ctx.
func process(ctx context.Context) stdio {
	return stdio{
		in: &inlet{ctx, os.Stdin}, out: &outlet{ctx, os.Stdout}, errout: os.Stderr,
		outTTY: term.IsTerminal(int(os.Stdout.Fd())),
		errTTY: term.IsTerminal(int(os.Stderr.Fd())),
		getenv: os.Getenv,
	}
}

// inlet is a file that is read for as long as ctx lasts. Nothing ends a read of a
// terminal or a pipe: the goroutine in it is left behind, as long as the process.
type inlet struct {
	ctx  context.Context
	file *os.File
}

func (i *inlet) Fd() uintptr { return i.file.Fd() }

func (i *inlet) Read(p []byte) (int, error) {
	own := make([]byte, len(p)) // it may be read into when nobody waits any more
	var n int
	var err error
	if !within(i.ctx, func() { n, err = i.file.Read(own) }) {
		return 0, context.Cause(i.ctx)
	}
	return copy(p, own[:n]), err
}

// outlet is a file that is written to likewise: who reads it may have stopped.
type outlet struct {
	ctx  context.Context
	file *os.File
}

func (o *outlet) Write(p []byte) (int, error) {
	var n int
	var err error
	if !within(o.ctx, func() { n, err = o.file.Write(p) }) {
		return 0, context.Cause(o.ctx)
	}
	return n, err
}

// within reports whether f returned before ctx had ended, or soon after.
func within(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-done:
		return true
	case <-time.After(together):
		return false
	}
}

// whileRead is a context that also ends when nobody reads any more what a command
// prints: where nothing happens it would go on for long, as in
// `sabir watch … | head -1`. Like tail(1) it looks at pipes and sockets alone.
func (a *app) whileRead(ctx context.Context) context.Context {
	o, ok := a.out.(*outlet)
	if !ok || !isPipe(o.file) {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	fd := int32(o.file.Fd())
	go func() { // as long as the process
		for {
			asked := []unix.PollFd{{Fd: fd}}
			_, err := unix.Poll(asked, -1)
			switch {
			case err == unix.EINTR:
			case err != nil:
				return
			case asked[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0:
				cancel(&outputError{syscall.EPIPE})
				return
			}
		}
	}()
	return ctx
}

func isPipe(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}
