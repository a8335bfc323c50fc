package transport

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// A socket that somebody has removed, with its lock or its directory or alone, is made again as it was, and what was
// connected stays so.
func TestMadeAgain(t *testing.T) {
	for name, removed := range map[string]func(dir, path string) error{
		"the socket":         func(_, path string) error { return os.Remove(path) },
		"all in the folder":  func(_, path string) error { os.Remove(path + ".lock"); return os.Remove(path) },
		"the folder":         func(dir, _ string) error { return os.RemoveAll(dir) },
		"nothing":            func(_, path string) error { return nil },
		"the lock and again": func(_, path string) error { return os.Remove(path + ".lock") },
	} {
		t.Run(name, func(t *testing.T) {
			checkLeaks(t)
			dir := filepath.Join(shortDir(t), "d")
			l, err := Listen(Address{Scheme: "name", Name: "x"}, &ListenOptions{Env: Env{Dir: dir}, Mode: 0o640})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			path := filepath.Join(dir, "x.sock")
			client, server := connect(t, l)
			if err := removed(dir, path); err != nil {
				t.Fatal(err)
			}
			waiting := make(chan *Conn)
			go func() { // as a server does, also while the socket is made again
				c, _ := l.Accept()
				waiting <- c
			}()
			l.look()
			c, err := Dial(t.Context(), Address{Scheme: "unix", Path: path}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if s := <-waiting; s == nil {
				t.Error("what listens has ended")
			} else {
				s.Close()
			}
			if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			go client.Write([]byte("x"))
			if n, err := server.Read(make([]byte, 1)); n != 1 {
				t.Error(err)
			}
			client.Close()
			server.Close()
			l.Close()
			if left, _ := os.ReadDir(dir); len(left) > 0 && name != "the lock and again" {
				t.Errorf("left: %v", left)
			}
			l.look()
			if _, err := os.Lstat(path); err == nil {
				t.Error("made again after Close")
			}
		})
	}
}

// What is in the place of the socket is somebody else's, and when that is gone the name is free again.
func TestNotMadeInPlace(t *testing.T) {
	path := filepath.Join(shortDir(t), "x.sock")
	l := listen(t, path, nil)
	os.Remove(path)
	os.Remove(path + ".lock")
	other := listen(t, path, nil)
	l.look()
	go func() {
		if c, err := other.Accept(); err == nil {
			c.Close()
		}
	}()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil { // until other closes it
		t.Error("expected the end")
	}
	other.Close()
	l.look()
	connect(t, l)
}
