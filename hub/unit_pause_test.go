package hub

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// A service that hangs at its start, for as long as it may, is given more and more peace,
// for each try has callers wait half a minute in vain.
func TestUnitThatHangsAtStart(t *testing.T) {
	s := &started{unit: &Unit{Service: "clock"}, log: slog.New(slog.DiscardHandler), told: func(int) {}}
	for range 10 {
		p := &process{err: errors.New("it did not answer"), stopping: true, begun: time.Now().Add(-startTime), said: &tail{most: maxPiece}, done: make(chan struct{})}
		s.proc = p
		s.ended(p, "", nil)
	}
	if pause := time.Until(s.again); pause < mostPause-time.Second {
		t.Errorf("after ten tries it is tried again in %v", pause)
	}
	if err := s.failed(sabir.Caller{}); !strings.Contains(err.Error(), "clock does not run: it did not answer; it is tried again in ") {
		t.Errorf("got %v", err)
	}
}

// What tells a hub where it is, or holds a secret of its user, is not for the commands of its units: sabir export
// listened at the address of the hub, and not at the socket that was made for it.
func TestUnitEnvironment(t *testing.T) {
	t.Setenv("SABIR_ADDRESS", "sabir://office/#t=1ab.secret")
	t.Setenv("SABIR_URL", "sabir://office/#t=1ab.secret")
	t.Setenv("SABIR_DIR", "/run/elsewhere")
	s := &started{unit: &Unit{}}
	env := strings.Join(s.environ(), "\n")
	if strings.Contains(env, "secret") || !strings.Contains(env, "SABIR_DIR=/run/elsewhere") {
		t.Errorf("it has %s", env)
	}
}
