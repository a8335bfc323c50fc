package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/internal/needed"
)

// curl runs a line of a shell with curl in it.
func curl(t *testing.T, s *served, line string) string {
	t.Helper()
	needed.Tool(t, "curl")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Env = append(os.Environ(), "TOKEN="+s.token, "URL=http://localhost:"+s.port, "SOCKET="+s.unix, "HTTPS=https://"+s.tls, "no_proxy=*")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s\n%v\n%s", line, err, out)
	}
	return string(out)
}

func TestCurl(t *testing.T) {
	s := serve(t, probe.New(), nil)
	for _, test := range []struct{ line, want string }{
		{`curl -s --json '{"text":"hi"}' -H "Authorization: Bearer $TOKEN" $URL/probe.echo`, `{"text":"hi"}` + "\n"},
		{`curl -s --json '{"text":"hi"}' --unix-socket $SOCKET http://localhost/probe.echo`, `{"text":"hi"}` + "\n"},
		{`curl -s --unix-socket $SOCKET 'http://probe/probe.echo?text=hi'`, `{"text":"hi"}` + "\n"},
		{`curl -s --oauth2-bearer $TOKEN -G --data-urlencode 'text=a & b' $URL/probe.echo`, `{"text":"a \u0026 b"}` + "\n"},
		{`curl -s --http2 --oauth2-bearer $TOKEN "$URL/probe.echo?text=x"`, `{"text":"x"}` + "\n"},
		{`curl -s -o /dev/null -w '%{http_code}' "$URL/probe.echo?text=x"`, `401`},
		{`curl -s -k --oauth2-bearer $TOKEN "$HTTPS/probe.echo?text=x"`, `{"text":"x"}` + "\n"},
		{`curl -s -N --max-time 2 -H 'Accept: text/event-stream' --unix-socket $SOCKET 'http://localhost/probe.rows?name=t'; true`, "event: live\ndata: {}\n\n"},
		{`curl -s -N -H 'Accept: text/event-stream' --unix-socket $SOCKET 'http://localhost/probe.count?to=1'`, "data: {\"value\":{\"n\":1}}\n\nevent: end\ndata: {}\n\n"},
		{`head -c 100000 /dev/zero | tr '\0' a | curl -s --data-binary @- --unix-socket $SOCKET http://localhost/probe.echo | cut -c1-40`, `{"code":-32600,"message":"Content-Type h` + "\n"},
	} {
		if got := curl(t, s, test.line); strings.ReplaceAll(got, "&", `\u0026`) != test.want {
			t.Errorf("%s\n%s\nwant %s", test.line, got, test.want)
		}
	}
	// The line that a refusal prints is right as it stands.
	for _, how := range []string{`--unix-socket $SOCKET http://localhost/probe.echo`, `-H "Authorization: Bearer $TOKEN" $URL/probe.echo`} {
		refused := curl(t, s, `curl -s -d '{"text":"it'\''s"}' `+how)
		_, line, found := strings.Cut(refused, "application/json: ")
		line, _, _ = strings.Cut(line, `","data"`)
		line = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(line)
		if got := curl(t, s, line+" -s"); !found || got != `{"text":"it's"}`+"\n" {
			t.Errorf("%s\n%s\n%s", refused, line, got)
		}
	}
}

// Events leave when they happen, not when there are many.
//
// clause: H10
func TestEventsAreNotHeldBack(t *testing.T) {
	s := serve(t, probe.New(), nil)
	r, _ := http.NewRequestWithContext(t.Context(), "GET", s.url("/probe.tick?name=a"), nil)
	r.Header.Set("Authorization", "Bearer "+s.token)
	r.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	next := func(prefix string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), prefix) {
				return
			}
		}
		t.Fatalf("no %s: %v", prefix, lines.Err())
	}
	next("event: live")
	for range 100 {
		if status, body := s.do(t, http.DefaultClient, "POST", "/probe.publish", `{"name":"a","times":1}`); status != 200 {
			t.Fatal(status, body)
		}
		next(`data: {"seq":`)
	}
}

// Over TLS HTTP has a name of its own in the handshake, and each is taken for what it says. Who says none, as nginx, may
// speak either.
//
// clause: K15
func TestTLS(t *testing.T) {
	s := serve(t, probe.New(), nil)
	try := func(protocols ...string) (string, error) {
		conn, err := tls.Dial("tcp", s.tls, &tls.Config{InsecureSkipVerify: true, NextProtos: protocols, ServerName: "localhost"})
		if err != nil {
			return "", err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		conn.Write([]byte("GET /rpc.ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer " + s.token + "\r\n\r\n"))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return strings.TrimSpace(line), nil
	}
	for _, test := range []struct {
		protocols []string
		want      string
	}{{[]string{"h2", "http/1.1"}, "HTTP/1.1 200 OK"}, {[]string{"sabir/1"}, ""}, {nil, "HTTP/1.1 200 OK"}} {
		if got, err := try(test.protocols...); got != test.want || err != nil {
			t.Errorf("%q: %q, %v", test.protocols, got, err)
		}
	}
	if got, err := try("h2"); err == nil {
		t.Errorf("h2 alone: %q", got)
	}
}
