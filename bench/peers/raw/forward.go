package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync"

	"github.com/sabir-ipc/sabir/bench/load"
)

// The least that a program between client and service can do; the service is a
// process of its own.

// serveCopies copies bytes, a connection to the service for each of a client.
func serveCopies(path string) error {
	if err := startBehind(path); err != nil {
		return err
	}
	return load.AcceptEach(path, func(near net.Conn) {
		far, err := net.Dial("unix", path+".service")
		if err != nil {
			near.Close()
			return
		}
		go copyThrough(far, near)
		copyThrough(near, far)
	})
}

func copyThrough(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}

// serveFrames reads frames and gives each an id, since all clients share the one
// connection to the service, as a hub's do.
func serveFrames(path string) error {
	if err := startBehind(path); err != nil {
		return err
	}
	c, err := net.Dial("unix", path+".service")
	if err != nil {
		return err
	}
	f := &rawForwarder{far: newRaw(c), callers: make(map[uint32]*rawCaller)}
	go f.back()
	return load.AcceptEach(path, f.there)
}

type rawForwarder struct {
	far *rawConn

	mu      sync.Mutex // guards writing to far, and what follows
	next    uint32
	callers map[uint32]*rawCaller
}

// rawCaller is a client whose answers are written by who reads them.
type rawCaller struct {
	mu sync.Mutex
	*rawConn
}

// there passes what a client sends; what came together leaves together.
func (f *rawForwarder) there(near net.Conn) {
	c := &rawCaller{rawConn: newRaw(near)}
	defer near.Close()
	var b []byte
	for {
		op, body, err := c.read()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.next++
		f.callers[f.next] = c
		b = append(binary.LittleEndian.AppendUint32(b[:0], f.next), body...)
		err = f.far.write(op, b)
		if err == nil && c.r.Buffered() == 0 {
			err = f.far.w.Flush()
		}
		f.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (f *rawForwarder) back() error {
	for {
		op, b, err := f.far.read()
		if err != nil {
			return err
		}
		id := binary.LittleEndian.Uint32(b)
		f.mu.Lock()
		c := f.callers[id]
		delete(f.callers, id)
		f.mu.Unlock()
		c.mu.Lock()
		c.write(op, b[4:])
		if f.far.r.Buffered() == 0 {
			c.w.Flush()
		}
		c.mu.Unlock()
	}
}

// startBehind runs the raw server behind the forwarder at path.
func startBehind(path string) error {
	if err := load.Start("raw", "raw", path+".service"); err != nil {
		return err
	}
	return load.AwaitSocket(path + ".service")
}
