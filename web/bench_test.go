package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/sabir-ipc/sabir/examples/probe"
)

// BenchmarkPost is a call by POST on one connection, with a client that does as little as can be: nearly all of it is
// the server. What people get is in bench/.
func BenchmarkPost(b *testing.B) {
	s := serve(b, probe.New(), nil)
	conn := s.dial(b, "unix")
	const body = `{"text":"hello"}`
	request := []byte(fmt.Sprintf("POST /probe.echo HTTP/1.1\r\nHost: probe\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	r := bufio.NewReader(conn)
	b.ReportAllocs()
	for b.Loop() {
		conn.Write(request)
		answer, err := http.ReadResponse(r, nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(answer, err)
		}
		io.Copy(io.Discard, answer.Body)
	}
}
