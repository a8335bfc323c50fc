package sabir_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// behalf calls at an exchange as somebody for whom a hub calls there.
type behalf struct {
	net.Conn
	t    *testing.T
	in   *bufio.Reader
	name string
}

func onBehalf(t *testing.T, path, name string) *behalf {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return &behalf{c, t, bufio.NewReader(c), name}
}

func (b *behalf) call(id int, method, params string) {
	if _, err := fmt.Fprintf(b, `{"id":%d,"method":%q,"params":%s,"caller":{"name":%q,"level":"write","via":["h"]}}`+"\n", id, method, params, b.name); err != nil {
		b.t.Fatal(err)
	}
}

// hear returns the next line, without its end.
func (b *behalf) hear() string {
	b.t.Helper()
	line, err := b.in.ReadString('\n')
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// offering is a connection that offers the service raw and does nothing else yet.
func offering(t *testing.T, path string) *behalf {
	t.Helper()
	b := onBehalf(t, path, "")
	fmt.Fprintln(b, `{"id":1,"method":"rpc.export","params":{"service":{"name":"raw","version":"1","members":[{"kind":"method","name":"m","params":[{"name":"text","type":{"kind":"string"},"optional":true}],"result":[]}],"types":[],"errors":[]}}}`)
	if got := b.hear(); got != `{"id":1,"result":{}}` {
		t.Fatal(got)
	}
	return b
}

// What one caller has under way at a service is limited where it is passed on,
// over all of his connections, and counts until it is answered, even if he has
// given it up. Others call as before.
//
// clause: U8
func TestBurdenOfOneCaller(t *testing.T) {
	path := exchange(t)
	service := offering(t, path)
	ann := []*behalf{onBehalf(t, path, "ann"), onBehalf(t, path, "ann"), onBehalf(t, path, "ann")}
	for _, c := range ann {
		for id := range 100 {
			c.call(id, "raw.m", "{}")
		}
	}
	refused := make(chan string, 300)
	for _, c := range ann {
		go func() {
			for {
				line, err := c.in.ReadString('\n')
				if err != nil {
					return
				}
				refused <- line
			}
		}()
	}
	for range 128 {
		if got := service.hear(); !strings.Contains(got, `"ann"`) {
			t.Fatal(got)
		}
	}
	for range 300 - 128 {
		if got := <-refused; !strings.Contains(got, `"rpc.Busy"`) || !strings.Contains(got, "in_flight") || !strings.Contains(got, "on the way") {
			t.Fatal(got)
		}
	}
	bob := onBehalf(t, path, "bob")
	bob.call(1, "raw.m", "{}")
	if got := service.hear(); !strings.Contains(got, `"bob"`) {
		t.Errorf("from another caller comes %s", got)
	}

	for _, c := range ann {
		c.Close()
	}
	var given int // up
	for range 128 {
		if _, err := fmt.Sscanf(service.hear(), `{"method":"rpc.cancel","params":{"id":%d}}`, &given); err != nil {
			t.Fatal(err)
		}
	}
	again := onBehalf(t, path, "ann")
	again.call(1, "raw.m", "{}")
	if got := again.hear(); !strings.Contains(got, `"rpc.Busy"`) {
		t.Errorf("while nothing of what was given up is answered: %s", got)
	}
	fmt.Fprintf(service, `{"id":%d,"error":{"code":-32001,"message":"cancelled","data":{"name":"rpc.Cancelled","params":{}}}}`+"\n", given)
	came := make(chan string, 1)
	go func() {
		line, _ := service.in.ReadString('\n')
		came <- line
	}()
	for id := 2; id < 1000; id++ {
		again.call(id, "raw.m", "{}")
		select {
		case got := <-came:
			if !strings.Contains(got, `"ann"`) {
				t.Errorf("in the place that is free comes %q", got)
			}
			return
		case <-time.After(10 * time.Millisecond): // the answer is on its way still
		}
	}
	t.Error("the place of what was answered is never free")
}

// A service that does not read for a while is not cut off for what one caller
// sends there, and others find their place behind a little of it.
//
// clause: U8, O5
func TestBurdenOfWhatIsUnsent(t *testing.T) {
	for _, test := range []struct {
		name  string
		flood func(c *behalf) // ends with a ping
		most  int             // lines that reach the service
	}{
		{"notifications", func(c *behalf) {
			line := fmt.Sprintf(`{"method":"raw.m","params":{"text":%q},"caller":{"name":"ann","level":"write","via":["h"]}}`+"\n", strings.Repeat("x", 200))
			for range 1000 {
				if _, err := c.Write([]byte(strings.Repeat(line, 100))); err != nil {
					t.Fatal(err)
				}
			}
		}, 5000},
		{"large calls", func(c *behalf) {
			for id := range 30 {
				c.call(id, "raw.m", fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 1<<20)))
			}
		}, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := exchange(t)
			service := offering(t, path)
			ann := onBehalf(t, path, "ann")
			test.flood(ann)
			ann.call(1000, "rpc.ping", "{}")
			for !strings.Contains(ann.hear(), `"id":1000,`) {
			}
			bob := onBehalf(t, path, "bob")
			bob.call(1, "raw.m", "{}")
			before := 0
			for line := service.hear(); !strings.Contains(line, `"bob"`); line = service.hear() {
				before++
			}
			if before == 0 || before > test.most {
				t.Errorf("%d lines of one caller came before that of the other, at most %d expected", before, test.most)
			}
		})
	}
}

// A client that is part of a hub counts in the same way.
//
// clause: U8
func TestBurdenOfAClient(t *testing.T) {
	release := make(chan struct{})
	s := sabir.NewService("s", "1", "")
	entered := make(chan struct{}, 10)
	sabir.Method(s, "wait", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		entered <- struct{}{}
		<-release
		return sabir.None{}, nil
	})
	path := filepath.Join(shortDir(t), "s.sock")
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- sabir.Serve(ctx, ln, s, &sabir.ServeOptions{Log: quiet}) }()
	defer func() { stop(); <-served }()
	c := dial(t, path, sabir.DialOptions{Hub: "h", Limits: sabir.Limits{InFlight: 2}})
	as := func(name string) context.Context {
		return sabir.WithCaller(t.Context(), sabir.Caller{Name: name, Level: sabir.AccessWrite})
	}
	done := make(chan error, 10)
	wait := func(name string) {
		go func() {
			_, err := sabir.Do[sabir.None](as(name), c, "s.wait", nil)
			done <- err
		}()
	}
	wait("ann")
	wait("ann")
	<-entered
	<-entered
	if _, err := sabir.Do[sabir.None](as("ann"), c, "s.wait", nil); err == nil || !strings.Contains(err.Error(), "on the way") {
		t.Errorf("the third: %v", err)
	}
	wait("bob")
	<-entered
	close(release)
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
