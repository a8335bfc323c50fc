package transport

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// Root with a session finds what a daemon of root without one has kept, by its socket: sabir pair and sabir token had a
// store of their own, and a credential that was to be revoked was not there.
func TestStateOfSystemService(t *testing.T) {
	root := os.Getuid() == 0 // for others there is one place
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	session, system, state := filepath.Join(dir, "session"), filepath.Join(dir, "system"), filepath.Join(dir, "state")
	for _, d := range []string{filepath.Join(session, "sabir"), system, filepath.Join(state, "services", "ended")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{filepath.Join(session, "sabir", "own.sock"), filepath.Join(system, "own.sock"), filepath.Join(system, "hub.sock")} {
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
	}
	e := Env{RuntimeDir: session, SystemDir: system}
	for name, want := range map[string]bool{"hub": true, "own": false, "ended": true, "never": false} {
		if got := e.system(name, state); got != (want && root) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for what, other := range map[string]Env{
		"no session": {SystemDir: system}, "a place that was named": {RuntimeDir: session, SystemDir: system, StateHome: state}, "another user": {RuntimeDir: session, SystemDir: system, UID: 4711},
	} {
		if other.system("hub", state) {
			t.Error(what)
		}
	}
}

func TestHasState(t *testing.T) {
	e := Env{StateHome: t.TempDir()}
	if e.HasState("lounge") || e.HasState("../x") {
		t.Error("something is kept where nothing was")
	}
	if made, err := os.ReadDir(e.StateHome); err != nil || len(made) > 0 {
		t.Errorf("who asked has made %v, %v", made, err)
	}
	dir, err := e.ServiceDir("lounge")
	if err != nil {
		t.Fatal(err)
	}
	if e.HasState("lounge") {
		t.Error("a folder is taken for what is in it")
	}
	if _, err := OpenIdentity(dir); err != nil {
		t.Fatal(err)
	}
	if !e.HasState("lounge") {
		t.Error("keys are not seen")
	}
}
