package hub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// Who watches what passes does not hold up the end of the hub, and with it the next run: it waited ten seconds, as for
// a call that has something to do.
func TestMonitorEndsWithTheHub(t *testing.T) {
	dir := shortDir(t)
	stop := runIn(t, dir, hub.Options{Serve: sabir.ServeOptions{Grace: 10 * time.Second}})
	offer(t, dir, vault())
	c, caller := dial(t, dir, "hub"), dial(t, dir, "vault")
	var begun time.Time
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // until the monitor is there, and sees one
		for ctx.Err() == nil {
			sabir.Do[any](ctx, caller, "vault.open", map[string]any{"user": "ann", "password": "x"})
			time.Sleep(20 * time.Millisecond)
		}
	}()
	for _, err := range sabir.Items[hub.Event](t.Context(), c, "hub.monitor", map[string]any{"service": "vault"}) {
		if err == nil {
			if begun.IsZero() {
				begun = time.Now()
				cancel()
				go stop()
			}
			continue
		}
		if !errors.Is(err, sabir.ErrCancelled) || !strings.Contains(err.Error(), "the hub ends") {
			t.Errorf("it ends with %v", err)
		}
	}
	if took := time.Since(begun); begun.IsZero() || took > 5*time.Second {
		t.Errorf("the monitor began at %v and ended %v later", begun, took)
	}
}
