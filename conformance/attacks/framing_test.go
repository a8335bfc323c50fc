package attacks_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/sabir-ipc/sabir/internal/needed"
)

const ping = `{"id":1,"method":"rpc.ping"}`
const pong = `{"id":1,"result":{}}`

// Case 1: a byte every second and never a line end. All 16 that one source may have are held open so; others are let
// in and answered meanwhile.
//
// clause: K3
func TestCase01ByteASecond(t *testing.T) {
	t.Parallel()
	d := serve(t, nil)
	start := time.Now()
	ended := make(chan time.Duration)
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	const many = 16
	for i := range many {
		at := d.tcp.HostPort()
		if i%2 == 1 {
			at = d.tls.HostPort()
		}
		c, err := from.DialContext(t.Context(), "tcp", at)
		if err != nil {
			needed.Missing(t, "loopback", err)
		}
		defer c.Close()
		go func() {
			over := make(chan struct{})
			go func() {
				io.Copy(io.Discard, c)
				close(over)
			}()
			text := []byte(ping)
			if i%2 == 1 {
				text = []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}
			}
			for n := 0; ; n++ {
				c.Write(text[n%len(text):][:1])
				select {
				case <-over:
					ended <- time.Since(start)
					return
				case <-time.After(time.Second):
				}
			}
		}()
	}
	for n := 0; n < many; {
		select {
		case after := <-ended:
			if after < 4*time.Second || after > patience {
				t.Errorf("one was closed after %v", after)
			}
			n++
		case <-time.After(100 * time.Millisecond):
			d.ping()
			l := d.open("tls")
			l.say(ping)
			l.hears(pong)
			l.Close()
		}
	}
}

// Case 2: a line of the limit, a byte more, and one that never ends.
//
// clause: B2, B4
func TestCase02Length(t *testing.T) {
	const limit = 8 << 20 // twice what may be sent
	message := func(n int) string {
		head, tail := `{"id":1,"method":"probe.echo","params":{"text":"`, `"}}`
		return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
	}
	for _, road := range roads {
		t.Run(road, func(t *testing.T) {
			d := serve(t, nil)
			l := d.open(road)
			go l.say(message(limit) + "\r") // which does not count
			l.hears(`"at most 10 characters, got `)
			l.say(ping)
			l.hears(pong)
			go l.say(message(limit + 1))
			l.hears(`"id":null,"error":{"code":-32007,`)
			if rest := l.rest(); rest != "" {
				t.Errorf("after the end: %s", rest)
			}

			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			endless := d.open(road)
			go io.Copy(io.Discard, endless)
			io.WriteString(endless, `{"id":1,"method":"`)
			sent, piece := 0, bytes.Repeat([]byte("x"), 64<<10)
			for sent < 1<<30 {
				n, err := endless.Write(piece)
				if sent += n; err != nil {
					break
				}
			}
			runtime.ReadMemStats(&after)
			if sent < limit || sent > 64<<20 {
				t.Errorf("%d bytes were read of one line", sent)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
				t.Errorf("memory has grown by %d MiB", grown>>20)
			}
		})
	}
}

// Case 2, of those who are not known yet.
//
// clause: K3
func TestCase02LengthBeforeAuth(t *testing.T) {
	d := serve(t, nil)
	for _, test := range []struct {
		n    int
		want string
	}{{4 << 10, "rpc.Denied"}, {4<<10 + 1, "rpc.TooLarge"}} {
		c, err := net.Dial("tcp", d.tcp.HostPort())
		if err != nil {
			t.Fatal(err)
		}
		l := d.line(c)
		head := `{"id":1,"method":"`
		l.say(head + strings.Repeat("x", test.n-len(head)-2) + `"}`)
		if got := l.rest(); !strings.Contains(got, test.want) {
			t.Errorf("%d bytes: %s", test.n, got)
		}
	}
}

// Case 3: a message that comes in two pieces, cut at each of its bytes, and a thousand in one.
//
// clause: F1, C1, O2
func TestCase03Pieces(t *testing.T) {
	message := map[string]func(id int) []byte{
		"json": func(id int) []byte {
			return fmt.Appendf(nil, `{"id":%d,"method":"probe.echo","params":{"text":"ä€😀","n":7}}`+"\n", id)
		},
		"cbor": func(id int) []byte {
			body, _ := cbor.Marshal(map[string]any{"id": id, "method": "probe.echo", "params": map[string]any{"text": "ä€😀", "n": 7}})
			frame, _ := cbor.Marshal(body)
			return frame
		},
	}
	for _, road := range roads {
		for enc, message := range message {
			t.Run(road+"/"+enc, func(t *testing.T) {
				d := serve(t, nil)
				l := d.openAs(road, "write", enc == "cbor")
				whole := message(0)
				l.Write(whole)
				want := l.frame(enc)
				for at := 1; at < len(whole); at++ {
					l.Write(whole[:at])
					time.Sleep(50 * time.Microsecond) // so that the second piece is not read with the first
					l.Write(whole[at:])
					if got := l.frame(enc); got != want {
						t.Fatalf("cut at %d: %q, not %q", at, got, want)
					}
				}
				const many = 1000
				missing := make(map[string]bool)
				var all []byte
				for id := range many {
					l.Write(message(id))
					missing[l.frame(enc)] = true
					all = append(all, message(id)...)
				}
				go l.Write(all)
				for range many {
					got := l.frame(enc)
					if !missing[got] {
						t.Fatalf("of many in one: %q", got)
					}
					delete(missing, got)
				}
			})
		}
	}
}

