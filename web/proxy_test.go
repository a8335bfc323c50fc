package web_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/web"
)

// What docs/web.md says of proxies, with real ones.
//
// clause: H14
func TestNginx(t *testing.T) {
	s := serve(t, probe.New(), &web.Options{Origins: []string{"https://lounge.example"}})
	port := freePort(t)
	behind(t, s, nginx(t, s, port, ""), "nginx")
}

// nginx runs one before the server, with more lines of configuration and pairs of texts that are changed, and returns where.
func nginx(t *testing.T, s *served, port, more string, pairs ...string) (at string) {
	// What a machine has around the part that we show.
	config := "daemon off; master_process off; pid nginx.pid; error_log stderr;\n" + change(t, "nginx.conf", append([]string{
		"listen 80", "listen 127.0.0.1:" + port, "localhost:7224", "localhost:" + s.port,
		"http {\n", "http {\n\taccess_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; scgi_temp_path s; uwsgi_temp_path u;\n" + more},
		pairs...)...)
	return started(t, port, config, "nginx", "-e", "stderr", "-p", ".", "-c", "config")
}

// A proxy that ends what is silent for 22 s does not end what a client has dialled, however little there is to say.
//
// clause: H14
func TestIdleBehindNginx(t *testing.T) {
	t.Parallel()
	s := serve(t, probe.New(), &web.Options{Origins: []string{"https://lounge.example"}})
	at := nginx(t, s, freePort(t), "\tproxy_read_timeout 22s; proxy_send_timeout 22s;\n")
	c, err := sabir.Dial(t.Context(), "ws://lounge.example", s.through(at))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for e, err := range sabir.Watch[struct{ N int }](t.Context(), c, "probe.tick", map[string]any{"name": "idle"}, nil) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Kind == sabir.Down:
			t.Error("the connection was lost")
		case e.Kind == sabir.Up:
			time.AfterFunc(30*time.Second, func() {
				s.do(t, http.DefaultClient, "POST", "/probe.publish", `{"name":"idle","times":1}`)
			})
		}
		if e.Kind == sabir.Changed {
			break
		}
	}
}

func TestCaddy(t *testing.T) {
	s := serve(t, probe.New(), &web.Options{Origins: []string{"https://lounge.example"}})
	port := freePort(t)
	config := "{\n\tadmin off\n}\n" + change(t, "lounge.caddy", "lounge.example {", "http://lounge.example:"+port+" {", "localhost:7224", "localhost:"+s.port)
	behind(t, s, started(t, port, config, "caddy", "run", "--config", "config", "--adapter", "caddyfile"), "caddy")
}

