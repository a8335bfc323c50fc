package web_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/web"
)

// lying listens, and does with each connection what it is told.
func lying(t *testing.T, do func(conn net.Conn, r *http.Request)) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				go do(conn, r)
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return "ws://" + ln.Addr().String()
}

// upgraded says yes to r, as RFC 6455 has it, with more lines for its head.
func upgraded(r *http.Request, more string) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + more + "\r\n"
}

// flood writes a text again and again, until the client has gone or read so much.
func flood(conn net.Conn, text string, most int) {
	text = strings.Repeat(text, max(1, (64<<10)/len(text)))
	for sent := 0; sent < most; sent += len(text) {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
}

// A server that lies costs a client little time, little memory and no goroutine.
//
// clause: H14
func TestHostileServer(t *testing.T) {
	const endless = 256 << 20
	frame := func(first byte, payload string) string { return string([]byte{first, byte(len(payload))}) + payload }
	for _, test := range []struct {
		name string
		do   func(conn net.Conn, r *http.Request)
		says string // of Dial, or of a call; empty: it takes until the time is up
	}{
		{"silence", func(net.Conn, *http.Request) {}, ""},
		{"a slow head", func(conn net.Conn, _ *http.Request) {
			for _, b := range []byte("HTTP/1.1 101 Switching Protocols\r\nX: " + strings.Repeat("x", 1000)) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		}, ""},
		{"an endless head", func(conn net.Conn, _ *http.Request) {
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n")
			flood(conn, "X-Y: z\r\n", endless)
		}, "speaks no HTTP"},
		{"endless answers that are none yet", func(conn net.Conn, _ *http.Request) {
			flood(conn, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", endless)
		}, "speaks no HTTP"},
		{"another protocol", func(conn net.Conn, _ *http.Request) { io.WriteString(conn, "SSH-2.0-x\r\n") }, "speaks no HTTP"},
		{"an endless page", func(conn net.Conn, _ *http.Request) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
			flood(conn, "<p>", endless)
		}, "but a page"},
		{"a wrong Accept", func(conn net.Conn, r *http.Request) {
			r.Header.Set("Sec-WebSocket-Key", "x")
			io.WriteString(conn, upgraded(r, ""))
		}, "speaks no WebSocket as it should"},
		{"an extension", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "Sec-WebSocket-Extensions: permessage-deflate\r\n"))
		}, "speaks no WebSocket as it should"},
		{"a subprotocol", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "Sec-WebSocket-Protocol: chat\r\n"))
		}, "speaks no WebSocket as it should"},
		{"a goodbye", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "")+frame(0x88, "\x03\xe8"))
		}, "the connection ended"},
		{"an end", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, ""))
			conn.Close()
		}, "the connection ended"},
		{"half a message", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "")+frame(0x01, `{"id":1,`)+"\x80\x10")
			conn.Close()
		}, "the connection ended"},
		{"a length of 2^62", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "")+"\x81\x7f\x40\x00\x00\x00\x00\x00\x00\x00")
		}, ""},
		{"a message without end", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "")+frame(0x01, "{"))
			flood(conn, "\x00\x7e\xff\xff"+strings.Repeat("x", 1<<16-1), endless)
		}, "the connection ended"},
		{"pieces of nothing", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "")+frame(0x01, "{"))
			flood(conn, frame(0x00, ""), endless)
		}, ""},
		{"pings", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, ""))
			go io.Copy(io.Discard, conn)
			flood(conn, frame(0x89, strings.Repeat("x", 125)), endless)
		}, ""},
		{"pings, and no pong is read", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, ""))
			flood(conn, frame(0x89, strings.Repeat("x", 125)), endless)
		}, ""},
		{"another kind of frame", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "")+frame(0x82, "\xa0"))
		}, "the connection ended"},
		{"reserved bits", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "")+frame(0xc1, "{}"))
		}, "the connection ended"},
		{"no JSON", func(conn net.Conn, r *http.Request) {
			io.WriteString(conn, upgraded(r, "")+frame(0x81, "hello"))
		}, "the connection ended"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, had := heap(), runtime.NumGoroutine()
			began := time.Now()
			patience := 500 * time.Millisecond
			if test.says != "" {
				patience = 4 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			address := lying(t, test.do)
			c, err := sabir.Dial(ctx, address, withToken("2abc.secret"))
			if err == nil {
				_, err = sabir.Do[sabir.None](ctx, c, "probe.wait", nil)
				if now := heap(); now > before+80<<20 {
					t.Errorf("%d MiB are held", (now-before)>>20)
				}
				c.Close()
			}
			switch {
			case test.says == "" && !errors.Is(err, context.DeadlineExceeded):
				t.Errorf("%v, want the end of the time", err)
			case err == nil || !strings.Contains(err.Error(), test.says):
				t.Errorf("%v, want %s", err, test.says)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > had+3; time.Sleep(5 * time.Millisecond) { // the listener, and who reads for it
				if time.Now().After(end) {
					buf := make([]byte, 1<<20)
					t.Fatalf("goroutines are left\n%s", buf[:runtime.Stack(buf, true)])
				}
			}
		})
	}
}