// frame is the next answer, as it came.
func (l *line) frame(enc string) string {
	l.t.Helper()
	if enc == "json" {
		return l.hear()
	}
	var body []byte
	if err := cbor.NewDecoder(oneByte{l.in}).Decode(&body); err != nil {
		l.t.Fatal(err)
	}
	return string(body)
}

// oneByte reads no further than it is asked to.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1)]) }

// Case 4: what may stand between messages, and what may not.
//
// clause: F1, M14
func TestCase04BetweenMessages(t *testing.T) {
	const parseError = `{"id":null,"error":{"code":-32700,`
	d := serve(t, nil)
	for _, test := range []struct{ name, say, want string }{
		{"a line end", ping + "\n", pong},
		{"a line end with CR", ping + "\r\n", pong},
		{"blank lines", ping + "\n\n\r\n  \n" + `{"id":2,"method":"rpc.ping"}` + "\n", pong + "\n" + `{"id":2,"result":{}}`},
		{"CR alone", `{"id":1,"method":"rpc.ping"}` + "\r" + ping + "\n", parseError},
		{"NUL after it", ping + "\x00\n", parseError},
		{"NUL before the next", ping + "\n\x00" + ping + "\n", pong + "\n" + parseError},
		{"a byte order mark", ping + "\n\ufeff" + ping + "\n", pong + "\n" + parseError},
		{"two on a line", ping + ping + "\n", parseError},
		{"two with a blank", ping + " " + ping + "\n", parseError},
		{"trailing junk", ping + "x\n", parseError},
		{"a comma between", ping + "\n," + ping + "\n", pong + "\n" + parseError},
		{"a record separator", ping + "\n\x1e" + ping + "\n", pong + "\n" + parseError},
		{"a Content-Length", ping + "\nContent-Length: 28\r\n\r\n" + ping, pong + "\n" + parseError},
	} {
		for _, road := range roads {
			l := d.open(road)
			io.WriteString(l, test.say)
			wants := strings.Split(test.want, "\n")
			for _, want := range wants {
				if got := l.hear(); !strings.HasPrefix(got, want) {
					t.Errorf("%s over %s: %s, not %s", test.name, road, got, want)
				}
			}
			if wants[len(wants)-1] == parseError {
				if rest := l.rest(); rest != "" {
					t.Errorf("%s over %s: after the end: %s", test.name, road, rest)
				}
			}
			l.Close()
		}
	}
}

// banners are how other protocols begin.
var banners = []string{
	"SSH-2.0-OpenSSH_9.2\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\n",
	"HEAD / HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\n\r\n", "TRACE / HTTP/1.1\r\n\r\n",
	"DELETE / HTTP/1.1\r\n\r\n", "PUT / HTTP/1.1\r\n\r\n", "PATCH / HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "GETS x\r\n",
	"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", // SSLv2
	"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",         // SOCKS4
	"\x05\x01\x00",                                 // SOCKS5
	"*1\r\n$4\r\nPING\r\n", "EHLO x\r\n", "USER anonymous\r\n", "\x00\x00\x00\x08\x04\xd2\x16\x2f", "[" + ping + "]\n", " " + ping + "\n",
	"\ufeff" + ping + "\n", "\n" + ping + "\n", "\x00",
}

