package transport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// lock is the right to make, replace and remove one socket: an flock on PATH.lock, held as long as the listener
// lives. The kernel drops it with the process, however that dies. The socket itself cannot be the lock, because
// between a refused connect and the removal another daemon may have bound it anew.
type lock struct {
	file *os.File
	uid  int // whose socket may be replaced
}

// acquire takes the lock for the socket at path, at once or not at all (*InUseError).
func acquire(path string, uid int) (*lock, error) {
	name := path + ".lock"
	for {
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if errors.Is(err, syscall.ELOOP) {
			return nil, &RefusedError{name, "is a symbolic link, not a lock file"}
		}
		if err != nil {
			return nil, err
		}
		current, err := own(file, path, name, uid)
		if err == nil && current {
			return &lock{file, uid}, nil
		}
		file.Close()
		if err != nil {
			return nil, err
		}
	}
}

// own locks file and tells whether it is still the one at name: its last owner may have removed it between our open
// and our flock, and a lock on a file that nobody can find keeps nobody out.
func own(file *os.File, path, name string, uid int) (current bool, err error) {
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, &RefusedError{name, "is " + kind(info) + ", not a lock file"}
	}
	if owner := ownerOf(info); owner != uid {
		return false, &RefusedError{name, fmt.Sprintf("belongs to uid %d, not to uid %d", owner, uid)}
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		return false, &InUseError{path}
	}
	if err != nil {
		return false, fmt.Errorf("%s: flock: %w", name, err)
	}
	there, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(info, there), err
}

// clear removes a stale socket from path: ours, and refusing connections. Anything else there stays, and is an error.
func (l *lock) clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return &RefusedError{path, "is " + kind(info) + ", not a socket; it was left alone"}
	}
	if owner := ownerOf(info); owner != l.uid {
		return &RefusedError{path, fmt.Sprintf("is a socket of uid %d, not of uid %d; it was left alone", owner, l.uid)}
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		conn.Close()
		return &InUseError{path}
	case errors.Is(err, syscall.EAGAIN):
		return &InUseError{path} // its queue is full: alive and busy
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return &RefusedError{path, fmt.Sprintf("cannot be told stale (%v); it was left alone", cause(context.Background(), err))}
}

// inPlace reports whether it is still where others look for it. That of nil is not.
func (l *lock) inPlace() bool {
	if l == nil {
		return false
	}
	ours, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(l.file.Name())
	return err == nil && os.SameFile(ours, there)
}

// release removes the lock file, if it is still ours, before it lets go: no litter is left, and own can tell. The explicit unlock
// matters: a child being forked this instant shares the open file, and would keep the lock until its exec.
func (l *lock) release() {
	if l.inPlace() {
		os.Remove(l.file.Name())
	}
	syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	l.file.Close()
}

func ownerOf(info fs.FileInfo) int {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(stat.Uid)
}
