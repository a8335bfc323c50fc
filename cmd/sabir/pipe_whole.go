package main

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// wholePipe passes messages, not bytes: over a WebSocket nobody can say that he sends no more and hear what is
// answered still, so that the end has to be found out here.
type wholePipe struct {
	conn *transport.Conn
	enc  wire.Encoding

	mu      sync.Mutex
	open    map[wire.ID]bool // requests that are not answered, and whether items are asked for
	ended   bool             // nothing more comes from our side
	settled chan struct{}    // closed when that is so and all is answered, or is not to be waited for
	fault   error            // why it is not; read once settled
}

func newWholePipe(conn *transport.Conn, cbor bool) *wholePipe {
	enc := wire.JSON
	if cbor {
		enc = wire.CBOR
	}
	return &wholePipe{conn: conn, enc: enc, open: make(map[wire.ID]bool), settled: make(chan struct{})}
}

// maxPiped is how long a message may be, of either side: who sends it has stricter limits.
const maxPiped = 1 << 30

// send passes on what comes from in until it ends, and then has what would go on for ever cancelled. spec [O6]
func (p *wholePipe) send(in io.Reader) {
	err := p.pass(in)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended, p.fault = true, err
	p.settle()
}

func (p *wholePipe) pass(in io.Reader) error {
	r, parser := wire.NewReader(in, p.enc, maxPiped), wire.Parser{Enc: p.enc}
	var m wire.Message
	for {
		frame, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if parser.Parse(frame, &m) == nil && m.IsRequest() && !m.ID.IsZero() { // what is wrong with others they will tell
			p.mu.Lock()
			p.open[m.ID] = m.Window >= 0
			p.mu.Unlock()
		}
		if _, err := p.conn.Write(p.framed(frame)); err != nil {
			return err
		}
	}
	var endless []wire.ID
	p.mu.Lock()
	for id, items := range p.open {
		if items {
			endless = append(endless, id)
		}
	}
	p.mu.Unlock()
	for _, id := range endless {
		if _, err := p.conn.Write(wire.AppendCancel(nil, p.enc, false, id)); err != nil {
			return err
		}
	}
	return nil
}

// settle ends the connection where nothing is left to wait for. p.mu is held.
func (p *wholePipe) settle() {
	if !p.ended || len(p.open) > 0 && p.fault == nil {
		return
	}
	select {
	case <-p.settled:
	default:
		close(p.settled)
		go p.conn.Close() // which waits for the other side
	}
}

// receive passes on what comes until the connection ends.
func (p *wholePipe) receive(out io.Writer) error {
	r, parser := wire.NewReader(p.conn, p.enc, maxPiped), wire.Parser{Enc: p.enc}
	var m wire.Message
	for {
		frame, err := r.Next()
		select {
		case <-p.settled:
			return p.fault
		default:
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer := parser.Parse(frame, &m) == nil && !m.IsRequest()
		if _, err := out.Write(p.framed(frame)); err != nil {
			return err
		}
		if answer {
			p.mu.Lock()
			delete(p.open, m.ID)
			p.settle()
			p.mu.Unlock()
		}
	}
}

// framed is a message as a stream has it.
func (p *wholePipe) framed(message []byte) []byte {
	if p.enc == wire.JSON {
		return append(slices.Clip(message), '\n')
	}
	const bytesOf32 = 2<<5 | 26
	return append(binary.BigEndian.AppendUint32([]byte{bytesOf32}, uint32(len(message))), message...)
}
