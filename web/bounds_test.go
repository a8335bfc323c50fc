package web_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/sabir-ipc/sabir/examples/probe"
)

// closedIn reads until the other side closes, which has to happen in that time.
func closedIn(t *testing.T, conn net.Conn, most time.Duration) string {
	t.Helper()
	conn.SetDeadline(time.Now().Add(most))
	got, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("still open after %v", most)
	}
	return string(got)
}

// Who says nothing, or a byte now and then, is gone when the time is over.
//
// clause: H13
func TestSlowStrangers(t *testing.T) {
	t.Parallel()
	s := serve(t, probe.New(), nil)
	for name, sent := range map[string]string{
		"a verb":         "GET ",
		"half a head":    "POST /probe.echo HTTP/1.1\r\nHost: localhost\r\nX-",
		"a body to come": "POST /probe.echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n{",
		"a WebSocket": "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(t, "tcp")
			io.WriteString(conn, sent)
			closedIn(t, conn, 7*time.Second)
		})
	}
}

// clause: H13
func TestBounds(t *testing.T) {
	s := serve(t, probe.New(), nil)
	conn := s.dial(t, "tcp")
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 17<<10)+"\r\n\r\n")
	if got := closedIn(t, conn, 5*time.Second); !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("a head of 17 KiB: %.100q", got)
	}
	// What a stranger wants to have read is not.
	conn = s.dial(t, "tcp")
	io.WriteString(conn, "POST /probe.echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
	if got := closedIn(t, conn, 5*time.Second); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
		t.Errorf("a body of a stranger: %.100q", got)
	}
	// A body without a length that goes on for ever.
	conn = s.dial(t, "tcp")
	go func() {
		io.WriteString(conn, "POST /probe.echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"+
			"Authorization: Bearer "+s.token+"\r\n\r\n")
		chunk := "10000\r\n" + strings.Repeat(" ", 1<<16) + "\r\n"
		for {
			if _, err := io.WriteString(conn, chunk); err != nil {
				return
			}
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body without end: %v %v", answer, err)
	}
}

// What begins as HTTP is never read as lines, and the other way round.
//
// clause: F2
func TestBodiesAreNoLines(t *testing.T) {
	s := serve(t, probe.New(), nil)
	for _, over := range []string{"unix", "tcp"} {
		conn := s.dial(t, over)
		io.WriteString(conn, "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n\r\n"+
			"\n{\"id\":1,\"method\":\"probe.put\",\"params\":{\"name\":\"t\",\"key\":\"x\",\"n\":1}}\n")
		if got := closedIn(t, conn, 5*time.Second); strings.Contains(got, `"result"`) {
			t.Errorf("%s: %q", over, got)
		}
	}
	conn := s.dial(t, "unix")
	io.WriteString(conn, `{"id":1,"method":"rpc.ping"}`+"\nPOST /probe.rule HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if got := closedIn(t, conn, 5*time.Second); !strings.HasPrefix(got, `{"id":1,"result":{}}`+"\n") || strings.Contains(got, "HTTP/1.1") {
		t.Errorf("%q", got)
	}
	if _, body := s.do(t, http.DefaultClient, "GET", "/probe.rows?name=t", ""); body != "[]\n" {
		t.Errorf("something was put: %s", body)
	}
}

// clause: H13, K4
func TestWrongBearersCost(t *testing.T) {
	s := serve(t, probe.New(), nil)
	right := fmt.Sprintf("GET /rpc.ping HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", s.token)
	wrong := "GET /rpc.ping HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer 2aaaaaaaaa.AAAAAAAAAAAAAAAAAAAAAA\r\n\r\n"
	refused := 0
	for range 6 {
		conn := s.dial(t, "tcp")
		io.WriteString(conn, right+wrong+right) // also after one that was right
		switch got := closedIn(t, conn, 5*time.Second); {
		case got == "":
			refused++
		case strings.Count(got, "HTTP/1.1 200") != 1 || strings.Count(got, "HTTP/1.1 401") != 1:
			t.Fatalf("%q", got)
		}
	}
	if refused < 2 {
		t.Errorf("%d of 6 refused; from 15 s of debt on nobody is let in", refused)
	}
}

// A credential that is revoked ends what came by it, also where nothing is sent. spec [K12]
//
// clause: H13
func TestRevoked(t *testing.T) {
	s := serve(t, probe.New(), nil)
	id, _, _ := strings.Cut(s.token, ".")
	events, _ := http.NewRequestWithContext(t.Context(), "GET", s.url("/probe.tick?name=a"), nil)
	events.Header.Set("Authorization", "Bearer "+s.token)
	events.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(events)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	ws := dialSocket(t, s, s.token, "")
	say(t, ws, `{"id":1,"method":"rpc.ping"}`)
	hear(t, ws)
	if err := s.store.Revoke(id); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 2)
	go func() { io.Copy(io.Discard, answer.Body); ended <- "events" }()
	go func() { ws.Read(t.Context()); ended <- "WebSocket" }()
	for range 2 {
		select {
		case <-ended:
		case <-time.After(3 * time.Second):
			t.Fatal("still there after three seconds")
		}
	}
	if status, _ := s.do(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "GET", "/rpc.ping", ""); status != http.StatusUnauthorized {
		t.Errorf("status %d", status)
	}
}

