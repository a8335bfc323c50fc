package web_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/examples/probe"
)

// FuzzFront sends anything that begins as HTTP. Whatever it is, the server answers in HTTP or closes, and lives.
func FuzzFront(f *testing.F) {
	for _, seed := range []string{
		"GET /probe.echo?text=a%20b&n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST /probe.echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"text\":\"a\"}",
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n{\"id\":1,\"method\":\"probe.count\",\"params\":{}}",
		"POST /probe.types HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET /probe.tick?name=a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nLast-Event-ID: abc:1\r\nPrefer: wait=0.01\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" +
			frame(0x81, `{"id":1,"method":"rpc.ping"}`),
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n",
		"GET /docs HTTP/1.0\r\n\r\nGET /sabir.js HTTP/1.1\r\nHost: [::1]\r\nIf-None-Match: \"x\"\r\nRange: bytes=5-2\r\n\r\n",
		"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PUT /%2e%2e/%00 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YTpi\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	s := serve(f, probe.New(), nil)
	f.Fuzz(func(t *testing.T, sent []byte) {
		conn, err := net.Dial("unix", s.unix)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		conn.Write(sent) // what it does not read is its right
		conn.(*net.UnixConn).CloseWrite()
		got, err := io.ReadAll(conn)
		switch {
		case err != nil && strings.Contains(err.Error(), "i/o timeout"):
			t.Fatalf("neither answered nor closed: %q", got)
		case len(got) > 0 && bytes.HasPrefix(sent, []byte("POST ")) && !bytes.HasPrefix(got, []byte("HTTP/1.")):
			t.Fatalf("something else than HTTP: %q", got)
		case bytes.Contains(got, []byte("the service failed")):
			t.Fatalf("%q", got)
		}
		if status, body := s.do(t, http.DefaultClient, "GET", "/rpc.ping", ""); status != 200 {
			t.Fatal(status, body)
		}
	})
}