// Case 5: each first byte, and how other protocols begin. Over TCP nothing is answered to what is none of ours, with and
// without TLS around it; on the unix socket there is a line for the person who sits there.
//
// clause: F4, F5
func TestCase05FirstBytes(t *testing.T) {
	d := serve(t, nil)
	starts := banners
	for b := range 256 {
		if b != '{' && b != 0xd9 && b != 0x16 {
			starts = append(starts, string([]byte{byte(b), 0}))
		}
	}
	for _, start := range starts {
		for _, way := range []string{"tcp", "inside TLS", "unix"} {
			var c net.Conn
			var err error
			switch way {
			case "tcp":
				c, err = net.Dial("tcp", d.tcp.HostPort())
			case "unix":
				c, err = net.Dial("unix", d.path)
			default:
				c, err = tls.Dial("tcp", d.tls.HostPort(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"sabir/1"}})
			}
			if err != nil {
				t.Fatal(err)
			}
			l := d.line(c)
			io.WriteString(l, start)
			got := l.rest()
			if way == "unix" && (strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "this is a Sabir service")) || way != "unix" && got != "" {
				t.Errorf("%q over %s: %q", start, way, got)
			}
			l.Close()
		}
	}
	// TLS where only lines are expected inside, and records of versions long gone: at most an alert, never ours.
	for _, start := range []string{"\x16\x03\x00\x00\x04\x01\x00\x00\x00", "\x16\x03\x00\x00\x2f", "\x16\x16\x16\x16\x16\x16"} {
		c, err := net.Dial("tcp", d.tcp.HostPort())
		if err != nil {
			t.Fatal(err)
		}
		l := d.line(c)
		io.WriteString(l, start)
		c.(*net.TCPConn).CloseWrite()
		if got := l.rest(); got != "" && got[0] != 0x15 || strings.Contains(got, "{") {
			t.Errorf("%q: %q", start, got)
		}
	}
}

// Case 6: a web page can have a browser send lines of its choice, after a header that is not. Nothing of it is run.
//
// clause: F4, F5, M14
func TestCase06CallInABody(t *testing.T) {
	d := serve(t, nil)
	before := d.counters().Calls
	const set = `{"id":1,"method":"probe.set","params":{"name":"a","n":1}}`
	for _, text := range []string{
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n" + set + "\n",
		"POST / HTTP/1.1\n\n" + set + "\n" + set + "\n",
		"GET /" + set + " HTTP/1.1\r\n\r\n",
		"GET /\n" + set + "\n",
		"gopher\r\n" + set + "\r\n",
	} {
		for _, network := range []string{"unix", "tcp"} {
			at := map[string]string{"unix": d.path, "tcp": d.tcp.HostPort()}[network]
			c, err := net.Dial(network, at)
			if err != nil {
				t.Fatal(err)
			}
			l := d.line(c)
			io.WriteString(l, text)
			if got := l.rest(); strings.Contains(got, "result") {
				t.Errorf("%q over %s: %s", text, network, got)
			}
			l.Close()
		}
	}
	// And where the first byte was ours, the first line that is none ends it.
	l := d.open("unix")
	io.WriteString(l, ping+"\nPOST / HTTP/1.1\r\nContent-Length: 60\r\n\r\n"+set+"\n")
	l.hears(pong)
	l.hears(`"code":-32700`)
	if rest := l.rest(); rest != "" {
		t.Errorf("then %s", rest)
	}
	if calls := d.counters().Calls - before; calls != 2 { // the ping, and the one that asks
		t.Errorf("%d calls were run", calls)
	}
}

// Case 7: the framing of a connection never changes.
//
// clause: C1, M14
func TestCase07SwitchOfFraming(t *testing.T) {
	d := serve(t, nil)
	magic := "\xd9\xd9\xf7"
	body, err := cbor.Marshal(map[string]any{"id": 1, "method": "rpc.ping"})
	if err != nil {
		t.Fatal(err)
	}
	frame, _ := cbor.Marshal(body)
	for _, test := range []struct{ name, say, ends string }{
		{"JSON, then CBOR", ping + "\n" + magic + string(frame) + "\n", "-32700"},
		{"JSON, then CBOR in mid-line", ping + "\n" + `{"id":` + magic + string(frame) + "\n", "-32700"},
		{"CBOR, then JSON", magic + string(frame) + ping + "\n", "rpc.ParseError"},
		{"CBOR, and again the mark", magic + string(frame) + magic + string(frame), "rpc.ParseError"},
		{"CBOR, then TLS", magic + string(frame) + "\x16\x03\x01\x02\x00", "rpc.ParseError"},
		{"JSON, then TLS", ping + "\n\x16\x03\x01\x02\x00\n", "-32700"},
	} {
		c, err := net.Dial("unix", d.path)
		if err != nil {
			t.Fatal(err)
		}
		l := d.line(c)
		io.WriteString(l, test.say)
		got := l.rest()
		if strings.Count(got, "result") != 1 || strings.Count(got, test.ends) != 1 {
			t.Errorf("%s: %q", test.name, got)
		}
		l.Close()
	}
	// TLS inside of TLS. clause: F5
	c, err := tls.Dial("tcp", d.tls.HostPort(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	l := d.line(c)
	fmt.Fprint(l, "\x16\x03\x01\x00\x05hello")
	if got := l.rest(); got != "" {
		t.Errorf("TLS inside of TLS: %q", got)
	}
}
