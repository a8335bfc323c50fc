package attacks_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/web"
)

// setting is a call that leaves a mark: whether it was run, the calls of the daemon tell.
const setting = `{"id":1,"method":"probe.set","params":{"name":"a","n":1}}`

// serveHTTP runs a daemon that speaks HTTP as well, and returns the bearer of somebody who may write.
func serveHTTP(t *testing.T, opts *web.Options) (*daemon, string) {
	t.Helper()
	face, err := web.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	d := serve(t, func(o *sabir.ServeOptions) { o.HTTP = face })
	c, so := d.token("write")
	_, secret, _ := so.Secret("")
	return d, c.ID + "." + secret.Reveal()
}

// tells sends bytes by a road, closes that side, and returns all that comes back.
func (d *daemon) tells(road, text string) string {
	d.t.Helper()
	network, at := "unix", d.path
	if road == "tcp" {
		network, at = "tcp", d.tcp.HostPort()
	}
	c, err := net.Dial(network, at)
	if err != nil {
		d.t.Fatal(err)
	}
	l := d.line(c)
	io.WriteString(l, text)
	l.closeWrite()
	return l.rest()
}

// ran reports how many calls were run since, but for those that ask.
func (d *daemon) ran(since int) int { return d.counters().Calls - since - 1 }

// Case 6: HTTP whose body is a call is HTTP, and the call is not run: by the wrong path, the wrong kind, the wrong verb.
//
// clause: H6, H7
func TestCase06HTTP(t *testing.T) {
	d, bearer := serveHTTP(t, nil)
	before := d.counters().Calls
	head := fmt.Sprintf("Host: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n", bearer, len(setting)+1)
	for _, test := range []struct{ text, status string }{
		{"POST / HTTP/1.1\r\n" + head + "\r\n" + setting + "\n", "415"},
		{"POST / HTTP/1.1\r\n" + head + "Content-Type: text/plain\r\n\r\n" + setting + "\n", "415"},
		{"POST / HTTP/1.1\r\n" + head + "Content-Type: application/x-www-form-urlencoded\r\n\r\n" + setting + "\n", "415"},
		{"POST /nowhere HTTP/1.1\r\n" + head + "Content-Type: application/json\r\n\r\n" + setting + "\n", "404"},
		{"PUT / HTTP/1.1\r\n" + head + "Content-Type: application/json\r\n\r\n" + setting + "\n", "405"},
		{"GET /" + setting + " HTTP/1.1\r\n" + head + "\r\n", "404"},
		{"GET /probe.set?name=a&n=1 HTTP/1.1\r\n" + head + "\r\n", "405"},
		{"GET /\n" + setting + "\n", "400"},
	} {
		for _, road := range []string{"unix", "tcp"} {
			if got := d.tells(road, test.text); !strings.HasPrefix(got, "HTTP/1.1 "+test.status) || strings.Contains(got, `"result"`) {
				t.Errorf("%.40q over %s: %.200q, want %s", test.text, road, got, test.status)
			}
		}
	}
	if got := d.tells("unix", "gopher\r\n"+setting+"\r\n"); strings.Contains(got, "result") {
		t.Error(got)
	}
	if n := d.ran(before); n != 4 { // the two that were not found were asked for, by each road
		t.Errorf("%d calls were run", n)
	}
}

// Case 47: a name that was made to mean this machine is no way in, whatever else is right.
//
// clause: H1
func TestCase47Rebound(t *testing.T) {
	d, bearer := serveHTTP(t, &web.Options{Hosts: []string{"lounge.test"}, Origins: []string{"http://app.test:5173"}})
	before := d.counters().Calls
	port := d.tcp.Port
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	for _, host := range []string{
		"evil.test:" + port, "evil.test", "localhost.evil.test", "notlocalhost", "localhost.", "127.0.0.1.evil.test:" + port,
		"lounge.test.evil.test", "xlounge.test", "127.1", "0x7f000001", "localhost:" + port + ":80", "[::1", "",
	} {
		for _, request := range []string{
			"POST /probe.set HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 18\r\n%s\r\n{\"name\":\"a\",\"n\":1}",
			"GET /probe.rows?name=a HTTP/1.1\r\nAccept: text/event-stream\r\n%s\r\n",
			"GET / HTTP/1.1\r\n" + upgrade + "%s\r\n",
			"GET / HTTP/1.1\r\n%s\r\n",
			"GET /sabir.js HTTP/1.1\r\n%s\r\n",
			"OPTIONS /probe.set HTTP/1.1\r\n%s\r\n",
		} {
			text := fmt.Sprintf(request, "Host: "+host+"\r\nOrigin: http://"+host+"\r\nAuthorization: Bearer "+bearer+"\r\nConnection: close\r\n")
			if got := d.tells("tcp", text); !strings.HasPrefix(got, "HTTP/1.1 421 ") && !strings.HasPrefix(got, "HTTP/1.1 400 ") {
				t.Errorf("%.30q of %q: %.200q", request, host, got)
			}
		}
	}
	for _, host := range []string{"localhost:" + port, "LOCALHOST", "127.0.0.1:" + port, "[::1]:80", "lounge.test", "app.test:1"} {
		got := d.tells("tcp", "GET /rpc.ping HTTP/1.1\r\nHost: "+host+"\r\nAuthorization: Bearer "+bearer+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Errorf("%q: %.100q", host, got)
		}
	}
	if n := d.ran(before); n != 6 {
		t.Errorf("%d calls were run", n)
	}
}

