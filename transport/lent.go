package transport

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Lends reports whether ReadLent works on this connection: on plain sockets.
func (c *Conn) Lends() bool { return c.lent != nil }

// ReadLent is Read into what lend returns. It is asked for whenever there may be something to read, and taken back by
// back if there was nothing: a connection that waits, as most do most of the time, holds no memory to read into. Both
// are called by the goroutine that reads.
func (c *Conn) ReadLent(lend func() []byte, back func()) (int, error) { return c.lent.read(lend, back) }

// AwaitRead waits until there is something to read, or a read would fail, where a connection Lends; elsewhere it does
// not. It takes less stack than a read: so little that a goroutine that is here keeps the smallest that there is.
func (c *Conn) AwaitRead() {
	if c.lent != nil {
		c.lent.raw.Read(c.lent.look) // its error is one that the read will have
	}
}

// TryWrite writes as much as goes without waiting, which may be nothing; so it does on every connection that Lends. It
// is a Write in that there may be one at a time.
func (c *Conn) TryWrite(p []byte) (int, error) { return c.lent.writeOnce(p, false) }

// WriteSome waits until something can be written and writes as much as goes then; with a Write, nobody would see how
// far it is before all is gone. Where a connection does not lend, a piece goes.
func (c *Conn) WriteSome(p []byte) (int, error) {
	if c.lent == nil {
		return c.Write(p[:min(len(p), writePiece)])
	}
	return c.lent.writeOnce(p, true)
}

// writePiece is little enough that a slow peer is seen to read it in ten seconds.
const writePiece = 64 << 10

// lent is the one read, and the one write, that may be under way on a connection.
type lent struct {
	raw syscall.RawConn

	try  func(fd uintptr) bool // attempt, made once: it would be allocated each time
	look func(fd uintptr) bool // peek, likewise
	seen [1]byte               // what peek looks at
	lend func() []byte
	back func()
	n    int
	err  error

	put      func(fd uintptr) bool // write, likewise
	out      []byte
	wait     bool // until out or some of it is written
	written  int
	writeErr error
}

func newLent(rwc io.ReadWriteCloser) *lent {
	var raw syscall.RawConn
	var err error
	switch socket := rwc.(type) {
	case *net.UnixConn:
		raw, err = socket.SyscallConn()
	case *net.TCPConn:
		raw, err = socket.SyscallConn()
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	l := &lent{raw: raw}
	l.try, l.look, l.put = l.attempt, l.peek, l.write
	return l
}

func (l *lent) read(lend func() []byte, back func()) (int, error) {
	l.lend, l.back = lend, back
	if err := l.raw.Read(l.try); err != nil {
		return 0, err
	}
	switch {
	case l.err != nil:
		return 0, os.NewSyscallError("read", l.err)
	case l.n == 0:
		return 0, io.EOF
	}
	return l.n, nil
}

// peek looks whether a read would find something; false: it would have to wait.
func (l *lent) peek(fd uintptr) bool {
	for {
		_, _, err := syscall.Recvfrom(int(fd), l.seen[:], syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}

// attempt reads once; false: there was nothing, and somebody has to wait.
func (l *lent) attempt(fd uintptr) bool {
	for {
		l.n, l.err = syscall.Read(int(fd), l.lend())
		switch l.err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			l.back()
			return false
		}
		return true
	}
}

func (l *lent) writeOnce(p []byte, wait bool) (int, error) {
	l.out, l.wait = p, wait
	err := l.raw.Write(l.put)
	l.out = nil
	switch {
	case err != nil:
		return 0, err
	case l.writeErr == syscall.EAGAIN:
		return 0, nil
	case l.writeErr != nil:
		return 0, os.NewSyscallError("write", l.writeErr)
	}
	return l.written, nil
}

// write tries once; false: nothing went, and that is to be waited for.
func (l *lent) write(fd uintptr) bool {
	for {
		l.written, l.writeErr = syscall.Write(int(fd), l.out)
		switch l.writeErr {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return !l.wait
		}
		return true
	}
}
