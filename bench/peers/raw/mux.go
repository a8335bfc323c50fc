package main

import (
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sabir-ipc/sabir/bench/load"
)

func dialMux(path string) (load.Client, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	x := &rawMux{conn: newRaw(c)}
	x.done.New = func() any { return &rawCall{make(chan struct{}, 1)} }
	go x.read()
	return x, nil
}

// rawMux is the limit for a connection that many goroutines share: an id in
// each message, one goroutine that reads for all, one flush by the last writer.
// It does not embed its connection, which would make it a windower.
type rawMux struct {
	load.Unsubscribable
	conn *rawConn
	done sync.Pool // of *rawCall

	mu      sync.Mutex   // guards writing
	writers atomic.Int32 // those who write or wait for mu: the last one flushes
	next    atomic.Uint32
	calls   [256]atomic.Pointer[rawCall] // by the id's last byte
}

type rawCall struct{ answered chan struct{} }

func (x *rawMux) read() {
	for {
		_, b, err := x.conn.read()
		if err != nil {
			return // Echo finds out by its own write, or by the watchdog
		}
		id := binary.LittleEndian.Uint32(b)
		if c := x.calls[id&255].Swap(nil); c != nil {
			c.answered <- struct{}{}
		}
	}
}

func (x *rawMux) Echo(in *load.Msg) (load.Msg, error) {
	c := x.done.Get().(*rawCall)
	id := x.next.Add(1)
	for !x.calls[id&255].CompareAndSwap(nil, c) {
		id = x.next.Add(1)
	}
	if err := x.send(id); err != nil {
		return load.Msg{}, err
	}
	<-c.answered
	x.done.Put(c)
	return *in, nil
}

func (x *rawMux) EchoBytes([]byte) ([]byte, error) { return nil, errors.ErrUnsupported }
func (x *rawMux) Close() error                     { return x.conn.Close() }

func (x *rawMux) send(id uint32) error {
	var body [4 + rawSize]byte
	binary.LittleEndian.PutUint32(body[:], id)
	x.writers.Add(1)
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.conn.write(opEcho, body[:]); err != nil {
		return err
	}
	if x.writers.Add(-1) > 0 {
		return nil
	}
	x.mu.Unlock()
	runtime.Gosched() // others who are ready join this flush
	x.mu.Lock()
	if x.writers.Load() > 0 || x.conn.w.Buffered() == 0 {
		return nil
	}
	return x.conn.w.Flush()
}