// A reader that stops is ended, and holds up nobody else.
//
// clause: H13
func TestSlowReader(t *testing.T) {
	t.Parallel()
	s := serve(t, probe.New(), nil)
	conn := s.dial(t, "unix")
	conn.(*net.UnixConn).SetReadBuffer(4 << 10)
	io.WriteString(conn, "POST /probe.count HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: 17\r\n\r\n"+`{"to":1000000000}`)
	start := time.Now()
	for range 20 {
		if status, body := s.do(t, http.DefaultClient, "GET", "/probe.echo?text=a", ""); status != 200 {
			t.Fatal(status, body)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("others waited %v", took)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	// Reading would be a sign of life, so this has to be waited for.
	time.Sleep(writeTime + 2*time.Second)
	if n, err := io.Copy(io.Discard, conn); err != nil || n > 10<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

const writeTime = 10 * time.Second

// Nothing is left when the server has stopped, whatever was under way.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	s := serve(t, probe.New(), nil)
	client := &http.Client{Transport: &http.Transport{}}
	var under sync.WaitGroup
	for _, path := range []string{"/probe.tick?name=a", "/probe.value?name=a", "/probe.rows?name=a"} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", s.url(path), nil)
		r.Header.Set("Authorization", "Bearer "+s.token)
		r.Header.Set("Accept", "text/event-stream")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		under.Go(func() {
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			if !strings.HasSuffix(string(text), "\n\n") || !strings.Contains(string(text), "event: failed\ndata: {\"code\":-32001,") {
				t.Errorf("%s ended with %q", path, text)
			}
		})
	}
	under.Go(func() {
		if status, body := s.do(t, client, "POST", "/probe.wait", `{"name":"a"}`); status != http.StatusServiceUnavailable && body != "" {
			t.Errorf("%d %s", status, body)
		}
	})
	ws := dialSocket(t, s, s.token, "")
	say(t, ws, `{"id":1,"method":"probe.tick","params":{"name":"b"},"window":0}`)
	hear(t, ws)
	for range 20 {
		s.do(t, client, "GET", "/probe.echo?text=a", "")
	}
	for { // until the one that waits is under way: one that is still on its way is not answered
		if _, stats := s.do(t, client, "GET", "/rpc.stats", ""); strings.Contains(stats, `"in_flight":2`) {
			break
		}
	}
	s.stop()
	under.Wait()
	client.CloseIdleConnections()
	ws.CloseNow()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// What comes in bodies and in messages of WebSockets counts for its caller, on all connections together, until it is
// done with.
//
// clause: B6
func TestReceivedOfOneCaller(t *testing.T) {
	s := serve(t, probe.New(), nil)
	const size = 7 << 20
	head := `{"id":1,"method":"probe.echo","params":{"text":"`
	most := strings.Repeat("x", size)
	var finish []func() string
	for n := range 6 {
		if n%2 == 0 {
			conn := s.dial(t, "tcp")
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\n\r\n%s%s",
				len(head)+size+3, s.token, head, most)
			finish = append(finish, func() string {
				io.WriteString(conn, `"}}`)
				answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					return err.Error()
				}
				return answer.Status
			})
			continue
		}
		ws := dialSocket(t, s, s.token, "")
		message, err := ws.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(message, head+most)
		finish = append(finish, func() string {
			io.WriteString(message, `"}}`)
			message.Close()
			return hear(t, ws)
		})
	}
	time.Sleep(200 * time.Millisecond) // all that fits has been read
	refused := map[string]int{}
	for _, f := range finish {
		switch got := f(); {
		case strings.HasPrefix(got, "429 "):
			refused["HTTP"]++
		case strings.HasPrefix(got, `{"id":null,"error":{"code":-32003,`):
			refused["WebSocket"]++
		case !strings.HasPrefix(got, "400 ") && !strings.HasPrefix(got, "200 ") && !strings.HasPrefix(got, `{"id":1,`):
			t.Errorf("%.200s", got)
		}
	}
	if n := refused["HTTP"] + refused["WebSocket"]; n < 2 || n == len(finish) {
		t.Errorf("refused: %v", refused)
	}
	for try := 0; ; try++ { // and all is given back
		got, _ := s.do(t, http.DefaultClient, "POST", "/probe.echo", `{"text":"`+most+`"}`)
		if got != http.StatusTooManyRequests {
			break
		}
		if try == 50 {
			t.Fatal(got)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
