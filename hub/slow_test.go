package hub_test

import (
	"context"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// A service whose calls all hang holds up neither its own callers' other calls
// nor those of anybody else, however many hang, over one connection.
func TestHubSlowService(t *testing.T) {
	dir := run(t, hub.Options{})
	slow := sabir.NewService("slow", "1", "")
	entered, release := make(chan struct{}, 200), make(chan struct{})
	sabir.Method(slow, "hang", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		entered <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return sabir.None{}, nil
	})
	sabir.Method(slow, "quick", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
	offer(t, dir, slow)
	offer(t, dir, vault())
	c := dial(t, dir, "hub")
	done := make(chan error, 100)
	for range 100 {
		go func() {
			_, err := sabir.Do[sabir.None](t.Context(), c, "slow.hang", nil)
			done <- err
		}()
	}
	for range 100 {
		<-entered
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 500 {
		if _, err := sabir.Do[sabir.None](ctx, c, "slow.quick", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := sabir.Do[any](ctx, c, "vault.open", map[string]any{"user": "ann", "password": "x"}); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	for range 100 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
