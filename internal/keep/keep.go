// Package keep lets several processes share a small private file: keys, credentials, known hosts.
//
// A reader sees the old content or the new one, never a part: a change is written beside the file, synced and renamed
// over it, under a lock that all who change it take. A crash or a full disk leaves the old content. Files are 0600
// from birth, and one that others could have written, or a symbolic link, is refused rather than read.
package keep

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxSize is more than any of our files should have, and little enough to read at once.
const maxSize = 16 << 20

// UnsafeError says that a file or directory cannot be trusted with secrets, and why. Nothing was changed.
type UnsafeError struct {
	Path, Reason string
}

func (e *UnsafeError) Error() string { return e.Path + ": " + e.Reason }

// How long a lock is waited for. Whoever has it needs milliseconds, unless it is stopped, or its disk hangs; and then
// nobody else shall hang with it.
const (
	patience = 3 * time.Second
	moment   = 20 * time.Millisecond
)

// LockedError says that another process has held the lock of a file for all the time that it was waited for. Nothing
// was changed; readers need no lock.
type LockedError struct {
	Path string
	For  time.Duration
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s: another process has held its lock for %v (is one stopped? fuser %s.lock)", e.Path, e.For, e.Path)
}

// Stamp tells one content of a file from the next: every change makes another file. The zero Stamp is no file.
type Stamp struct {
	dev, ino    uint64
	size, mtime int64
}

// Read returns the content of path and its stamp. The error is fs.ErrNotExist if there is none, *UnsafeError if it is
// not ours alone.
func Read(path string) ([]byte, Stamp, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, Stamp{}, &UnsafeError{path, "is a symbolic link"}
	}
	if err != nil {
		return nil, Stamp{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, Stamp{}, err
	}
	if err := check(path, info); err != nil {
		return nil, Stamp{}, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = &UnsafeError{path, fmt.Sprintf("has more than %d bytes", maxSize)}
	}
	return data, stamp(info), err
}

// StampOf is the stamp of path as it is now, zero if there is no such file.
func StampOf(path string) (Stamp, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Stamp{}, nil
	}
	if err != nil {
		return Stamp{}, err
	}
	return stamp(info), nil
}

// Change replaces the content of path by what edit makes of it, nil if there is no file yet. Meanwhile nobody else
// changes it. If edit fails, or returns what it was given, the file stays as it is. It blocks for a few seconds at most:
// *LockedError.
func Change(path string, edit func(old []byte) ([]byte, error)) error {
	return change(path, patience, edit)
}

// ChangeNow is Change for what is not worth waiting for.
func ChangeNow(path string, edit func(old []byte) ([]byte, error)) error {
	return change(path, moment, edit)
}

func change(path string, wait time.Duration, edit func(old []byte) ([]byte, error)) error {
	unlock, err := lock(path, wait)
	if err != nil {
		return err
	}
	defer unlock()
	old, _, err := Read(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	data, err := edit(old)
	if err != nil || !missing && string(data) == string(old) {
		return err
	}
	return replace(path, data)
}

// Dir makes the directory path, and those above it, if it is not there, and refuses it (*UnsafeError) if others can
// look into it or it is not ours.
func Dir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	switch owner := ownerOf(info); {
	case !info.IsDir():
		return &UnsafeError{path, "is not a directory"}
	case owner != os.Getuid():
		return &UnsafeError{path, fmt.Sprintf("belongs to uid %d, not to uid %d", owner, os.Getuid())}
	case info.Mode()&0o077 != 0:
		return &UnsafeError{path, fmt.Sprintf("is open to other users (mode %04o; chmod 700)", info.Mode().Perm())}
	}
	return nil
}

func check(path string, info fs.FileInfo) error {
	switch owner := ownerOf(info); {
	case !info.Mode().IsRegular():
		return &UnsafeError{path, "is not a regular file"}
	case owner != os.Getuid():
		return &UnsafeError{path, fmt.Sprintf("belongs to uid %d, not to uid %d", owner, os.Getuid())}
	case info.Mode()&0o077 != 0:
		return &UnsafeError{path, fmt.Sprintf("is open to other users (mode %04o; chmod 600)", info.Mode().Perm())}
	}
	return nil
}

// replace writes data beside path and renames it. The sync comes before the rename: after a power failure some file
// systems have the new name with nothing in it otherwise.
func replace(path string, data []byte) (err error) {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync() // the content is safe already; this is for the name, and not every file system has it
		dir.Close()
	}
	return nil
}

// lock waits for the lock of path. The lock file stays: removing it would need the dance of transport's listener, and
// here it lies in a directory of our own.
func lock(path string, wait time.Duration) (unlock func(), err error) {
	name := path + ".lock"
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return nil, &UnsafeError{name, "is a symbolic link"}
	}
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(wait)
	for pause := time.Millisecond; ; pause = min(2*pause, 16*time.Millisecond) {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			break
		}
		if time.Now().After(end) {
			file.Close()
			return nil, &LockedError{path, wait}
		}
		time.Sleep(pause) // flock can wait for ever or not at all
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: flock: %w", name, err)
	}
	return func() {
		// Said aloud, because a child being forked this instant shares the open file until its exec.
		syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
		file.Close()
	}, nil
}

func stamp(info fs.FileInfo) Stamp {
	s := Stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.dev, s.ino = uint64(stat.Dev), stat.Ino
	}
	return s
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
