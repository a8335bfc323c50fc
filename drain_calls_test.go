package sabir_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// A call that comes while a service stops was not started, and its caller is told so.
// clause: O9, E4
func TestCallsWhileClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	for range 20 {
		svc := sabir.NewService("a", "1", "")
		sabir.Method(svc, "b", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
		ctx, stop := context.WithCancel(t.Context())
		ready := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			ended <- sabir.ListenAndServe(ctx, path, svc, &sabir.ServeOptions{Ready: func([]transport.Address) { close(ready) }})
		}()
		<-ready
		var callers sync.WaitGroup
		for range 12 {
			c, err := sabir.Dial(t.Context(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			callers.Go(func() {
				for {
					_, err := sabir.Do[sabir.None](t.Context(), c, "a.b", nil)
					var lost *sabir.Unanswered
					if errors.As(err, &lost) && lost.Sent || errors.Is(err, sabir.ErrOutcomeUnknown) {
						t.Error(err)
					}
					if err != nil {
						return
					}
				}
			})
		}
		time.Sleep(5 * time.Millisecond) // some thousand calls
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		callers.Wait()
	}
}
