package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Env is where names are looked up. The zero Env means the process's own (ProcessEnv); as soon as one field is set,
// the environment is not read at all, so that a test sees only what it made.
type Env struct {
	Dir        string     // $SABIR_DIR: if set, the only place
	RuntimeDir string     // $XDG_RUNTIME_DIR; a relative one counts as none, as its specification demands
	SystemDir  string     // default /run/sabir
	StateHome  string     // $XDG_STATE_HOME; default $HOME/.local/state
	TempDir    string     // default /tmp
	SSH        string     // $SABIR_SSH: the program for ssh: addresses; default ssh
	Activated  Activation // sockets that were made for us; see Activation
	UID        int        // who we are; 0 or less means os.Getuid(), since only root is 0 and has no need to say so
}

// Entry is a socket that was found under a name. Nobody has asked whether anyone listens there.
type Entry struct {
	Name, Path string
}

// NotFoundError says that no directory has a socket of that name. It is fs.ErrNotExist to errors.Is.
type NotFoundError struct {
	Name   string
	Looked []string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s: no %s.sock in %s", e.Name, e.Name, strings.Join(e.Looked, " or "))
}

func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// RefusedError says that something in the way is not safe to use, and why. Nothing was changed.
type RefusedError struct {
	Path, Reason string
}

func (e *RefusedError) Error() string { return e.Path + ": " + e.Reason }

// ProcessEnv is what the zero Env stands for; take it to change one field.
func ProcessEnv() Env {
	return Env{
		Dir:        os.Getenv("SABIR_DIR"),
		RuntimeDir: os.Getenv("XDG_RUNTIME_DIR"),
		StateHome:  os.Getenv("XDG_STATE_HOME"),
		SSH:        os.Getenv("SABIR_SSH"),
		Activated:  processActivation(),
	}
}

// Dirs is where a name is looked for, in that order. The directories need not exist, but the one in TempDir, where
// anybody could have made it, is refused (RefusedError) if it is not ours alone.
func (e Env) Dirs() ([]string, error) {
	e = e.filled()
	switch {
	case e.Dir != "":
		dir, err := filepath.Abs(e.Dir)
		return []string{dir}, err
	case e.RuntimeDir != "":
		return []string{e.runtimeDir(), e.SystemDir}, nil
	case e.UID == 0:
		// Root without a session listens in SystemDir, so a /tmp/sabir-0 could only be somebody's trap.
		return []string{e.SystemDir}, nil
	}
	err := checkDir(e.tempDir(), e.UID, 0o077)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return []string{e.tempDir(), e.SystemDir}, nil
}

// Lookup finds the socket of name in the first directory that has it: *NotFoundError if none does.
func (e Env) Lookup(name string) (path string, err error) {
	if fault := (Address{Scheme: "name", Name: name}).fault(); fault != nil {
		return "", fault
	}
	dirs, err := e.Dirs()
	if err != nil {
		return "", err
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name+".sock")
		info, err := os.Stat(path)
		if err == nil && info.Mode().Type() == fs.ModeSocket {
			return path, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err // no permission: to go on would be to find another daemon than the one meant
		}
	}
	return "", &NotFoundError{name, dirs}
}

// Sockets lists what Lookup would find, sorted by name. It is for people (sabir ls): an entry may be stale.
func (e Env) Sockets() ([]Entry, error) {
	dirs, err := e.Dirs()
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, dir := range dirs {
		files, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, file := range files {
			name, ok := strings.CutSuffix(file.Name(), ".sock")
			if !ok || !validName(name) || found[name] != "" {
				continue
			}
			path := filepath.Join(dir, file.Name())
			if info, err := os.Stat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
				found[name] = path
			}
		}
	}
	entries := make([]Entry, 0, len(found))
	for name, path := range found {
		entries = append(entries, Entry{name, path})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// listenDir is where a daemon makes its socket: the first of Dirs that fits it, made if need be and then checked.
// The check comes last and by Lstat, so that it does not matter who made the directory or when.
func (e Env) listenDir() (string, error) {
	e = e.filled()
	switch {
	case e.Dir != "":
		dir, err := filepath.Abs(e.Dir)
		if err != nil {
			return "", err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", err
		}
		return dir, checkDir(dir, e.UID, 0o022)
	case e.RuntimeDir != "":
		// Under sudo -E this is another user's, who must not find root's directory where his own should be.
		if err := checkDir(filepath.Clean(e.RuntimeDir), e.UID, 0o022); err != nil {
			return "", fmt.Errorf("XDG_RUNTIME_DIR: %w", err)
		}
		return e.runtimeDir(), makeDir(e.runtimeDir(), e.UID, 0o700, 0o022)
	case e.UID == 0:
		return e.SystemDir, makeDir(e.SystemDir, e.UID, 0o755, 0o022)
	}
	return e.tempDir(), makeDir(e.tempDir(), e.UID, 0o700, 0o077)
}

func (e Env) filled() Env {
	if e == (Env{}) {
		e = ProcessEnv()
	}
	if e.UID <= 0 {
		e.UID = os.Getuid()
	}
	if !filepath.IsAbs(e.RuntimeDir) {
		e.RuntimeDir = ""
	}
	if e.SystemDir == "" {
		e.SystemDir = "/run/sabir"
	}
	if e.TempDir == "" {
		e.TempDir = "/tmp"
	}
	if e.SSH == "" {
		e.SSH = "ssh"
	}
	return e
}

func (e Env) runtimeDir() string { return filepath.Join(e.RuntimeDir, "sabir") }
func (e Env) tempDir() string    { return filepath.Join(e.TempDir, fmt.Sprintf("sabir-%d", e.UID)) }

// makeDir makes path with perm if it is not there, and checks what is there then.
func makeDir(path string, uid int, perm, forbidden fs.FileMode) error {
	err := os.Mkdir(path, perm)
	if err == nil {
		// A umask of 077 would make /run/sabir invisible to those it is for. Whoever can swap the directory for
		// a symlink between these two lines can do worse without us.
		err = os.Chmod(path, perm)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return checkDir(path, uid, forbidden)
}

// checkDir refuses what is not a real directory of uid, or root's, without the forbidden permissions.
func checkDir(path string, uid int, forbidden fs.FileMode) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner := ownerOf(info)
	switch {
	case !info.IsDir():
		return &RefusedError{path, "is " + kind(info) + ", not a directory"}
	case owner != uid && (owner != 0 || forbidden == 0o077): // a private directory is ours, not even root's
		return &RefusedError{path, fmt.Sprintf("belongs to uid %d, not to uid %d", owner, uid)}
	case info.Mode()&forbidden != 0 && forbidden == 0o077:
		return &RefusedError{path, fmt.Sprintf("is open to other users (mode %04o, must be 0700)", info.Mode().Perm())}
	case info.Mode()&forbidden != 0:
		return &RefusedError{path, fmt.Sprintf("can be written by other users (mode %04o; chmod go-w)", info.Mode().Perm())}
	}
	return nil
}

func kind(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a directory"
	case mode.Type() == fs.ModeSymlink:
		return "a symbolic link"
	case mode.Type() == fs.ModeSocket:
		return "a socket"
	}
	return "a special file"
}
