package attacks_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/internal/keep"
)

// Case 66, with a process that was stopped while it had the lock of the credentials: who has one gets in, who wants to
// change them hears why he cannot, and all goes on when it is gone.
func TestCase66StoppedWithTheLock(t *testing.T) {
	d := serve(t, nil)
	_, opts := d.token("read")
	once, secret, err := d.store.AddOnce(auth.NewCredential{Rights: auth.Rights{Level: "read"}})
	if err != nil {
		t.Fatal(err)
	}
	state, err := d.env.ServiceDir("probe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(state, sabir.CredentialsFile)
	locker := start(t, "locker", nil, path+".lock")
	if got := locker.hear(); got != "locked <nil>" {
		t.Fatal(got)
	}
	if err := locker.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l, err := sabir.Connect(t.Context(), d.tls, opts)
		if err != nil {
			t.Fatal("who has a credential: ", err)
		}
		l.Close()
	}
	if _, err := auth.OpenStore(path); err != nil {
		t.Error("a daemon that starts: ", err)
	}
	var locked *keep.LockedError
	if _, _, err := d.store.AddToken(auth.NewCredential{Name: "x", Rights: auth.Rights{Level: "read"}}); !errors.As(err, &locked) {
		t.Errorf("a change: %v", err)
	}
	token := *opts
	token.Secret = func(string) (string, auth.Secret, error) { return once.ID, secret, nil }
	if _, err := sabir.Connect(t.Context(), d.tls, &token); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("a pairing token, which cannot be spent: %v", err)
	}
	locker.Process.Kill()
	locker.Wait()
	if c, err := sabir.Connect(t.Context(), d.tls, &token); err != nil {
		t.Error("when it can: ", err)
	} else {
		c.Close()
	}
}
