package attacks_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// Case 26: a call and a subscription too many. Those that are there live on.
//
// clause: B3
func TestCase26TooMany(t *testing.T) {
	for _, road := range roads {
		d := serve(t, nil)
		l := d.open(road)
		for n := range 256 {
			l.say(fmt.Sprintf(`{"id":"s%d","method":"probe.tick","params":{"name":"a"},"window":5}`, n))
			l.hears(`"rpc.live"`)
		}
		l.say(`{"id":"more","method":"probe.tick","params":{"name":"a"},"window":5}`)
		l.hears(`{"id":"more","error":{"code":-32003,`)
		for n := range 128 {
			l.say(fmt.Sprintf(`{"id":%d,"method":"probe.wait","params":{"name":"a"}}`, n))
		}
		l.say(`{"id":"more","method":"probe.echo","params":{"text":"x"}}`)
		l.hears(`{"id":"more","error":{"code":-32003,"message":"over 128 calls`)
		other := d.open(road)
		other.say(`{"id":1,"method":"probe.publish","params":{"name":"a","times":1}}`)
		other.hears(`{"id":1,"result":{"seq":1}}`)
		for range 256 {
			l.hears(`"rpc.item"`)
		}
		other.say(`{"id":2,"method":"probe.release","params":{"name":"a"}}`)
		other.hears(`{"id":2,"result":{"waited":128}}`)
		for range 128 {
			l.hears(`{"released":true}`)
		}
		l.Close()
		other.Close()
	}
}

