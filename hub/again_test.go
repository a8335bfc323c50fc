package hub_test

import (
	"context"
	"sync"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// Services that are started again at once have their names, their sockets and their rows,
// however many do so together.
func TestHubServicesStartedAgain(t *testing.T) {
	dir := run(t, hub.Options{})
	var all sync.WaitGroup
	names := []string{"ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"}
	for _, name := range names {
		all.Go(func() {
			s := sabir.NewService(name, "1", "")
			sabir.Method(s, "nothing", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
			for range 20 {
				ctx, cancel := context.WithCancel(context.Background())
				up, done := make(chan struct{}), make(chan error, 1)
				go func() {
					done <- sabir.Export(ctx, to(dir)[0], s, &sabir.ExportOptions{
						DialOptions: sabir.DialOptions{Log: quiet}, Offered: sync.OnceFunc(func() { close(up) }),
					})
				}()
				select {
				case <-up:
				case err := <-done:
					t.Errorf("%s is not offered: %v", name, err)
					cancel()
					return
				}
				c, err := sabir.Dial(ctx, dir+"/"+name+".sock", &sabir.DialOptions{Log: quiet})
				if err == nil {
					_, err = sabir.Do[sabir.None](ctx, c, name+".nothing", nil)
					c.Close()
				}
				if err != nil {
					t.Errorf("%s at its own socket: %v", name, err)
				}
				cancel()
				<-done
			}
		})
	}
	all.Wait()
	for _, name := range names {
		offered(t, dir, name, false)
	}
}
