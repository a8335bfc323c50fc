// Package transport turns an address, as people write it, into a connection or a listener.
//
// It knows nothing of the protocol that is spoken over a connection. What it does know is who is at the other end
// and how to be sure of it: a socket is private from the moment it exists, a stale one is replaced only when that is
// provably safe, a directory that others could write to is refused, and credentials are read once, when the
// connection is made.
package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// Sentinels for what a transport cannot do. The caller goes on without; neither means that the connection is broken.
var (
	ErrNoHalfClose = errors.New("this transport cannot close one direction alone")
	ErrNoDeadline  = errors.New("this transport has no deadlines")
)

// Conn is a connection with what is known of the other side.
//
// One goroutine may read while another writes, and any may call the other methods. Read and Write go straight to
// the transport and allocate nothing.
type Conn struct {
	rwc  io.ReadWriteCloser
	unix *net.UnixConn // rwc, if it is one: HungUp needs the socket itself
	lent *lent         // how it is read without memory to wait with; nil: not at all
	peer Peer
	tls  *secured // what TLS told of the connection; nil without
	// halfClosed tells that our own direction is closed, after which a socket answers HungUp's question with yes whatever
	// the peer did. Atomic, because the writer closes while the reader asks.
	halfClosed atomic.Bool
}

// NewConn wraps a connection made elsewhere. CloseWrite and SetReadDeadline work if rwc has methods of those names.
// Credentials in p count only if p.Known.
func NewConn(rwc io.ReadWriteCloser, p Peer) *Conn {
	if !p.Known {
		p.UID, p.GID = nobody, nobody
	}
	unix, _ := rwc.(*net.UnixConn)
	return &Conn{rwc: rwc, unix: unix, lent: newLent(rwc), peer: p}
}

// Stdio is the connection of a program that is spoken to on its standard input and output, such as one that was
// started by an exec: address. Close unblocks a Read only if in has deadlines, which files, pipes and terminals
// inherited from a shell mostly have not; there a reader ends when the other side closes or the process exits. Where
// out is os.Stdout, what is written after the other side has gone ends the process by SIGPIPE, and nothing is cleaned
// up: who has something to clean up begins with signal.Ignore(syscall.SIGPIPE).
func Stdio(in io.ReadCloser, out io.WriteCloser) *Conn {
	return NewConn(&stdio{in, out}, Peer{Transport: "stdio"})
}

// Pipe makes two connected ends in this process. It has deadlines but no buffer: a write waits for its reader. It
// works in testing/synctest bubbles.
func Pipe() (*Conn, *Conn) {
	a, b := net.Pipe()
	self := Peer{Transport: "inproc", Known: true, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), PID: os.Getpid()}
	return NewConn(a, self), NewConn(b, self)
}

func (c *Conn) Read(p []byte) (int, error)  { return c.rwc.Read(p) }
func (c *Conn) Write(p []byte) (int, error) { return c.rwc.Write(p) }

// Close ends both directions and unblocks Read and Write. For exec: and ssh: it waits for the child to end, at most
// about four seconds.
func (c *Conn) Close() error { return c.rwc.Close() }

// CloseWrite tells the other side that nothing more will come, and leaves reading open. ErrNoHalfClose where the
// transport has no such thing.
func (c *Conn) CloseWrite() error {
	half, ok := c.rwc.(interface{ CloseWrite() error })
	if !ok {
		return ErrNoHalfClose
	}
	c.halfClosed.Store(true)
	return half.CloseWrite()
}

// CloseRead lets nothing more in: what the other side writes from now on fails there, what has come can be read still,
// and then Read returns io.EOF. ErrNoHalfClose where the transport cannot, as over TCP, whose other side is not told.
func (c *Conn) CloseRead() error {
	if c.unix == nil {
		return ErrNoHalfClose
	}
	return c.unix.CloseRead()
}

// SetReadDeadline bounds pending and future reads, which then fail with os.ErrDeadlineExceeded; the zero time lifts
// it. ErrNoDeadline where the transport has none.
func (c *Conn) SetReadDeadline(t time.Time) error {
	d, ok := c.rwc.(interface{ SetReadDeadline(time.Time) error })
	if !ok {
		return ErrNoDeadline
	}
	err := d.SetReadDeadline(t)
	if errors.Is(err, os.ErrNoDeadline) {
		return ErrNoDeadline
	}
	return err
}

// SetWriteDeadline bounds a pending Write or WriteSome, which then fails with os.ErrDeadlineExceeded once it has written
// as much as it says, and more can be written after it; the zero time lifts it. ErrNoDeadline where the transport has
// none, or nothing could follow, as over TLS: it is for plain sockets and for a Pipe.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	d, ok := c.rwc.(interface{ SetWriteDeadline(time.Time) error })
	if !ok || c.lent == nil && c.peer.Transport != "inproc" {
		return ErrNoDeadline
	}
	return d.SetWriteDeadline(t)
}

// Peer is who was at the other end when the connection was made.
func (c *Conn) Peer() Peer { return c.peer }

// NetConn is the connection as one of package net, with all its deadlines; ok is false where it is none. What is read
// from the one is not read from the other.
func (c *Conn) NetConn() (conn net.Conn, ok bool) {
	conn, ok = c.rwc.(net.Conn)
	return conn, ok
}

// HungUp tells, once Read has returned io.EOF, whether the other side is gone altogether or has only finished
// writing and still reads, as `printf … | nc -N` does. Only unix sockets on Linux know, and only while our own
// direction is open; elsewhere known is false.
func (c *Conn) HungUp() (gone, known bool) {
	if c.unix == nil || c.halfClosed.Load() {
		return false, false
	}
	return hungUp(c.unix)
}

// nobody is the uid and gid of those we do not know: (uid_t)-1, which no process can have. Zero would be root's.
const nobody = ^uint32(0)

// Peer is who is at the other end, read when the connection is made and never again: a pid may be reused and a
// socket handed on, but whoever connected is answerable for what is said.
type Peer struct {
	Transport string // "unix", "exec", "ssh", "stdio", "inproc", "tcp" or "tls"
	Known     bool   // the credentials were read; without it UID and GID are 4294967295, which nobody has
	UID, GID  uint32
	PID       int // 0 if unknown; of exec and ssh, the child's, even where Known is false

	Remote      netip.AddrPort // of tcp and tls
	Certificate Fingerprint    // of tls: what the other side showed and has the key of; zero if nothing
}

// String is the peer as a log has it: "unix, uid 1000, pid 4711" or "tls, [2001:db8::1]:50312".
func (p Peer) String() string {
	text := p.Transport
	if p.Remote.IsValid() {
		text += ", " + p.Remote.String()
	}
	if p.Known {
		text += fmt.Sprintf(", uid %d", p.UID)
	}
	if p.PID != 0 {
		text += fmt.Sprintf(", pid %d", p.PID)
	}
	return text
}

// stdio joins two files. It is a type of its own, and not a pair of embedded interfaces, to find their deadlines.
type stdio struct {
	in  io.ReadCloser
	out io.WriteCloser
}

func (s *stdio) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *stdio) Write(p []byte) (int, error) { return s.out.Write(p) }

func (s *stdio) Close() error {
	err := s.out.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil // CloseWrite came first
	}
	return errors.Join(err, s.in.Close())
}

func (s *stdio) CloseWrite() error { return s.out.Close() }

func (s *stdio) SetReadDeadline(t time.Time) error {
	d, ok := s.in.(interface{ SetReadDeadline(time.Time) error })
	if !ok {
		return ErrNoDeadline
	}
	return d.SetReadDeadline(t)
}