// A server that reads nothing holds nobody up for longer than he waits, and is given up when nothing moves for 10 s.
//
// clause: O5, H14
func TestServerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	address := lying(t, func(conn net.Conn, r *http.Request) { io.WriteString(conn, upgraded(r, "")) })
	c, err := sabir.Dial(t.Context(), address, withToken("2abc.secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	large := text{strings.Repeat("x", 4_000_000)} // some of which the kernel takes
	began := time.Now()
	failed := make(chan error, 1)
	go func() {
		for _, err := range sabir.Items[sabir.None](context.Background(), c, "probe.count", &large) { // which is not asked again
			failed <- err
		}
	}()
	time.Sleep(200 * time.Millisecond) // for it to be on its way: one that is not would be sent again
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := sabir.Do[sabir.None](ctx, c, "probe.echo", &large); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
		t.Errorf("who waits half a second: %v after %v", err, time.Since(began))
	}
	if err := <-failed; !errors.Is(err, sabir.ErrOutcomeUnknown) {
		t.Errorf("who waits for ever: %v", err)
	}
	if took := time.Since(began); took < 9*time.Second || took > 20*time.Second {
		t.Errorf("given up after %v", took)
	}
}

// A server on which nobody has anything to say is asked whether it is there, so that no proxy takes the connection for
// forgotten. If it does not answer, the connection has ended.
//
// clause: H14
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		var pings atomic.Int64
		var mute atomic.Bool
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
			for {
				head := make([]byte, 6) // of a short frame, with its mask
				if _, err := io.ReadFull(in, head); err != nil {
					return
				}
				payload := make([]byte, head[1]&0x7f)
				io.ReadFull(in, payload)
				if head[0] != 0x89 {
					continue
				}
				if pings.Add(1); !mute.Load() {
					for i := range payload {
						payload[i] ^= head[2+i%4]
					}
					far.Write(append([]byte{0x8a, byte(len(payload))}, payload...))
				}
			}
		}()
		rw, err := web.Dial(t.Context(), &sabir.Upgrade{
			HostPort: "x:80", URL: "http://x/", Message: 1 << 20,
			Dial: func(context.Context, string) (net.Conn, error) { return near, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := rw.Read(make([]byte, 1))
			ended <- err
		}()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := pings.Load(); n < 30 || n > 60 {
			t.Errorf("%d pings in ten minutes", n)
		}
		mute.Store(true)
		began := time.Now()
		err = <-ended
		if took := time.Since(began); took > 40*time.Second || err == nil || !strings.Contains(err.Error(), "no answer to a ping") {
			t.Errorf("%v after %v", err, took)
		}
		rw.Close()
		far.Close()
		<-served
	})
}

// heap is what is in use of the memory.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // for what sync.Pool keeps
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
