package web_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
)

// TestMain is the tests, or the child of one: it dials what it is told, and tells what came of it, a line each.
func TestMain(m *testing.M) {
	token, child := os.LookupEnv("SABIR_TEST_CHILD")
	if !child {
		os.Exit(m.Run())
	}
	for _, address := range os.Args[1:] {
		_, err := sabir.Dial(context.Background(), address, withToken(token))
		fmt.Println(strings.ReplaceAll(fmt.Sprint(err), "\n", " "))
	}
}

// A proxy on the way out is gone through where the environment names one, and reads nothing.
func TestDialThroughProxy(t *testing.T) {
	s := serve(t, probe.New(), nil)
	asked := make(chan string, 9)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- fmt.Sprint(r.Method, " ", r.Host, " ", r.Header.Get("Proxy-Authorization"), r.Header.Get("Authorization"))
		if r.Host != "lounge.example:443" {
			http.Error(w, "not there", http.StatusForbidden)
			return
		}
		back, err := net.Dial("tcp", s.tls)
		if err != nil {
			t.Error(err)
			return
		}
		defer back.Close()
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(back, conn); back.Close() }()
		io.Copy(conn, back)
	}))
	t.Cleanup(proxy.Close)
	// In another process: net/http looks at the environment once.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dial := exec.Command(self, "wss://lounge.example/#fp="+s.fingerprint.String(), "wss://other.example")
	dial.Env = append(os.Environ(), "SABIR_TEST_CHILD="+s.token,
		"HTTPS_PROXY=http://me:pass@"+strings.TrimPrefix(proxy.URL, "http://"), "NO_PROXY=", "no_proxy=")
	out, err := dial.Output()
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Split(string(out), "\n")
	if !strings.Contains(told[0], "does not go by this name") { // [H1] holds behind a proxy, too
		t.Errorf("a name that is not the service's own: %s", told[0])
	}
	if !strings.Contains(told[1], "the proxy of $HTTPS_PROXY: 127.0.0.1:") || !strings.Contains(told[1], "403 Forbidden") {
		t.Errorf("refused by the proxy: %s", told[1])
	}
	if got := <-asked; got != "CONNECT lounge.example:443 Basic bWU6cGFzcw==" {
		t.Errorf("the proxy was asked for %s", got)
	}
}
