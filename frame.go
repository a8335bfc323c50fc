package sabir

import (
	"slices"

	"github.com/sabir-ipc/sabir/wire"
)

// largeFrame is from when on bytes are not copied out of the frame that they came
// in: it goes with them.
const largeFrame = 64 << 10

// ownFrame gives a large message memory of its own, the frame that it came in: its
// bytes need not be copied. It belongs to the call (inbound.frame, outbound.frame)
// until it is taken, and then is nil: by a decoded value that is most of it, by a
// body that outlasts the call, or by a connection that passes it on. What nobody
// has taken when the call ends goes round. c.mu is held.
func (c *conn) ownFrame() *[]byte {
	frame := c.detach()
	return &frame
}

// giveFrame has a frame go round, unless there is none or it was taken.
func giveFrame(frame *[]byte) {
	if frame != nil {
		wire.GiveBuffer(*frame)
		*frame = nil
	}
}

// detach takes the current frame from the reader. c.mu is held.
func (c *conn) detach() (frame []byte) {
	r := c.role.reader
	asked := r.Asked()
	frame = r.Detach()
	c.hold(r.Asked() - asked)
	return frame
}

// takesFrame reports whether a Handler may take the frame of the params. Any but a
// service may look at them once more, or have two others look at the same time.
func takesFrame(h Handler) bool {
	switch h.(type) {
	case *Service, *Mux:
		return true
	}
	return false
}

// kept is a body that lasts, of a value that may be in a frame.
func kept(v wire.Value, frame *[]byte) Body {
	if frame != nil && *frame != nil {
		*frame = nil
		return RawBody(v)
	}
	return RawBody(wire.Value{Enc: v.Enc, Raw: slices.Clone(v.Raw)})
}