// Case 27: subscribers that never read, one without windows and one with the largest, while others are told everything;
// and case 28: a caller that never reads its answers. All are closed when nothing could be sent to them for 10 s, and
// their handlers are told. Stopped processes: TestStopped.
//
// clause: O5, S10
func TestCase27And28NeverRead(t *testing.T) {
	t.Parallel()
	d := serve(t, nil)
	for _, road := range roads {
		for _, window := range []string{"0", "1024"} {
			l := d.open(road)
			l.say(`{"id":"wait","method":"probe.wait","params":{"name":"nobody"}}`)
			for n := range 100 {
				l.say(fmt.Sprintf(`{"id":%d,"method":"probe.tick","params":{"name":"a"},"window":%s}`, n, window))
			}
			l.say(`{"id":"calls","method":"probe.count","params":{"to":100000000},"window":0}`)
		}
		caller := d.open(road)
		caller.say(`{"id":"wait","method":"probe.wait","params":{"name":"nobody"}}`)
		go func() {
			for n := range 1000 {
				if _, err := fmt.Fprintf(caller, `{"id":%d,"method":"probe.letters","params":{"n":1000000}}`+"\n", n); err != nil {
					return
				}
			}
		}()
	}
	const items = 20_000
	reader := d.open("unix")
	reader.say(`{"id":1,"method":"probe.tick","params":{"name":"a"},"window":0}`)
	reader.hears("rpc.live")
	publisher := d.open("unix")
	for n := range items {
		if n%100 == 0 { // no more at once than the ring holds
			publisher.say(fmt.Sprintf(`{"id":%d,"method":"probe.publish","params":{"name":"a","times":100}}`, n))
			publisher.hear()
		}
		reader.hears(fmt.Sprintf(`"seq":%d,"value"`, n+1)) // and no "lost" between the two
	}
	publisher.Close()
	reader.Close()
	start := time.Now()
	for d.counters().Connections > 1 {
		if time.Since(start) > 3*patience {
			t.Fatalf("they are still there: %+v", d.counters())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Case 30: a handler that panics, and one that never returns: its caller is answered in time, its place stays taken.
//
// clause: E3, M9, S7, B3
func TestCase30Handlers(t *testing.T) {
	release, svc := make(chan struct{}), sabir.NewService("bad", "1", "")
	sabir.Method(svc, "panic", func(context.Context, sabir.None) (sabir.None, error) { panic("a secret") })
	sabir.Method(svc, "hang", func(context.Context, sabir.None) (sabir.None, error) { <-release; return sabir.None{}, nil })
	d := serveHandler(t, svc, func(o *sabir.ServeOptions) { o.Limits.InFlight = 3 })
	t.Cleanup(func() { close(release) })
	l := d.open("unix")
	for range 10 {
		l.say(`{"id":1,"method":"bad.panic"}`)
		if got := l.hear(); !strings.Contains(got, `"code":-32603`) || strings.Contains(got, "secret") {
			t.Errorf("%s", got)
		}
	}
	for n := range 3 {
		l.say(fmt.Sprintf(`{"id":%d,"method":"bad.hang","timeout":0.05}`, n))
		l.hears(`"code":-32002`)
	}
	l.say(`{"id":9,"method":"bad.hang"}`)
	l.hears(`"code":-32003`)
	l.Close()
	d.ping()
}

// Case 31: strangers who do what is logged, as fast as they can: a line a second and source, with a count.
func TestCase31LogFlood(t *testing.T) {
	t.Parallel()
	d := serve(t, nil)
	start, knocks := time.Now(), 0
	for time.Since(start) < 2500*time.Millisecond {
		for _, text := range []string{"SSH-2.0-x\r\n", "\x16\x03\x01\x00\x05hello", "GET / HTTP/1.1\r\n\r\n", `{"id":1,"method":"rpc.ping"}` + "\n", "\x16\x03\x01"} {
			c, err := net.Dial("tcp", d.tcp.HostPort())
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, text)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
			knocks++
		}
	}
	log := d.log.String()
	if n := strings.Count(log, "\n"); n < 2 || n > int(time.Since(start)/time.Second)+1 || !strings.Contains(log, "not_logged=") || knocks < 10 {
		t.Errorf("%d lines for %d knocks: %s", n, knocks, log)
	}
}

// Case 26, of one caller on several connections: what he has on one counts on the others. Another caller is not touched.
//
// clause: B3, B6
func TestCase26OfOneCaller(t *testing.T) {
	d := serve(t, func(o *sabir.ServeOptions) { o.Limits.Connections = 16 })
	first, second := d.open("unix"), d.open("unix")
	for n := range 256 {
		l := []*line{first, second}[n%2]
		l.say(fmt.Sprintf(`{"id":%d,"method":"probe.tick","params":{"name":"a"},"window":1}`, n))
		l.hears("rpc.live")
	}
	second.say(`{"id":"more","method":"probe.tick","params":{"name":"a"},"window":1}`)
	second.hears(`{"id":"more","error":{"code":-32003,"message":"over 256 subscriptions of one caller"`)
	stranger := d.open("tls")
	stranger.say(`{"id":1,"method":"probe.tick","params":{"name":"a"},"window":1}`)
	stranger.hears("rpc.live")
	first.Close()
	second.Close()

	var halves []*line
	refused := 0
	for range 5 {
		l := d.open("unix")
		halves = append(halves, l)
		io.WriteString(l, `{"id":1,"method":"probe.echo","params":{"text":"`+strings.Repeat("x", 7<<20))
		time.Sleep(50 * time.Millisecond) // so that they come one after the other
	}
	for _, l := range halves {
		io.WriteString(l, `"}}`+"\n")
		switch got := l.hear(); {
		case strings.HasPrefix(got, `{"id":null,"error":{"code":-32003,`):
			refused++
		case !strings.HasPrefix(got, `{"id":1,`):
			t.Errorf("%s", got)
		}
	}
	if refused < 1 || refused == len(halves) {
		t.Errorf("%d of %d messages were refused", refused, len(halves))
	}
	stranger.say(`{"id":2,"method":"probe.echo","params":{"text":"x"}}`)
	stranger.hears(`{"id":2,"result"`)
	for _, l := range append(halves, stranger) {
		l.Close()
	}
	l := d.open("unix") // and all was given back
	l.say(`{"id":1,"method":"probe.echo","params":{"text":"` + strings.Repeat("x", 7<<20) + `"}}`)
	l.hears(`{"id":1,"error":{"code":-32602,`)
	l.Close()
}
