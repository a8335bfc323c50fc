package web_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// A call with a time of its own whose handler ends its goroutine is answered at once.
func TestHandlerThatExits(t *testing.T) {
	svc := sabir.NewService("exiting", "1", "")
	sabir.Method(svc, "exit", func(context.Context, sabir.None) (sabir.None, error) {
		runtime.Goexit()
		return sabir.None{}, nil
	})
	s := serve(t, svc, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url("/exiting.exit"), strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + s.token}, "Content-Type": {"application/json"}, "Prefer": {"wait=60"}}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusInternalServerError {
		t.Error(answer.Status)
	}
}
