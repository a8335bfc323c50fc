package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A read that waits holds nothing; one that has something puts it where it was told to.
func TestReadLent(t *testing.T) {
	checkLeaks(t)
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			client, server := socketPair(t, network)
			lent, buf := 0, make([]byte, 8)
			waits := make(chan struct{}, 10)
			lend := func() []byte { lent++; return buf }
			back := func() { lent--; waits <- struct{}{} }

			go func() {
				<-waits
				client.Write([]byte("hello"))
			}()
			if n, err := server.ReadLent(lend, back); n != 5 || err != nil || string(buf[:n]) != "hello" || lent != 1 {
				t.Errorf("read %d %q, %v; %d lent", n, buf, err, lent)
			}

			server.SetReadDeadline(time.Unix(1, 0))
			if n, err := server.ReadLent(lend, back); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || lent != 1 {
				t.Errorf("over time: %d, %v; %d lent", n, err, lent)
			}
			server.SetReadDeadline(time.Time{})

			client.CloseWrite()
			if n, err := server.ReadLent(lend, back); n != 0 || err != io.EOF {
				t.Errorf("at the end: %d, %v", n, err)
			}
			server.Close()
			if n, err := server.ReadLent(lend, back); n != 0 || !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed: %d, %v", n, err)
			}
		})
	}
}

// Closing ends a read that waits.
func TestReadLentClose(t *testing.T) {
	checkLeaks(t)
	_, server := socketPair(t, "unix")
	waits := make(chan struct{}, 1)
	go func() {
		<-waits
		server.Close()
	}()
	n, err := server.ReadLent(func() []byte { return make([]byte, 1) }, func() { waits <- struct{}{} })
	if n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("read %d, %v", n, err)
	}
}

// A write that waits tells how far it came as soon as anything went, and closing ends it.
func TestWriteSome(t *testing.T) {
	checkLeaks(t)
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			client, server := socketPair(t, network)
			b := make([]byte, 64<<20)
			n, err := client.WriteSome(b)
			if n == 0 || n == len(b) || err != nil {
				t.Fatalf("at first: %d, %v", n, err)
			}
			for n > 0 { // until nothing goes
				if n, err = client.TryWrite(b); err != nil {
					t.Fatalf("then: %d, %v", n, err)
				}
			}
			go io.CopyN(io.Discard, server, 4<<20)
			if n, err := client.WriteSome(b); n == 0 || n == len(b) || err != nil {
				t.Errorf("to one who reads: %d, %v", n, err)
			}
			time.AfterFunc(50*time.Millisecond, func() { client.Close() })
			for err = nil; err == nil; {
				_, err = client.WriteSome(b)
			}
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
}

// What has a layer between the socket and the bytes cannot tell when there is something.
func TestLends(t *testing.T) {
	a, b := Pipe()
	defer a.Close()
	defer b.Close()
	if a.Lends() {
		t.Error("a pipe lends")
	}
}

func socketPair(t *testing.T, network string) (client, server *Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(shortDir(t), "x.sock")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client, server = NewConn(near, Peer{}), NewConn(far, Peer{})
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}
