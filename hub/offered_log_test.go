package hub_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// What is offered no more, or again, is in the log of the hub: who looks for a service that was there yesterday found
// nothing.
func TestOffersAreInTheLog(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	o := hub.Options{}
	o.Serve.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
	dir := run(t, o)
	offered := func() (withdraw func()) {
		ctx, cancel := context.WithCancel(t.Context())
		there, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			sabir.Export(ctx, filepath.Join(dir, "hub.sock"), vault(), &sabir.ExportOptions{
				DialOptions: sabir.DialOptions{Log: quiet}, Offered: sync.OnceFunc(func() { close(there) }),
			})
		}()
		<-there
		return func() { cancel(); <-ended }
	}
	until := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			mu.Lock()
			said := log.String()
			mu.Unlock()
			if strings.Contains(said, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the log lacks %s: %s", want, said)
			}
		}
	}
	offered()()
	until(`msg="hub: a service is offered no more" service=vault by="uid `)
	defer offered()()
	until(`msg="hub: a service is offered again" service=vault by="uid `)
}
