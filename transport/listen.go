package transport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/sabir-ipc/sabir/internal/pulse"
)

// ListenOptions says who may connect; nil means only ourselves and root.
type ListenOptions struct {
	Env   Env         // default: the process's environment
	Mode  os.FileMode // permissions of the socket; default 0600, or 0660 with Group
	Group string      // give the socket to this group (name or number); default none
}

// Listener accepts connections on a unix socket. Its methods may be called by any goroutine.
type Listener struct {
	path    string
	made    *maker      // nil: the socket is not ours
	beat    *pulse.Beat // likewise
	closing chan struct{}
	once    sync.Once
	err     error // of Close
	shortage

	mu     sync.Mutex
	ln     *net.UnixListener // another one once the socket was made again
	socket fs.FileInfo       // as it was made: what lies at path later may be another's; nil without maker
	lock   *lock             // likewise
}

// InUseError says that a daemon already listens there. It is syscall.EADDRINUSE to errors.Is.
type InUseError struct {
	Path string
}

func (e *InUseError) Error() string        { return e.Path + ": another process listens there" }
func (e *InUseError) Is(target error) bool { return target == syscall.EADDRINUSE }

// Listen makes the socket of a "name" or "unix" address. It is private from the first instant and is opened wider
// only afterwards, and only if opts ask for it. One that was made for a name by whoever started the process (LISTEN_FDS,
// as systemd does it) is taken as it is. One that somebody removes is made again within ten seconds. Errors: *InUseError,
// *RefusedError, *UnsupportedError.
func Listen(addr Address, opts *ListenOptions) (*Listener, error) {
	if opts == nil {
		opts = &ListenOptions{}
	}
	if fault := addr.fault(); fault != nil {
		return nil, fault
	}
	gid, mode, err := opts.access()
	if err != nil {
		return nil, err
	}
	if addr.Scheme == "name" {
		if l, err := opts.Env.Activation().inherited(addr.Name); l != nil || err != nil {
			return l, err
		}
	}
	path, err := opts.path(addr)
	if err != nil {
		return nil, err
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if addr.Scheme == "unix" {
		addr.Path = path // also where the process goes elsewhere meanwhile
	}
	l := &Listener{path: path, made: &maker{addr, *opts, gid, mode}, closing: make(chan struct{})}
	if err := l.make(); err != nil {
		return nil, err
	}
	l.watch()
	return l, nil
}

// access is the group, or -1, and the permissions that were asked for.
func (o *ListenOptions) access() (gid int, mode fs.FileMode, err error) {
	gid, mode = -1, o.Mode
	if mode&^fs.ModePerm != 0 {
		return 0, 0, fmt.Errorf("mode %v of a socket: only permissions count", mode)
	}
	if o.Group != "" {
		number := o.Group // need not have a name
		if group, err := user.LookupGroup(o.Group); err == nil {
			number = group.Gid
		}
		id, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return 0, 0, fmt.Errorf("group %q: no such group", o.Group)
		}
		gid = int(id)
	}
	switch {
	case mode == 0 && o.Group != "":
		mode = 0o660
	case mode == 0:
		mode = 0o600
	}
	return gid, mode, nil
}

// path is where the socket goes, absolute, in a directory that was found fit.
func (o *ListenOptions) path(addr Address) (string, error) {
	switch addr.Scheme {
	case "name":
		dir, err := o.Env.listenDir()
		return filepath.Join(dir, addr.Name+".sock"), err
	case "unix":
		path, err := filepath.Abs(addr.Path)
		if err != nil {
			return "", err
		}
		// Whoever chose the path chose the directory, so its owner and group are their business. But where anyone
		// may remove our socket and put another in its place, nobody can mean it.
		info, err := os.Stat(filepath.Dir(path))
		if err == nil && info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
			err = &RefusedError{filepath.Dir(path), fmt.Sprintf("can be written by everyone (mode %04o; chmod o-w)", info.Mode().Perm())}
		}
		return path, err
	case "exec", "ssh":
		return "", &UnsupportedError{addr.Scheme, "addresses are for dialling; a daemon listens on a name or a path"}
	}
	if addr.Scheme == "tcp" || addr.Scheme == "sabir" {
		return "", &UnsupportedError{addr.Scheme, "addresses are listened at by ListenTCP"}
	}
	return "", &UnsupportedError{addr.Scheme, "addresses are for dialling: what listens at sabir:// or tcp: answers there"}
}

// bind makes the socket, with the lock held.
func bind(path string, lock *lock) (*net.UnixListener, fs.FileInfo, error) {
	if err := lock.clear(path); err != nil {
		return nil, nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) { err = private(int(fd)) }); e != nil {
			return e
		}
		return err
	}}
	made, err := config.Listen(context.Background(), "unix", path)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, nil, &InUseError{path} // somebody without our lock was faster
	}
	if err != nil {
		return nil, nil, fmt.Errorf("unix:%s: %w", path, cause(context.Background(), err))
	}
	ln := made.(*net.UnixListener)
	ln.SetUnlinkOnClose(false) // net would remove whatever is there; remove looks first
	socket, err := os.Lstat(path)
	if err != nil {
		ln.Close()
		return nil, nil, err
	}
	return ln, socket, nil
}

// Accept waits for the next connection and reads its credentials. When the process or the system is short of
// something it waits and tries again, so the only error of a running daemon is net.ErrClosed, after Close.
func (l *Listener) Accept() (*Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		ln := l.current()
		conn, err := ln.AcceptUnix()
		switch {
		case err == nil:
			return NewConn(conn, credentials(conn)), nil
		case errors.Is(err, net.ErrClosed) && ln != l.current():
			continue // the socket was made again
		case errors.Is(err, net.ErrClosed):
			return nil, net.ErrClosed
		case !temporary(err):
			return nil, fmt.Errorf("unix:%s: %w", l.path, cause(context.Background(), err))
		}
		l.note(err)
		// Without the pause a process out of descriptors would spin here, and could not free any.
		timer := time.NewTimer(pause)
		select {
		case <-l.closing:
			timer.Stop()
			return nil, net.ErrClosed
		case <-timer.C:
		}
	}
}

// Close stops listening, removes the socket if it is still ours, and lets the next daemon in. Connections live on.
func (l *Listener) Close() error {
	l.once.Do(func() {
		if l.made != nil {
			l.beat.Stop()
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		close(l.closing)
		if l.made == nil {
			l.err = l.ln.Close()
			return
		}
		l.err = remove(l.path, l.ln, l.socket)
		l.lock.release()
	})
	return l.err
}

// Address is where the listener can be dialled: a unix address with an absolute path.
func (l *Listener) Address() Address { return Address{Scheme: "unix", Path: l.path} }