func change(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", "proxy", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(text, []byte(pairs[i])) {
			t.Fatalf("%s has no %q", name, pairs[i])
		}
		text = bytes.ReplaceAll(text, []byte(pairs[i]), []byte(pairs[i+1]))
	}
	return string(text)
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// started runs a proxy.
func started(t *testing.T, port, config, name string, args ...string) (at string) {
	t.Helper()
	needed.Tool(t, name)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	proxy := exec.Command(name, args...)
	proxy.Dir, proxy.Env = dir, append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	var log bytes.Buffer
	proxy.Stdout, proxy.Stderr = &log, &log
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { proxy.Wait(); close(ended) }()
	t.Cleanup(func() {
		proxy.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			t.Logf("%s", &log)
		}
	})
	at = "127.0.0.1:" + port
	for { // it says nothing when it listens
		conn, err := net.Dial("tcp", at)
		if err == nil {
			conn.Close()
			return at
		}
		select {
		case <-ended:
			t.Fatal(name + " has ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// behind asks through a proxy as browsers and Go programs do.
func behind(t *testing.T, s *served, at, name string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", at)
	}}}
	defer client.CloseIdleConnections()
	get := func(host, path string, head http.Header) *http.Response {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+host+path, nil)
		r.Header = head
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	bearer := http.Header{"Authorization": {"Bearer " + s.token}, "Origin": {"https://lounge.example"}}
	host := "lounge.example"
	if name == "caddy" {
		host += at[strings.IndexByte(at, ':'):]
	}
	if a := get(host, "/probe.echo?text=x", bearer); a.StatusCode != http.StatusOK || a.Header.Get("Access-Control-Allow-Origin") != "https://lounge.example" {
		t.Errorf("with a bearer: %v", a.Status)
	}
	if a := get(host, "/probe.echo?text=x", http.Header{}); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("without: %v", a.Status)
	}
	large := strings.NewReader(`{"text":"` + strings.Repeat("x", 3_000_000) + `"}`)
	post, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+host+"/probe.echo", large)
	post.Header = http.Header{"Authorization": bearer["Authorization"], "Content-Type": {"application/json"}}
	if a, err := client.Do(post); err != nil || a.Header.Get("Content-Type") != "application/json" { // whose text is too long
		t.Errorf("a large message does not reach the service: %v, %v", a, err)
	}
	if a := get(host, "/", http.Header{}); a.StatusCode != http.StatusOK {
		t.Errorf("the page: %v", a.Status)
	}
	if name != "caddy" { // which itself has only this one
		if a := get("evil.test", "/probe.echo?text=x", bearer); a.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("another name: %v", a.Status)
		}
	}
	// Events are not kept until there are many.
	events := bufio.NewScanner(get(host, "/probe.tick?name=p", http.Header{"Authorization": bearer["Authorization"], "Accept": {"text/event-stream"}}).Body)
	until := func(prefix string) {
		t.Helper()
		for events.Scan() {
			if strings.HasPrefix(events.Text(), prefix) {
				return
			}
		}
		t.Fatalf("no %s: %v", prefix, events.Err())
	}
	until("event: live")
	for range 3 {
		s.do(t, http.DefaultClient, "POST", "/probe.publish", `{"name":"p","times":1}`)
		until(`data: {"seq":`)
	}
	ws, _, err := websocket.Dial(t.Context(), "ws://"+host+"/", &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Origin": {"https://lounge.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	say(t, ws, `{"id":1,"method":"rpc.auth","params":{"token":"`+s.token+`"}}`)
	if got := hear(t, ws); !strings.Contains(got, `"level":"write"`) {
		t.Error(got)
	}
	say(t, ws, `{"id":2,"method":"probe.echo","params":{"text":"hi"}}`)
	expect(t, ws, `{"id":2,"result":{"text":"hi"}}`)
	if _, answer, err := websocket.Dial(t.Context(), "ws://"+host+"/", &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Origin": {"http://evil.test"}}}); err == nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page: %v %v", answer, err)
	}
	for _, cbor := range []bool{false, true} {
		throughProxy(t, s, at, "ws://"+host, cbor)
	}
}

// throughProxy is a Go client: what it says and hears passes as it is.
func throughProxy(t *testing.T, s *served, at, address string, cbor bool) {
	t.Helper()
	opts := s.through(at)
	opts.CBOR = cbor
	c, err := sabir.Dial(t.Context(), address, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := sabir.Do[text](t.Context(), c, "probe.letters", map[string]any{"n": 3_000_000}); err != nil || len(got.Text) != 3_000_000 {
		t.Errorf("%d, %v", len(got.Text), err)
	}
	n := 0
	for e, err := range sabir.Watch[struct{ N int }](t.Context(), c, "probe.tick", map[string]any{"name": "c"}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == sabir.Changed {
			n++
		}
		if n == 3 {
			break
		}
		s.do(t, http.DefaultClient, "POST", "/probe.publish", `{"name":"c","times":1}`)
	}
	opts.Secret = withToken("2abc.wrong").Secret
	if _, err := sabir.Dial(t.Context(), address, opts); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("a wrong token: %v", err)
	}
}

// through are the options of a client to which all names are those of a proxy.
func (s *served) through(at string) *sabir.DialOptions {
	opts := s.options(s.token)
	opts.Web = func(ctx context.Context, u *sabir.Upgrade) (io.ReadWriteCloser, error) {
		u.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", at)
		}
		return web.Dial(ctx, u)
	}
	return opts
}

// Who fails behind a proxy of this machine is kept out by his address, and not the proxy with all others.
//
// clause: K4
func TestNginxKeepsOutWhoFails(t *testing.T) {
	s := serve(t, probe.New(), &web.Options{Hosts: []string{"lounge.example"}})
	keepsOutWhoFails(t, s, nginx(t, s, freePort(t), ""))
}

func keepsOutWhoFails(t *testing.T, s *served, at string) {
	t.Helper()
	ask := func(from, token string) int {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", at)
		}}}
		defer client.CloseIdleConnections()
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://lounge.example/probe.echo?text=x", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("X-Forwarded-For", "192.0.2.7") // whom this does not harm
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for n, want := range []int{401, 401, 401, 401, 429} {
		if got := ask("127.0.0.2", "laptop.wrong"); got != want {
			t.Errorf("wrong token %d: %d, not %d", n+1, got, want)
		}
	}
	if got := ask("127.0.0.2", s.token); got != 429 {
		t.Errorf("then the right one: %d", got)
	}
	for range 20 {
		if got := ask("127.0.0.3", s.token); got != 200 {
			t.Fatalf("somebody else: %d", got)
		}
	}
}
