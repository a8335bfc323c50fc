package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func listen(t *testing.T, path string, opts *ListenOptions) *Listener {
	t.Helper()
	l, err := Listen(Address{Scheme: "unix", Path: path}, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// connect makes both ends of a connection through l.
func connect(t *testing.T, l *Listener) (client, server *Conn) {
	t.Helper()
	client, err := Dial(context.Background(), l.Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestListen(t *testing.T) {
	checkLeaks(t)
	path := filepath.Join(shortDir(t), "x.sock")
	l := listen(t, path, nil)
	client, server := connect(t, l)
	for _, c := range []*Conn{client, server} {
		want := Peer{Transport: "unix", Known: true, UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), PID: os.Getpid()}
		if c.Peer() != want {
			t.Errorf("peer %+v", c.Peer())
		}
	}
	go client.Write([]byte("hello"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(server, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}

	closed := make(chan error)
	go func() { _, err := l.Accept(); closed <- err }()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-closed; err != net.ErrClosed {
		t.Errorf("Accept after Close: %v", err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
	_, err := Dial(context.Background(), l.Address(), nil)
	if want := "unix:" + path + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	listen(t, path, nil) // the lock is free
}

// clause: A3
func TestUmask(t *testing.T) {
	for mask, want := range map[string]string{
		"0":    "listening Srw------- born Srw-------",
		"077":  "listening Srw------- born Srw-------",
		"0777": "listening Srw------- born S---------",
	} {
		path := filepath.Join(shortDir(t), "x.sock")
		cmd, line := startListener(t, path, "SABIR_TEST_UMASK="+mask)
		if line != want {
			t.Errorf("umask %s: %s", mask, line)
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func TestModeAndGroup(t *testing.T) {
	dir := shortDir(t)
	gid := os.Getgid()
	if os.Getuid() == 0 {
		gid = 4711 // others may only give what they have
	}
	tests := []struct {
		opts ListenOptions
		mode os.FileMode
		gid  int
	}{
		{ListenOptions{}, 0o600, os.Getgid()},
		{ListenOptions{Mode: 0o666}, 0o666, os.Getgid()},
		{ListenOptions{Group: strconv.Itoa(gid)}, 0o660, gid},
		{ListenOptions{Group: strconv.Itoa(gid), Mode: 0o620}, 0o620, gid},
	}
	for _, test := range tests {
		l := listen(t, filepath.Join(dir, "x.sock"), &test.opts)
		info, err := os.Lstat(l.Address().Path)
		if err != nil {
			t.Fatal(err)
		}
		if got := int(info.Sys().(*syscall.Stat_t).Gid); info.Mode().Perm() != test.mode || got != test.gid {
			t.Errorf("%+v: %v, group %d", test.opts, info.Mode(), got)
		}
		l.Close()
	}
	for want, opts := range map[string]*ListenOptions{
		`group "no-such-group": no such group`:                 {Group: "no-such-group"},
		"mode ugrwxr-xr-x of a socket: only permissions count": {Mode: os.ModeSetuid | os.ModeSetgid | 0o755},
	} {
		if _, err := Listen(Address{Scheme: "unix", Path: filepath.Join(dir, "x.sock")}, opts); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestParentOfPath(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "x.sock")
	os.Chmod(dir, 0o777)
	_, err := Listen(Address{Scheme: "unix", Path: path}, nil)
	if want := dir + ": can be written by everyone (mode 0777; chmod o-w)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	os.Chmod(dir, 0o777|os.ModeSticky) // like /tmp
	listen(t, path, nil).Close()
	os.Chmod(dir, 0o775)
	listen(t, path, nil).Close()
}

func TestPathTooLong(t *testing.T) {
	path := "/" + strings.Repeat("x", maxPath)
	want := path + ": has " + strconv.Itoa(maxPath+1) + " bytes, and a socket's path at most " + strconv.Itoa(maxPath)
	_, listenErr := Listen(Address{Scheme: "unix", Path: path}, nil)
	_, dialErr := Dial(context.Background(), Address{Scheme: "unix", Path: path}, nil)
	for _, err := range []error{listenErr, dialErr} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	dir := shortDir(t)
	longest := filepath.Join(dir, strings.Repeat("x", maxPath-len(dir)-1))
	connect(t, listen(t, longest, nil))
}

func TestAcceptOutOfDescriptors(t *testing.T) {
	path := filepath.Join(shortDir(t), "x.sock")
	cmd := helper(t, "short", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	said := bufio.NewReader(out)
	line, _ := said.ReadString('\n')
	if line != "listening without descriptors\n" {
		t.Fatal(line)
	}
	c, err := Dial(context.Background(), Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("x"))
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	c.Close()
	if rest, err := io.ReadAll(said); string(rest) != "short of too many open files\n" { // once, though it tried several times
		t.Errorf("%q, %v", rest, err)
	}
}

func TestUnsupported(t *testing.T) {
	for text, want := range map[string][2]string{
		"tcp:localhost:1":      {"tcp: addresses are dialled by DialTCP, and need a login", "tcp: addresses are listened at by ListenTCP"},
		"sabir://far#t=a.b":    {"sabir: addresses are dialled by DialTCP, and need a login", "sabir: addresses are listened at by ListenTCP"},
		"http://localhost:1":   {"http: addresses are dialled by who speaks HTTP, and need a login", "http: addresses are for dialling: what listens at sabir:// or tcp: answers there"},
		"exec:cat":             {"", "exec: addresses are for dialling; a daemon listens on a name or a path"},
		"ssh:localhost/lounge": {"", "ssh: addresses are for dialling; a daemon listens on a name or a path"},
	} {
		addr, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var unsupported *UnsupportedError
		if want[0] != "" {
			if _, err := Dial(context.Background(), addr, nil); !errors.As(err, &unsupported) || err.Error() != want[0] {
				t.Errorf("Dial %s: %v", text, err)
			}
		}
		if _, err := Listen(addr, nil); !errors.As(err, &unsupported) || err.Error() != want[1] {
			t.Errorf("Listen %s: %v", text, err)
		}
	}
}
