package transport

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/sabir-ipc/sabir/internal/keep"
)

// systemState is where daemons of root keep what must outlive them.
const systemState = "/var/lib/sabir"

// ErrNoPlace says that the environment of the process names no directory for what has to be kept.
var ErrNoPlace = errors.New("no place for keys and credentials: neither XDG_STATE_HOME nor HOME is set")

// ServiceDir is the directory of what a service must keep: its key (OpenIdentity) and the credentials that it knows. It
// is made if need be, 0700 and ours (*keep.UnsafeError if it is not): sabir/services/NAME in StateHome, and in /var/lib
// for root without a session.
func (e Env) ServiceDir(name string) (string, error) {
	if !validName(name) {
		reason, hint := nameFault(name)
		return "", &AddressError{name, reason, hint}
	}
	return e.stateDir("services", name)
}

// ServiceDirOf is ServiceDir as the service called name sees it, for who looks after it from outside. It is another one
// only for root: a daemon that was started without a session, as by systemd, keeps its state in /var/lib, also where
// whoever looks has a session.
func ServiceDirOf(name string) (string, error) {
	e := ProcessEnv()
	if !validName(name) || !e.system(name, systemState) {
		return Env{}.ServiceDir(name)
	}
	return makeState(systemState, "services", name)
}

// system reports whether the service is one of root without a session: by its socket, or, if it does not run, by what
// it has kept in state.
func (e Env) system(name, state string) bool {
	e = e.filled()
	if e.UID != 0 || e.RuntimeDir == "" || filepath.IsAbs(e.StateHome) {
		return false
	}
	path, err := e.Lookup(name)
	if err == nil {
		return filepath.Dir(path) == e.SystemDir
	}
	_, err = os.Stat(filepath.Join(state, "services", name))
	return err == nil
}

// ClientDir is beside it, for what a client must keep: the servers it knows, and what it says to them.
func (e Env) ClientDir() (string, error) { return e.stateDir("client") }

// HasState reports whether something is kept in the ServiceDir of that name, and makes none.
func (e Env) HasState(name string) bool {
	base, err := e.stateBase()
	if err != nil || !validName(name) {
		return false
	}
	kept, _ := os.ReadDir(filepath.Join(base, "services", name))
	return len(kept) > 0
}

func (e Env) stateDir(parts ...string) (string, error) {
	base, err := e.stateBase()
	if err != nil {
		return "", err
	}
	return makeState(base, parts...)
}

func (e Env) stateBase() (string, error) {
	given := e != Env{}
	e = e.filled()
	switch {
	case filepath.IsAbs(e.StateHome):
		return filepath.Join(e.StateHome, "sabir"), nil
	case e.UID == 0 && e.RuntimeDir == "" && !given:
		return systemState, nil
	}
	home, err := os.UserHomeDir()
	if given || err != nil {
		return "", ErrNoPlace
	}
	return filepath.Join(home, ".local", "state", "sabir"), nil
}

func makeState(base string, parts ...string) (string, error) {
	for _, part := range append([]string{""}, parts...) {
		base = filepath.Join(base, part)
		if err := keep.Dir(base); err != nil {
			return "", err
		}
	}
	return base, nil
}
