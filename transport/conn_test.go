package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestHungUp(t *testing.T) {
	checkLeaks(t)
	l := listen(t, filepath.Join(shortDir(t), "x.sock"), nil)
	t.Cleanup(func() { l.Close() }) // before checkLeaks counts

	client, server := connect(t, l)
	if gone, known := server.HungUp(); gone || !known {
		t.Errorf("nothing happened: gone %v, known %v", gone, known)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	readEOF(t, server)
	if gone, known := server.HungUp(); gone || !known {
		t.Errorf("finished writing: gone %v, known %v", gone, known)
	}
	go server.Write([]byte("answer"))
	if _, err := io.ReadFull(client, make([]byte, 6)); err != nil {
		t.Error(err)
	}
	if gone, known := client.HungUp(); gone || known {
		t.Errorf("our own half is closed: gone %v, known %v", gone, known)
	}
	client.Close()
	if gone, known := server.HungUp(); !gone || !known {
		t.Errorf("then closed: gone %v, known %v", gone, known)
	}

	client, server = connect(t, l)
	client.Close()
	readEOF(t, server)
	if gone, known := server.HungUp(); !gone || !known {
		t.Errorf("closed: gone %v, known %v", gone, known)
	}
	server.Close()
	if gone, known := server.HungUp(); gone || known {
		t.Errorf("closed by us: gone %v, known %v", gone, known)
	}
}

func readEOF(t *testing.T, c *Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read %d, %v", n, err)
	}
}

// A peer that exits right after sending was who it was, and its last words are there to be read.
func TestPeerExits(t *testing.T) {
	path := filepath.Join(shortDir(t), "x.sock")
	l := listen(t, path, nil)
	cmd := helper(t, "send", path)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if p := server.Peer(); !p.Known || p.UID != uint32(os.Getuid()) || p.PID != cmd.Process.Pid {
		t.Errorf("peer %+v, pid was %d", p, cmd.Process.Pid)
	}
	if text, err := io.ReadAll(server); string(text) != "bye" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if gone, known := server.HungUp(); !gone || !known {
		t.Errorf("gone %v, known %v", gone, known)
	}
}

// A socket that is open to all tells who comes. Only root can be somebody else to try it.
func TestPeerIsAnother(t *testing.T) {
	if os.Getuid() != 0 {
		return
	}
	dir := shortDir(t)
	program, err := os.ReadFile(os.Args[0]) // lies where only root can go
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "program"), program, 0o700), os.Chmod(filepath.Join(dir, "program"), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x.sock")
	for mode, want := range map[os.FileMode]bool{0o666: true, 0o600: false} {
		l := listen(t, path, &ListenOptions{Mode: mode})
		cmd := helper(t, "send", path)
		cmd.Path = filepath.Join(dir, "program")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4712}}
		if err := cmd.Run(); (err == nil) != want {
			t.Fatalf("mode %04o: %v", mode, err)
		}
		if want {
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if p := server.Peer(); p != (Peer{Transport: "unix", Known: true, UID: 4711, GID: 4712, PID: cmd.Process.Pid}) {
				t.Errorf("%+v", p)
			}
			server.Close()
		}
		l.Close()
	}
}

func TestUnknownPeerIsNobody(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	c := NewConn(a, Peer{Transport: "inproc"})
	defer c.Close()
	if p := c.Peer(); p.Known || p.UID != nobody || p.GID != nobody {
		t.Errorf("%+v", p)
	}
	// A socket that is not a unix one answers too, and must not be believed.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	tcp, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	wrapped := NewConn(tcp, Peer{})
	if gone, known := wrapped.HungUp(); gone || known {
		t.Errorf("tcp: gone %v, known %v", gone, known)
	}
	if err := wrapped.CloseWrite(); err != nil {
		t.Errorf("tcp has half-close: %v", err)
	}
}

func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe()
		if p := a.Peer(); !p.Known || p.Transport != "inproc" || p.PID != os.Getpid() {
			t.Errorf("%+v", p)
		}
		if err := a.CloseWrite(); err != ErrNoHalfClose {
			t.Errorf("CloseWrite: %v", err)
		}
		start := time.Now()
		a.SetReadDeadline(start.Add(time.Hour))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		b.Close()
		a.SetReadDeadline(time.Time{})
		readEOF(t, a)
		if gone, known := a.HungUp(); gone || known {
			t.Errorf("gone %v, known %v", gone, known)
		}
		a.Close()
	})
}

func TestStdio(t *testing.T) {
	checkLeaks(t)
	in, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	theirIn, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := Stdio(in, out)
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	c.Write([]byte("x\n"))
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if line, err := bufio.NewReader(theirIn).ReadString('\n'); line != "x\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	theirIn.Close()
	theirOut.Close()

	file, err := os.Open("/dev/null") // has no deadlines
	if err != nil {
		t.Fatal(err)
	}
	c = Stdio(file, out)
	if err := c.SetReadDeadline(time.Now()); err != ErrNoDeadline {
		t.Errorf("%v", err)
	}
	c.Close()
	if err := Stdio(io.NopCloser(nil), out).SetReadDeadline(time.Now()); err != ErrNoDeadline {
		t.Errorf("%v", err)
	}
}

func TestNoAllocations(t *testing.T) {
	client, server := connect(t, listen(t, filepath.Join(shortDir(t), "x.sock"), nil))
	buf := make([]byte, 16)
	if n := testing.AllocsPerRun(100, func() {
		client.Write(buf)
		server.Read(buf)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDialContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for text, want := range map[string]string{
		"/nowhere/x.sock": "unix:/nowhere/x.sock: context canceled",
		"exec:cat":        "exec:cat: context canceled",
	} {
		addr, _ := Parse(text)
		if _, err := Dial(ctx, addr, nil); !errors.Is(err, context.Canceled) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// An address made by hand is checked like one that was written.
	var fault *AddressError
	if _, err := Dial(context.Background(), Address{Scheme: "ssh", Host: "-oProxyCommand=x"}, nil); !errors.As(err, &fault) {
		t.Errorf("%v", err)
	}
}

func TestPeerInALog(t *testing.T) {
	for want, p := range map[string]Peer{
		"unix, uid 0, pid 4711":   {Transport: "unix", Known: true, PID: 4711},
		"tls, [2001:db8::1]:5031": {Transport: "tls", Remote: netip.MustParseAddrPort("[2001:db8::1]:5031")},
		"inproc":                  {Transport: "inproc", UID: nobody, GID: nobody},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}
