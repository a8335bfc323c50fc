package hub_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// patience is a service whose calls hang until they are told to end, which it tells.
func patience() (s *sabir.Service, entered chan struct{}, ended chan error) {
	s = sabir.NewService("patience", "1", "")
	entered, ended = make(chan struct{}, 10), make(chan error, 10)
	sabir.Method(s, "hang", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		entered <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return sabir.None{}, ctx.Err()
	})
	return s, entered, ended
}

// The end of a call reaches the service behind the hub, however it comes.
func TestRelayEnds(t *testing.T) {
	dir := run(t, hub.Options{})
	s, entered, ended := patience()
	offer(t, dir, s)
	for _, test := range []struct {
		name string
		end  func(c *sabir.Client, cancel func())
		want error
	}{
		{"cancelled", func(_ *sabir.Client, cancel func()) { cancel() }, context.Canceled},
		{"caller gone", func(c *sabir.Client, _ func()) { c.Close() }, nil},
		{"time up", func(*sabir.Client, func()) {}, context.DeadlineExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, dir, "hub")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if test.want == context.DeadlineExceeded {
				var stop func()
				ctx, stop = context.WithTimeout(ctx, 100*time.Millisecond)
				defer stop()
			}
			failed := make(chan error, 1)
			go func() {
				_, err := sabir.Do[sabir.None](ctx, c, "patience.hang", nil)
				failed <- err
			}()
			<-entered
			test.end(c, cancel)
			<-ended
			if err := <-failed; err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("the caller got %v", err)
			}
		})
	}
}

// A caller who does not read what he asked for holds up nobody else's answers,
// though they come over the same connection.
func TestRelaySlowCaller(t *testing.T) {
	dir := run(t, hub.Options{})
	s := sabir.NewService("books", "1", "")
	text := strings.Repeat("a long book ", 5000)
	sabir.Method(s, "read", func(context.Context, sabir.None) (struct{ Text string }, error) {
		return struct{ Text string }{text}, nil
	})
	sabir.Method(s, "title", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
	offer(t, dir, s)
	slow, err := net.Dial("unix", filepath.Join(dir, "hub.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	for i := range 20 { // a megabyte, of which the socket holds a fifth
		fmt.Fprintf(slow, `{"id":%d,"method":"books.read"}`+"\n", i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // a connection is given up after ten
	defer cancel()
	c := dial(t, dir, "hub")
	for range 300 {
		if _, err := sabir.Do[sabir.None](ctx, c, "books.title", nil); err != nil {
			t.Fatal(err)
		}
	}
}
