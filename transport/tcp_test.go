package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// clause: K20
func TestPlainStaysOnLoopback(t *testing.T) {
	for _, host := range []string{"0.0.0.0", "::", "::ffff:192.0.2.1", "192.0.2.1"} {
		_, err := ListenTCP(t.Context(), Address{Scheme: "tcp", Host: host, Port: "0"}, &TCPOptions{Identity: openIdentity(t)})
		var plain *PlainError
		if !errors.As(err, &plain) || !strings.HasPrefix(plain.Hint(), "sabir://") {
			t.Errorf("listening on %s: %v", host, err)
		}
	}
	for _, host := range []string{"192.0.2.1", "::ffff:192.0.2.1", "0.0.0.0"} {
		_, err := DialTCP(t.Context(), Address{Scheme: "tcp", Host: host, Port: "7"}, nil)
		var plain *PlainError
		if !errors.As(err, &plain) {
			t.Errorf("dialling %s: %v", host, err)
		}
	}
	l, err := ListenTCP(t.Context(), Address{Scheme: "tcp", Host: "0.0.0.0", Port: "0"}, &TCPOptions{PlainBeyondLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// clause: F5
func TestTCP(t *testing.T) {
	checkLeaks(t)
	for host, text := range map[string]string{"127.0.0.1": "127.0.0.1", "localhost": "localhost"} {
		l, err := ListenTCP(t.Context(), Address{Scheme: "tcp", Host: host, Port: "0"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		at := l.Address()
		at.Host = text
		client, err := DialTCP(t.Context(), at, nil)
		if err != nil {
			t.Fatal(err)
		}
		if client.Peer().Transport != "tcp" || client.Binding() != nil {
			t.Errorf("%+v, %v", client.Peer(), client.Binding())
		}
		go func() { client.Write([]byte("{}\n")); client.CloseWrite() }()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c, start, err := l.Greet(t.Context(), c)
		if err != nil || start != StartsJSON {
			t.Fatal(start, err)
		}
		if text, err := io.ReadAll(c); string(text) != "{}\n" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		var inUse *InUseError
		if _, err := ListenTCP(t.Context(), l.Address(), nil); !errors.As(err, &inUse) {
			t.Errorf("twice: %v", err)
		}
		c.Close()
		client.Close()
		l.Close()
		if _, err := l.Accept(); err != net.ErrClosed {
			t.Errorf("closed: %v", err)
		}
	}
}

// A port that has no TLS, and one that has nothing else, take the other for nothing.
//
// clause: F5
func TestTCPRefuses(t *testing.T) {
	plain, atPlain := serveTLS(t, "tcp", nil)
	secret, atTLS := serveTLS(t, "sabir", &TCPOptions{Identity: openIdentity(t)})
	for _, test := range []struct {
		at   Address
		all  <-chan greeted
		send string
		want Start
	}{
		{plain, atPlain, "\x16\x03\x01", StartsOther},
		{plain, atPlain, "GET / HTTP/1.1\r\n\r\n", StartsHTTP},
		{plain, atPlain, "[]", StartsOther},
		{secret, atTLS, "{}", StartsOther},
		{secret, atTLS, "GET / HTTP/1.1\r\n\r\n", StartsOther},
		{secret, atTLS, "\xd9\xd9\xf7", StartsOther},
	} {
		client, err := net.Dial("tcp", test.at.HostPort())
		if err != nil {
			t.Fatal(err)
		}
		client.Write([]byte(test.send))
		g := <-test.all
		if g.err != nil || g.start != test.want {
			t.Errorf("%v, %q: %v, %v", test.at, test.send, g.start, g.err)
		}
		g.conn.Close()
		client.Close()
	}
	for _, a := range []Address{{Scheme: "unix", Path: "/x"}, {Scheme: "sabir", Host: "127.0.0.1", Port: "0"}} {
		var unsupported *UnsupportedError
		if _, err := ListenTCP(t.Context(), a, nil); !errors.As(err, &unsupported) {
			t.Errorf("listening on %v: %v", a, err)
		}
	}
	var unsupported *UnsupportedError
	if _, err := DialTCP(t.Context(), Address{Scheme: "ws", Host: "far"}, nil); !errors.As(err, &unsupported) {
		t.Error(err)
	}
	var fault *AddressError
	if _, err := DialTCP(t.Context(), Address{Scheme: "sabir", Host: "127.0.0.1", Port: "1", Rest: "#fp=x"}, nil); !errors.As(err, &fault) {
		t.Error(err)
	}
}

// clocked is a context that does not know yet that its time is over.
type clocked struct{ context.Context }

func (clocked) Deadline() (time.Time, bool) { return time.Now(), true }

// Package net may see first that the time of a context is over, in words of its own.
func TestCauseOfTheClock(t *testing.T) {
	if err := cause(clocked{t.Context()}, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}); err != context.DeadlineExceeded {
		t.Error(err)
	}
}
