package web_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/web"
)

// A server that was sent much may be silent for as long as a slow line takes for that: the ping comes behind it.
//
// clause: H14
func TestSilenceAfterMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			in := bufio.NewReader(far)
			r, err := http.ReadRequest(in)
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(far, upgraded(r, ""))
			io.Copy(io.Discard, in)
		}()
		rw, err := web.Dial(t.Context(), &sabir.Upgrade{
			HostPort: "x:80", URL: "http://x/", Message: 2 << 20,
			Dial: func(context.Context, string) (net.Conn, error) { return near, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := rw.Write([]byte(`{"text":"` + strings.Repeat("x", 1_000_000) + "\"}\n")); err != nil {
			t.Fatal(err)
		}
		_, err = rw.Read(make([]byte, 1))
		if took := time.Since(began); took < 2*time.Minute || took > 150*time.Second || err == nil || !strings.Contains(err.Error(), "no answer to a ping") {
			t.Errorf("%v after %v", err, took)
		}
		rw.Close()
		far.Close()
		<-served
	})
}
