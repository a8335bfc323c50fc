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

// lent is the one read that may be under way on a connection.
type lent struct {
	raw  syscall.RawConn
	try  func(fd uintptr) bool // made once: it would be allocated each time
	lend func() []byte
	back func()
	n    int
	err  error
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
	l.try = l.attempt
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
