package web_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// A notification goes on without who sent it, and the server does not wait for it when it stops.
//
// clause: O7, H6
func TestNotifyAndLeave(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	svc := sabir.NewService("errand", "1.0", "Errands.")
	sabir.Method(svc, "run", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return sabir.None{}, nil
	})
	s := serve(t, svc, nil)
	send := func(body string) {
		conn := s.dial(t, "tcp")
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			s.token, len(body), body)
		<-began
		conn.Close()
	}
	send(`{"id":1,"method":"errand.run"}`)
	<-ended // whose call is over with its caller
	send(`{"method":"errand.run"}`)
	select {
	case err := <-ended:
		t.Error("the handler is told to stop at once: ", err)
	case <-time.After(200 * time.Millisecond): // in which the one before was
	}
	start := time.Now()
	s.stop()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the server takes %v to stop", took)
	}
}

// It is answered when its handler is done: whoever notifies faster than that waits.
//
// clause: H6
func TestNotifyWaits(t *testing.T) {
	release := make(chan struct{})
	svc := sabir.NewService("errand", "1.0", "Errands.")
	sabir.Method(svc, "run", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		<-release
		return sabir.None{}, nil
	})
	s := serve(t, svc, nil)
	answered := make(chan string)
	go func() {
		status, body := s.do(t, http.DefaultClient, "POST", "/", `{"method":"errand.run"}`)
		answered <- fmt.Sprint(status, body)
	}()
	select {
	case got := <-answered:
		t.Error("before it was done: " + got)
	case <-time.After(50 * time.Millisecond): // in which one that waits for nothing is answered
	}
	close(release)
	if got := <-answered; got != "204" {
		t.Error(got)
	}
}
