package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"github.com/sabir-ipc/sabir/bench/load"
)

// The raw peer is the limit: a goroutine a connection, the handler in it, no
// codec, one write for all answers to what came together.

const (
	opEcho byte = 'e'
	opBlob byte = 'b'
	opSub  byte = 's'

	rawBuffer = 8 << 10
	rawHead   = 5   // the length of the body in four bytes, and what it is
	rawSize   = 121 // of the struct in CBOR
)

// rawPayload stands for the struct.
var rawPayload = make([]byte, rawSize)

func serveRaw(path string) error {
	return load.AcceptEach(path, func(c net.Conn) { newRaw(c).serve() })
}

func dialRaw(path string) (load.Client, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	return newRaw(c), nil
}

type rawConn struct {
	c   net.Conn
	r   *bufio.Reader
	w   *bufio.Writer
	buf []byte
}

func newRaw(c net.Conn) *rawConn {
	return &rawConn{c: c, r: bufio.NewReaderSize(c, rawBuffer), w: bufio.NewWriterSize(c, rawBuffer)}
}

func (x *rawConn) write(op byte, body []byte) error {
	var h [rawHead]byte
	binary.LittleEndian.PutUint32(h[:], uint32(len(body)))
	h[4] = op
	x.w.Write(h[:])
	_, err := x.w.Write(body)
	return err
}

// read returns a slice that is good until the next read.
func (x *rawConn) read() (op byte, body []byte, err error) {
	h, err := x.r.Peek(rawHead)
	if err != nil {
		return 0, nil, err
	}
	op = h[4]
	n := int(binary.LittleEndian.Uint32(h))
	if rawHead+n <= x.r.Size() {
		b, err := x.r.Peek(rawHead + n)
		if err != nil {
			return 0, nil, err
		}
		x.r.Discard(rawHead + n)
		return op, b[rawHead:], nil
	}
	x.r.Discard(rawHead)
	if cap(x.buf) < n {
		x.buf = make([]byte, n)
	}
	_, err = io.ReadFull(x.r, x.buf[:n])
	return op, x.buf[:n], err
}

func (x *rawConn) serve() error {
	defer x.c.Close()
	for {
		op, b, err := x.read()
		if err != nil {
			return err
		}
		for op == opSub {
			if err := x.write(opSub, rawPayload); err != nil {
				return err
			}
		}
		if err := x.write(op, b); err != nil {
			return err
		}
		if x.r.Buffered() == 0 {
			if err := x.w.Flush(); err != nil {
				return err
			}
		}
	}
}

func (x *rawConn) Close() error { return x.c.Close() }

func (x *rawConn) Echo(in *load.Msg) (load.Msg, error) {
	x.write(opEcho, rawPayload)
	if err := x.w.Flush(); err != nil {
		return load.Msg{}, err
	}
	_, b, err := x.read()
	if err == nil && len(b) != len(rawPayload) {
		err = load.ErrEcho
	}
	return *in, err
}

func (x *rawConn) EchoBytes(b []byte) ([]byte, error) {
	sent := make(chan error, 1)
	go func() {
		x.write(opBlob, b)
		sent <- x.w.Flush()
	}()
	_, r, err := x.read()
	return r, errors.Join(err, <-sent)
}

// Window keeps depth requests in flight: it writes what is missing, flushes
// once, then takes every answer that has come.
func (x *rawConn) Window(depth int, n *atomic.Int64, stop *atomic.Bool) error {
	for fly := 0; !stop.Load(); {
		for ; fly < depth; fly++ {
			x.write(opEcho, rawPayload)
		}
		if err := x.w.Flush(); err != nil {
			return err
		}
		for more := true; more; more = fly > 0 && x.r.Buffered() >= rawHead+rawSize {
			if _, _, err := x.read(); err != nil {
				return err
			}
			fly--
			n.Add(1)
		}
	}
	return nil
}

func (x *rawConn) Subscribe(n *atomic.Int64) error {
	x.write(opSub, nil)
	if err := x.w.Flush(); err != nil {
		return err
	}
	for {
		if _, _, err := x.read(); err != nil {
			return err
		}
		n.Add(1)
	}
}
