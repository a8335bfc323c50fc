package sabir_test

import (
	"bytes"
	"net"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
)

// What reads a silent connection is a goroutine that has done nothing yet, with
// the stack of such a one, and calls go on as before.
func TestSilentConnections(t *testing.T) {
	path := serveUnix(t, probe.New())
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		answer := make([]byte, 1000)
		if _, err := c.Write([]byte(`{"id":1,"method":"probe.echo","params":{"text":"x"}}` + "\n")); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(answer)
		if got := string(answer[:n]); err != nil || got != `{"id":1,"result":{"text":"x"}}`+"\n" {
			t.Fatalf("%q, %v", got, err)
		}
		waitFor(t, func() bool { return reading("attend") == 1 && reading("readOn") == 0 })
	}
}

// Those who have handled calls apart do not wait for more on a silent connection.
func TestHandlersGoHome(t *testing.T) {
	svc, _ := slow()
	path := serveUnix(t, svc)
	for _, wait := range []float64{.01, .0003} { // the first time it is not known that they wait
		c := dial(t, path, sabir.DialOptions{})
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := sabir.Do[sabir.None](t.Context(), c, "slow.sleep", map[string]any{"for": wait}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if spares() == 0 {
		t.Error("nobody waits for more at all")
	}
	waitFor(t, func() bool { return spares() == 0 })
}

// reading counts the goroutines that are in a method of a connection.
func reading(method string) int { return inside("sabir.(*conn)." + method + "(") }

// spares counts those that may have the role of reading again.
func spares() int { return inside("sabir.(*role).spares(") }

func inside(method string) (n int) {
	var all bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&all, 2)
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, method) {
			n++
		}
	}
	return n
}

// A connection that was silent for long enough is read by another goroutine,
// whatever it is made of.
func TestCallsAfterSilence(t *testing.T) {
	near, far := transport.Pipe()
	serveConn(t, far, probe.New(), sabir.AccessAdmin)
	path, tcp := serveUnix(t, probe.New()), serveTCP(t, probe.New())
	_, proven := tcp.token(t, "admin")
	for name, dial := range map[string]func() (*sabir.Client, error){
		"pipe": func() (*sabir.Client, error) { return sabir.NewClient(near, nil), nil },
		"unix": func() (*sabir.Client, error) { return sabir.Dial(t.Context(), path, nil) },
		"tls":  func() (*sabir.Client, error) { return sabir.Dial(t.Context(), tcp.at.String(), proven) },
	} {
		t.Run(name, func(t *testing.T) {
			c, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			t.Parallel()
			for _, silent := range []time.Duration{0, 5 * time.Millisecond, 3 * time.Second, 0} { // shorter ones make the test weaker, not wrong
				time.Sleep(silent)
				if got, err := sabir.Do[text](t.Context(), c, "probe.echo", text{"x"}); err != nil || got.Text != "x" {
					t.Fatalf("%+v, %v", got, err)
				}
			}
		})
	}
}
