package web

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/sabir-ipc/sabir/wire"
)

// frames shows a WebSocket as the stream that the core knows: lines, or byte strings, at the server after the magic.
// As of other connections one goroutine reads and one writes.
type frames struct {
	ws     *websocket.Conn
	under  io.Closer // the connection itself
	ctx    context.Context
	cancel context.CancelFunc
	max    atomic.Int64 // bytes of a message; grows when the caller is known
	hold   func(bytes int) bool
	held   int   // bytes of in that are counted
	broken error // what Read returns when in is empty

	kind  websocket.MessageType // of the reader; zero before the first, at the server
	in    []byte                // what Read has not returned
	spare []byte                // memory of in

	sends   atomic.Int32   // the kind as the writer sees it
	out     io.WriteCloser // a message that is longer than a Write
	missing int            // bytes of it, in CBOR
	head    []byte         // of a byte string that is not whole

	faulty  atomic.Bool // the other side broke the rules of WebSockets
	closing sync.Once
	watched *watched // the connection of a client; nil at a server
}

// newFrames takes a WebSocket over whose connection is under, for as long as base lasts.
func newFrames(base context.Context, ws *websocket.Conn, under io.Closer, max int) *frames {
	ws.SetReadLimit(-1) // frames judges itself, and answers
	f := &frames{ws: ws, under: under}
	f.ctx, f.cancel = context.WithCancel(base)
	f.max.Store(int64(max))
	return f
}

var errKind = errors.New("text and binary frames on one WebSocket")

// HoldWith has what messages take counted until they have been read.
func (f *frames) HoldWith(hold func(bytes int) bool) { f.hold = hold }

// Read returns what messages hold, each ended as its framing ends it.
func (f *frames) Read(p []byte) (int, error) {
	for len(f.in) == 0 {
		if f.broken != nil {
			return 0, f.broken
		}
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.in)
	f.in = f.in[n:]
	return n, nil
}

// next reads one message. A part of one that is too long is enough: the core then says so, and closes.
func (f *frames) next() error {
	if f.held > 0 {
		f.hold(-f.held)
		f.held = 0
	}
	kind, r, err := f.ws.Reader(f.ctx)
	if err != nil {
		return f.ended(err)
	}
	buf := bytes.NewBuffer(f.spare[:0])
	const headRoom = 5 // for the head of a byte string
	buf.Write(make([]byte, headRoom))
	first := f.kind == 0
	switch {
	case first:
		f.kind = kind
		f.sends.Store(int32(kind))
	case f.kind != kind:
		f.part(websocket.StatusUnsupportedData, errKind.Error())
		return errKind
	}
	held := &holding{Reader: io.LimitReader(r, f.max.Load()+1), hold: f.hold}
	_, err = buf.ReadFrom(held)
	f.held = held.counted
	if first && errors.Is(err, wire.ErrNoRoom) {
		// The core wants to know first in which encoding to say so.
		f.broken = err
		f.in = []byte("{")
		if kind == websocket.MessageBinary {
			f.in = wire.Magic[:]
		}
		return nil
	}
	if err == nil && f.watched != nil && f.watched.ended.Load() {
		err = errBroke // which the library takes for the end of the message
	}
	if err != nil {
		return err
	}
	f.spare = buf.Bytes()
	if cap(f.spare) > 64<<10 {
		f.spare = nil
	}
	message := buf.Bytes()[headRoom:]
	if kind == websocket.MessageText {
		for i, b := range message {
			if b == '\n' || b == '\r' {
				message[i] = '\t' // between values as good, inside of a text as bad
			}
		}
		f.in = append(bytes.TrimLeft(message, " \t"), '\n')
		return nil
	}
	f.in = byteString(buf.Bytes(), headRoom)
	if first {
		f.in = append(append([]byte(nil), wire.Magic[:]...), f.in...)
	}
	return nil
}

