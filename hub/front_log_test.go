package hub_test

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// The log of a front has that its service is not there, and why, once, and that it is back: its callers were told, and
// whoever runs it found nothing.
func TestFrontTellsWhereItsServiceIs(t *testing.T) {
	path := filepath.Join(shortDir(t), "vault.sock")
	stop := serve(t, path, vault())
	var mu sync.Mutex
	var log bytes.Buffer
	f := newFront(t, path, &hub.FrontOptions{Log: slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil)), Dial: sabir.DialOptions{Log: quiet}})
	open := func() error {
		_, err := sabir.Do[any](t.Context(), f, "vault.open", map[string]any{"user": "ann", "password": "x"})
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	stop()
	for range 3 {
		if err := open(); !errors.Is(err, sabir.ErrUnavailable) {
			t.Errorf("without the service: %v", err)
		}
	}
	serve(t, path, vault())
	for deadline := time.Now().Add(20 * time.Second); open() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not back")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	said := log.String()
	for _, want := range []string{"front: the service is not there", "no such file or directory", "front: the service is there again"} {
		if strings.Count(said, want) != 1 {
			t.Errorf("the log has not %s, once: %s", want, said)
		}
	}
}
