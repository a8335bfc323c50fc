package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/web"
)

// kept is a connection that a proxy keeps, for whoever comes next.
type kept struct {
	net.Conn
	r *bufio.Reader
}

func (s *served) kept(t *testing.T, from string) *kept {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &kept{conn, bufio.NewReader(conn)}
}

// ask makes a request with a bearer, from an address if there is one, and returns its answer.
func (k *kept) ask(t *testing.T, token, from, more string) *http.Response {
	t.Helper()
	if from != "" {
		more += "X-Forwarded-For: " + from + "\r\n"
	}
	fmt.Fprintf(k, "GET /probe.echo?text=x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n%s\r\n", token, more)
	answer, err := http.ReadResponse(k.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	return answer
}

// A request that nobody says to come from elsewhere owes nothing in the name of the one before it on the connection.
//
// clause: K4
func TestOwedByWhoAsks(t *testing.T) {
	s := serve(t, probe.New(), nil)
	for range 4 {
		conn := s.kept(t, "127.0.0.1")
		if got := conn.ask(t, s.token, "192.0.2.7", ""); got.StatusCode != http.StatusOK {
			t.Fatalf("the one before: %v", got.Status)
		}
		if got := conn.ask(t, "laptop.wrong", "", ""); got.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a wrong token: %v", got.Status)
		}
	}
	if got := s.kept(t, "127.0.0.2").ask(t, s.token, "192.0.2.7", ""); got.StatusCode != http.StatusOK {
		t.Errorf("who had the connection before, by another proxy: %v", got.Status)
	}
	if _, err := s.kept(t, "127.0.0.1").r.Peek(1); err == nil {
		t.Error("who failed is not kept out")
	}
}

// Whose credential ends does not end what others do who come by the same proxy.
//
// clause: K12
func TestRevokedBehindAProxy(t *testing.T) {
	s := serve(t, probe.New(), nil)
	ann := s.newToken(t, "ann", "write")
	conn, alone := s.kept(t, "127.0.0.1"), s.kept(t, "127.0.0.1")
	for _, token := range []string{ann, s.token} {
		if got := conn.ask(t, token, "192.0.2.7", ""); got.StatusCode != http.StatusOK {
			t.Fatal(got.Status)
		}
	}
	alone.ask(t, ann, "192.0.2.7", "")
	id, _, _ := strings.Cut(ann, ".")
	if err := s.store.Revoke(id); err != nil {
		t.Fatal(err)
	}
	if _, err := alone.r.Peek(1); err != io.EOF {
		t.Errorf("the connection of who was revoked: %v", err)
	}
	for range 2 {
		if got := conn.ask(t, s.token, "192.0.2.8", ""); got.StatusCode != http.StatusOK {
			t.Fatalf("somebody else on the same connection: %v", got.Status)
		}
	}
	if got := conn.ask(t, ann, "192.0.2.7", ""); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("who was revoked: %v", got.Status)
	}
}

// What somebody sends over a connection that another one had before him is on his own account.
//
// clause: B6
func TestBodiesBehindAProxy(t *testing.T) {
	s := serve(t, probe.New(), nil)
	ann := s.newToken(t, "ann", "write")
	body := `{"text":"` + strings.Repeat("x", 7<<20) + `"}`
	post := func(conn *kept, token, body string) {
		fmt.Fprintf(conn, "POST /probe.count HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\n\r\n%s",
			7<<20+11, token, body)
	}
	for range 4 {
		conn := s.kept(t, "127.0.0.1")
		conn.ask(t, s.token, "", "")
		post(conn, ann, body[:len(body)-1])
	}
	time.Sleep(200 * time.Millisecond) // all of it has been read
	conn := s.kept(t, "127.0.0.1")
	post(conn, s.token, body)
	answer, err := http.ReadResponse(conn.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusTooManyRequests {
		t.Error("for what somebody else sends: " + answer.Status)
	}
}

// clause: H1
func TestOptions(t *testing.T) {
	for _, opts := range []*web.Options{
		{Proxies: []netip.Prefix{{}}}, {Hosts: []string{"lounge.example:80"}}, {Origins: []string{"lounge.example"}},
		{Origins: []string{"https://lounge.example/"}},
	} {
		if _, err := web.New(opts); err == nil {
			t.Errorf("%v is taken", *opts)
		}
	}
	// What a browser says where the port is that of the scheme, and in whatever case.
	s := serve(t, probe.New(), &web.Options{Origins: []string{"https://Lounge.example:443", "http://other.example:80"}})
	for origin, want := range map[string]int{"https://lounge.example": 200, "http://other.example": 200, "http://lounge.example": 403} {
		if got := s.kept(t, "127.0.0.1").ask(t, s.token, "", "Origin: "+origin+"\r\n"); got.StatusCode != want {
			t.Errorf("%s: %v", origin, got.Status)
		}
	}
}

// The head of a stream of events is all of it that HEAD asks for: the connection is free for the next request.
//
// clause: H5, H10
func TestHeadOfEvents(t *testing.T) {
	s := serve(t, probe.New(), nil)
	conn := s.kept(t, "127.0.0.1")
	for _, path := range []string{"/probe.tick?name=h", "/probe.value?name=h", "/probe.count?to=100000"} {
		fmt.Fprintf(conn, "HEAD %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n", path, s.token)
		answer, err := http.ReadResponse(conn.r, &http.Request{Method: "HEAD"})
		if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%s: %v, %v", path, answer, err)
		}
		if got := conn.ask(t, s.token, "", ""); got.StatusCode != http.StatusOK {
			t.Errorf("after %s: %v", path, got.Status)
		}
	}
}

// A proxy that brings many at once has them wait for a place before the gate, and those whose request is whole take none.
//
// clause: K3
func TestManyByAProxy(t *testing.T) {
	s := serve(t, probe.New(), &web.Options{Origins: []string{"https://lounge.example"}})
	upgrade := "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	socket := func() int {
		conn := s.kept(t, "127.0.0.1")
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.7\r\n%s\r\n", upgrade)
		answer, err := http.ReadResponse(conn.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
	for n := range 17 {
		if got := socket(); n < 16 && got != http.StatusSwitchingProtocols || n == 16 && got != http.StatusTooManyRequests {
			t.Errorf("WebSocket %d: %d", n+1, got)
		}
	}
	if got := s.kept(t, "127.0.0.1").ask(t, s.token, "192.0.2.7", ""); got.StatusCode != http.StatusOK {
		t.Errorf("a request of one who is known: %v", got.Status)
	}
	var silent []net.Conn
	for range 16 {
		silent = append(silent, s.kept(t, "127.0.0.3"))
	}
	time.Sleep(50 * time.Millisecond) // all of them have come
	time.AfterFunc(200*time.Millisecond, func() { silent[0].Close() })
	if got := s.kept(t, "127.0.0.3").ask(t, s.token, "192.0.2.7", ""); got.StatusCode != http.StatusOK {
		t.Errorf("one that waited: %v", got.Status)
	}
}