// ended says why nothing more comes. At a server that is never io.EOF: whoever has closed a WebSocket waits for no
// answers. At a client it is, if the server has said goodbye.
func (f *frames) ended(err error) error {
	var network net.Error
	broke := errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network) || f.ctx.Err() != nil
	status := websocket.CloseStatus(err)
	f.faulty.Store(!broke && status < 0)
	switch {
	case f.watched == nil:
		return fmt.Errorf("websocket: %v", err)
	case status == websocket.StatusNormalClosure, status == websocket.StatusGoingAway, status == websocket.StatusNoStatusRcvd:
		return io.EOF
	case f.watched.silent.Load():
		return errSilent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errBroke
	}
	return fmt.Errorf("websocket: %w", err)
}

// byteString writes the head of the message that begins at room, in the room before it. spec [C1]
func byteString(buf []byte, room int) []byte {
	const bytesOf32 = 2<<5 | 26
	binary.BigEndian.PutUint32(buf[room-4:], uint32(len(buf)-room))
	buf[room-5] = bytesOf32
	return buf[room-5:]
}

// Write sends what stands for whole messages as one frame each. What is longer than p is sent in pieces, so that it
// is not kept.
func (f *frames) Write(p []byte) (n int, err error) {
	ctx, cancel := context.WithTimeout(f.ctx, writeTime)
	defer cancel()
	if websocket.MessageType(f.sends.Load()) == websocket.MessageBinary {
		return len(p), f.writeCBOR(ctx, p)
	}
	return len(p), f.writeLines(ctx, p)
}

func (f *frames) writeLines(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		whole := i >= 0
		if !whole {
			i = len(p)
		}
		if err := f.piece(ctx, websocket.MessageText, p[:i], whole); err != nil {
			return err
		}
		p = p[min(i+1, len(p)):]
	}
	return nil
}

func (f *frames) writeCBOR(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		if f.missing == 0 {
			f.head = append(f.head, p[0])
			p = p[1:]
			n, ok, err := byteStringHead(f.head)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			f.missing, f.head = n, f.head[:0]
		}
		n := min(f.missing, len(p))
		if f.missing -= n; n == 0 && f.missing > 0 {
			return nil
		}
		if err := f.piece(ctx, websocket.MessageBinary, p[:n], f.missing == 0); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// byteStringHead reads how long the byte string is whose head begins so; false: the head is longer. The core writes
// one form of it, others may write any.
func byteStringHead(head []byte) (n int, ok bool, err error) {
	const byteString, of8, of64 = 2 << 5, 24, 27
	short := int(head[0]) - byteString
	switch {
	case short < 0 || short > of64:
		return 0, false, errNoByteString
	case short < of8:
		return short, true, nil
	case len(head) < 1+1<<(short-of8):
		return 0, false, nil
	}
	var long uint64
	for _, b := range head[1:] {
		long = long<<8 | uint64(b)
	}
	if long > math.MaxInt32 {
		return 0, false, errNoByteString
	}
	return int(long), true, nil
}

var errNoByteString = errors.New("websocket: what is to be sent is no CBOR byte string")

// piece sends a part of a message, or a whole one.
func (f *frames) piece(ctx context.Context, kind websocket.MessageType, p []byte, last bool) (err error) {
	if last && f.out == nil {
		return f.ws.Write(ctx, kind, p)
	}
	if f.out == nil {
		// It ends with the connection and not with this Write.
		if f.out, err = f.ws.Writer(f.ctx, kind); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded {
			f.ws.CloseNow()
		}
	})
	defer stop()
	if _, err = f.out.Write(p); err != nil || !last {
		return err
	}
	err = f.out.Close()
	f.out = nil
	return err
}

// Close says goodbye to whoever listens for it, and not for long.
func (f *frames) Close() error {
	status := websocket.StatusNormalClosure
	if f.faulty.Load() {
		status = websocket.StatusProtocolError
	}
	f.part(status, "")
	return nil
}

func (f *frames) part(status websocket.StatusCode, why string) {
	f.closing.Do(func() {
		late := time.AfterFunc(time.Second, func() { f.under.Close() }) // a peer that does not answer would hold us for five
		defer late.Stop()
		f.ws.Close(status, why)
		f.cancel()
		if f.watched != nil {
			<-f.watched.left
		}
	})
}
