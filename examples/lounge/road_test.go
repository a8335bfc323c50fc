//go:build unix

package lounge_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
	"github.com/sabir-ipc/sabir/transport"
)

// roads are the ways from a caller to the service. What is tested is the same
// on each.
var roads = []struct {
	name string
	open func(*testing.T, *sabir.Service) sabir.Handler
}{
	{"service", func(t *testing.T, s *sabir.Service) sabir.Handler { return s }},
	{"in process", func(t *testing.T, s *sabir.Service) sabir.Handler {
		c := sabir.InProcess(s, nil)
		t.Cleanup(func() { c.Close() })
		return c
	}},
	{"socket, JSON", func(t *testing.T, s *sabir.Service) sabir.Handler {
		return dial(t, serve(t, s), nil)
	}},
	{"socket, CBOR", func(t *testing.T, s *sabir.Service) sabir.Handler {
		return dial(t, serve(t, s), &sabir.DialOptions{CBOR: true})
	}},
}

// onEveryRoad runs the scenario with a lounge of its own for each road.
func onEveryRoad(t *testing.T, scenario func(t *testing.T, l caller)) {
	for _, road := range roads {
		t.Run(road.name, func(t *testing.T) {
			l, log := newLounge(t)
			c := caller{t, within(t), road.open(t, l.Service()), l, log}
			scenario(t, c)
		})
	}
}

func newLounge(t *testing.T) (*lounge.Lounge, *logBook) {
	log := new(logBook)
	l := lounge.New(slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return l, log
}

// within is the time that a scenario has, so that what hangs says where.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// serve offers the service on a socket until the test is over.
func serve(t *testing.T, s *sabir.Service) (socket string) {
	dir, err := os.MkdirTemp("", "lounge") // not t.TempDir, which is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "l.sock")
	t.Cleanup(listen(t, s, socket, nil))
	return socket
}

// listen offers the service on a socket; when it returns, one can connect.
func listen(t *testing.T, s *sabir.Service, socket string, opts *sabir.ServeOptions) (stop func()) {
	t.Helper()
	address, err := transport.Parse(socket)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := transport.Listen(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sabir.Serve(ctx, ln, s, opts) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("serve:", err)
		}
	})
}

func dial(t *testing.T, socket string, opts *sabir.DialOptions) *sabir.Client {
	t.Helper()
	c, err := sabir.Dial(within(t), socket, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// logBook is a log that can be read while it is written.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// caller is somebody who calls a lounge.
type caller struct {
	t   *testing.T
	ctx context.Context
	h   sabir.Handler

	lounge *lounge.Lounge
	log    *logBook
}

type p = map[string]any // params

func (c caller) join(room, name string) (members int, err error) {
	out, err := sabir.Do[struct{ Members int }](c.ctx, c.h, "lounge.join", p{"room": room, "name": name})
	return out.Members, err
}

func (c caller) leave(room, name string) error {
	_, err := sabir.Do[sabir.None](c.ctx, c.h, "lounge.leave", p{"room": room, "name": name})
	return err
}

func (c caller) say(room, name, text string) (seq int, err error) {
	out, err := sabir.Do[struct{ Seq int }](c.ctx, c.h, "lounge.say", p{"room": room, "name": name, "text": text})
	return out.Seq, err
}

func (c caller) users(room string) []sabir.Row[lounge.User] {
	c.t.Helper()
	rows, err := sabir.Do[[]sabir.Row[lounge.User]](c.ctx, c.h, "lounge.users", p{"room": room})
	c.must(err)
	return rows
}

func (c caller) messages(room string, opts *sabir.WatchOptions) iter.Seq2[sabir.Event[lounge.Message], error] {
	return sabir.Watch[lounge.Message](c.ctx, c.h, "lounge.message", p{"room": room}, opts)
}

func (c caller) share(label, path string) error {
	_, err := sabir.Do[sabir.None](c.ctx, c.h, "lounge.share", p{"label": label, "path": path})
	return err
}

// search returns the hits as label/path.
func (c caller) search(params p) (paths []string) {
	c.t.Helper()
	for hit, err := range sabir.Items[lounge.Hit](c.ctx, c.h, "lounge.search", params) {
		c.must(err)
		paths = append(paths, hit.Label+"/"+hit.Path)
	}
	return paths
}

func (c caller) fetch(params p) ([]byte, error) {
	var all bytes.Buffer
	for piece, err := range sabir.Items[[]byte](c.ctx, c.h, "lounge.fetch", params) {
		if err != nil {
			return nil, err
		}
		io.Copy(&all, bytes.NewReader(piece))
	}
	return all.Bytes(), nil
}

func (c caller) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// refused checks that the answer is the declared error, with its params and the
// same text.
func refused[E interface {
	comparable
	error
}](t *testing.T, err error, want E, text string) {
	t.Helper()
	var got E
	if !errors.As(err, &got) || got != want {
		t.Errorf("got %v, want %#v", err, want)
		return
	}
	if got.Error() != text {
		t.Errorf("got %s, want %s", got, text)
	}
	var answer *sabir.Error
	if !errors.As(err, &answer) || answer.Message != text {
		t.Errorf("got the answer %v, want %s", err, text)
	}
}
