package sabir_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
)

// Who offers a service to a hub that is away says so once, and not at each try.
func TestExportSaysOnceThatTheHubIsAway(t *testing.T) {
	path, stop := exchangeUntil(t)
	var said bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	up, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- sabir.Export(ctx, path, probe.New(), &sabir.ExportOptions{
			DialOptions: sabir.DialOptions{Log: slog.New(slog.NewTextHandler(&said, nil))}, Offered: sync.OnceFunc(func() { close(up) }),
		})
	}()
	<-up
	stop()
	time.Sleep(3 * time.Second) // half a dozen tries
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := strings.Count(said.String(), "no such file"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &said)
	}
}