// Case 49: pages of others open no WebSocket, however much their name looks like ours.
//
// clause: H1, H11
func TestCase49Origins(t *testing.T) {
	d, bearer := serveHTTP(t, &web.Options{Origins: []string{"http://app.test:5173", "https://lounge.test"}})
	own := "http://localhost:" + d.tcp.Port
	try := func(origin string) string {
		got := d.tells("tcp", "GET / HTTP/1.1\r\nHost: localhost:"+d.tcp.Port+"\r\nOrigin: "+origin+"\r\nAuthorization: Bearer "+bearer+
			"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
		_, status, _ := strings.Cut(got, " ")
		status, _, _ = strings.Cut(status, " ")
		return status
	}
	for _, origin := range []string{
		"null", "NULL", "file://", "http://evil.test", own + ".evil.test", "http://localhost.evil.test", "http://xlocalhost:" + d.tcp.Port,
		"https://localhost:" + d.tcp.Port, "http://localhost", "http://127.0.0.1:" + d.tcp.Port, own + "/", own + "@evil.test",
		"http://app.test", "http://app.test:51730", "http://app.test:5173.evil.test", "https://app.test:5173", "http://evilapp.test:5173",
		"http://lounge.test", "https://lounge.test:444", "https://sub.lounge.test", "chrome-extension://abc", own + " " + own, own + "\r\nOrigin: http://evil.test",
	} {
		if got := try(origin); got != "403" {
			t.Errorf("%q: %s", origin, got)
		}
	}
	for _, origin := range []string{own, "http://app.test:5173", "https://lounge.test"} {
		if got := try(origin); got != "101" {
			t.Errorf("%q: %s", origin, got)
		}
	}
}

// Case 51: what may be read as one request or as two is refused, or is one and the last: nothing in a body is a request.
//
// clause: H13
func TestCase51Smuggling(t *testing.T) {
	d, bearer := serveHTTP(t, nil)
	body := `{"name":"a","n":1}`
	hidden := "POST /probe.set HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + bearer +
		"\r\nContent-Type: application/json\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body
	chunked := "0\r\n\r\n" + hidden
	for _, test := range []struct{ name, head, body string }{
		{"length and chunks", "Content-Length: " + fmt.Sprint(len(chunked)) + "\r\nTransfer-Encoding: chunked\r\n", chunked},
		{"chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: " + fmt.Sprint(len(chunked)) + "\r\n", chunked},
		{"chunks of a kind", "Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n", chunked},
		{"chunks, then as they are", "Transfer-Encoding: chunked, identity\r\n", chunked},
		{"chunks twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked},
		{"two lengths", "Content-Length: 0\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"two lengths in one", "Content-Length: 0, " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"a length with a sign", "Content-Length: +" + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"a length below zero", "Content-Length: -1\r\n", hidden},
		{"a blank before the colon", "Content-Length : " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"a folded line", "X: a\r\n Content-Length: 0\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"a bare CR", "X: a\rContent-Length: 0\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"a bare LF", "X: a\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"a NUL", "X: a\x00b\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"a chunk with a bare LF", "Transfer-Encoding: chunked\r\n", "2\n{}\r\n" + chunked},
		{"a chunk of a negative size", "Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n" + chunked},
		{"a head of a MiB", "X: " + strings.Repeat("x", 1<<20) + "\r\nContent-Length: " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"ten thousand lines", strings.Repeat("X: y\r\n", 10_000) + "Content-Length: " + fmt.Sprint(len(hidden)) + "\r\n", hidden},
		{"a long body of a stranger", "Authorization: none\r\nContent-Length: 1000000\r\n", hidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := d.counters().Calls
			got := d.tells("unix", "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+test.head+"\r\n"+test.body)
			if n := strings.Count(got, "HTTP/1.1 "); n > 1 {
				t.Errorf("%d answers: %q", n, got)
			}
			if got == "" && !strings.Contains(test.name, "MiB") && !strings.Contains(test.name, "thousand") { // the rest of what is too long resets
				t.Error("no answer")
			}
			if strings.HasPrefix(got, "HTTP/1.1 2") {
				t.Errorf("%q", got)
			}
			if n := d.ran(before); n > 1 { // the one that was not found
				t.Errorf("%d calls were run: %q", n, got)
			}
		})
	}
	// Who asks whether to send the body is told not to, or to, once.
	for who, want := range map[string][2]int{"": {0, 401}, "Authorization: Bearer " + bearer + "\r\n": {100, 200}} {
		c, err := net.Dial("tcp", d.tcp.HostPort())
		if err != nil {
			t.Fatal(err)
		}
		l := d.line(c)
		io.WriteString(l, "POST /probe.set HTTP/1.1\r\nHost: localhost\r\n"+who+"Content-Type: application/json\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: "+
			fmt.Sprint(len(body))+"\r\n\r\n")
		in := bufio.NewReader(l.in)
		answer, err := http.ReadResponse(in, nil)
		if err == nil && answer.StatusCode == 100 && want[0] == 100 {
			io.WriteString(l, body)
			answer, err = http.ReadResponse(in, nil)
		}
		if err != nil || answer.StatusCode != want[1] {
			t.Errorf("%.20q: %v %v, want %v", who, answer, err, want)
		}
		l.Close()
	}
}
