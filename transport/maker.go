package transport

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/sabir-ipc/sabir/internal/pulse"
)

// maker is what it takes to make a socket, also anew where somebody has removed it: who cleans up old files, or the end
// of the last session of a user, which takes the directory along. The process goes on, and nobody could find it again.
type maker struct {
	addr Address
	opts ListenOptions
	gid  int // -1: none
	mode fs.FileMode
}

// make makes the socket, under its lock.
func (l *Listener) make() error {
	lock := l.lock
	if !lock.inPlace() {
		var err error
		if lock, err = acquire(l.path, l.made.opts.Env.filled().UID); err != nil {
			return err
		}
	}
	ln, socket, err := bind(l.path, lock)
	if err == nil {
		if err = l.made.admit(l.path, socket); err != nil {
			remove(l.path, ln, socket)
		}
	}
	if err != nil {
		if lock != l.lock {
			lock.release()
		}
		return err
	}
	if l.ln != nil {
		l.ln.Close()
	}
	if l.lock != nil && l.lock != lock {
		l.lock.release()
	}
	l.ln, l.socket, l.lock = ln, socket, lock
	return nil
}

// admit gives the socket its group and then its permissions, in this order: the other would let the wrong group in
// for a moment. os.Root does not follow a symlink that was put there meanwhile.
func (m *maker) admit(path string, socket fs.FileInfo) error {
	if m.gid < 0 && socket.Mode().Perm() == m.mode {
		return nil
	}
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	if m.gid >= 0 {
		if err := dir.Lchown(filepath.Base(path), -1, m.gid); err != nil {
			return err
		}
	}
	return dir.Chmod(filepath.Base(path), m.mode)
}

// remove removes a socket if it is still there, and closes it.
func remove(path string, ln *net.UnixListener, socket fs.FileInfo) (err error) {
	// While the socket is open its inode cannot be another's, so SameFile means ours; hence remove, then close.
	if info, e := os.Lstat(path); e == nil && os.SameFile(info, socket) {
		err = os.Remove(path)
	}
	return errors.Join(err, ln.Close())
}

// watch has the socket looked after, at a beat, since a timer would cost each call something (see pulse).
func (l *Listener) watch() {
	l.beat = pulse.NewRare(l.look)
	l.beat.Next()
}

// look makes the socket again where nothing is in its place. What does not work is tried at the next beat: the
// directory may be back then, or who has the name gone.
func (l *Listener) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closing:
		return
	default:
	}
	defer l.beat.Next()
	if _, err := os.Lstat(l.path); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if _, err := l.made.opts.path(l.made.addr); err == nil { // so that the directory is there
		l.make()
	}
}

func (l *Listener) current() *net.UnixListener {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ln
}
