package wire

import (
	"bytes"
	"errors"
	"io"
)

// Reader cuts a byte stream into frames. It belongs to one goroutine at a time.
type Reader struct {
	src   io.Reader
	lent  Lender        // src, if it is one
	lends func() []byte // lend and back, made once
	backs func()
	enc   Encoding
	max   int
	buf   []byte
	r, w  int // unread bytes are buf[r:w]
	seen  int // bytes of buf[r:w] already searched for a line end
	err   error
	room  func(bytes int) bool
	asked int // bytes that room was asked for
}

// A Lender is a source that takes memory only when there is something to read,
// and gives it back when there is not. See package transport.
type Lender interface {
	ReadLent(lend func() []byte, back func()) (int, error)
}

const (
	smallBuffer = 4 << 10
	// readBuffer is what is read into where nobody has to wait with it: what many
	// small messages fill together.
	readBuffer = 16 << 10
	// keepBuffer is the size over which a buffer is not kept from frame to
	// frame: an idle connection must not hold what one large message needed.
	keepBuffer = 64 << 10
)

// NewReader returns a Reader of frames of at most max bytes each.
func NewReader(src io.Reader, enc Encoding, max int) *Reader {
	return &Reader{src: src, enc: enc, max: max}
}

// SetLender has the stream read from a Lender, before anything is read of it.
func (r *Reader) SetLender(l Lender) { r.lent, r.lends, r.backs = l, r.lend, r.back }

// First returns the first byte of the stream without consuming it.
func (r *Reader) First() (byte, error) {
	for r.r == r.w {
		if err := r.fill(1); err != nil {
			return 0, err
		}
	}
	return r.buf[r.r], nil
}

// Peek returns what has been read of the stream and not consumed, at least n
// bytes of it.
func (r *Reader) Peek(n int) ([]byte, error) {
	for r.w-r.r < n {
		if err := r.fill(n); err != nil {
			return nil, err
		}
	}
	return r.buf[r.r:r.w], nil
}

// Magic consumes the mark of a CBOR dialler; false: it is not there. spec [C1]
func (r *Reader) Magic() (bool, error) {
	for r.w-r.r < len(Magic) {
		if err := r.fill(len(Magic)); err != nil {
			return false, err
		}
	}
	ok := [3]byte(r.buf[r.r:r.r+3]) == Magic
	if ok {
		r.r += len(Magic)
	}
	return ok, nil
}

// ErrNoRoom: [Reader.SetRoom] refused the memory for a frame.
var ErrNoRoom = errors.New("no room for the message")

// SetRoom has room asked before a frame takes more than an idle connection
// keeps, and told with a negative number when that is given back. Answering
// false ends the stream with ErrNoRoom.
func (r *Reader) SetRoom(room func(bytes int) bool) { r.room = room }

// SetMax changes how long the frames that follow may be.
func (r *Reader) SetMax(max int) { r.max = max }

// SetEncoding decides how frames are cut, before the first is.
func (r *Reader) SetEncoding(enc Encoding) { r.enc = enc }

// Next returns the next frame, which lasts until the call after: JSON without
// its line end, CBOR without its head. io.EOF is a clean end. A *SizeError or a
// *SyntaxError ends the stream; after another error of the source, such as a
// deadline, Next may be called again and has lost nothing.
func (r *Reader) Next() ([]byte, error) {
	for {
		frame, ok, err := r.cut()
		if ok || err != nil {
			return frame, err
		}
		if err := r.fill(0); err != nil {
			if err == io.EOF {
				return r.last()
			}
			return nil, err
		}
	}
}

// Buffered reports whether Next would return a frame without reading.
func (r *Reader) Buffered() bool {
	if r.r == r.w {
		return false
	}
	if r.enc == JSON {
		for from := r.r; ; {
			i := bytes.IndexByte(r.buf[from:r.w], '\n')
			if i < 0 || len(trimLine(r.buf[from:from+i])) > 0 {
				return i >= 0
			}
			from += i + 1
		}
	}
	major, n, from, ok, _ := cborHead(r.buf[r.r:r.w], 0)
	return ok && major == majorBytes && n <= uint64(r.w-r.r-from)
}

// Detach leaves the current frame to whoever holds it: Next will use other
// memory. What it returns is the memory of the frame, for [GiveFrame].
func (r *Reader) Detach() (frame []byte) {
	frame = r.buf
	rest := r.buf[r.r:r.w]
	if len(rest) == 0 && r.lent != nil {
		r.buf = nil
	} else if len(rest) <= smallBuffer {
		r.buf = takeSmall()
	} else {
		r.buf = TakeBuffer(len(rest))
		r.buf = r.buf[:cap(r.buf)]
	}
	copy(r.buf, rest)
	r.r, r.w = 0, len(rest)
	r.asked = min(r.asked, beyond(len(r.buf)))
	return frame
}

// Asked is how many bytes the function of SetRoom has been asked for and not
// been given back.
func (r *Reader) Asked() int { return r.asked }

// cut takes a frame out of what is buffered.
func (r *Reader) cut() (frame []byte, ok bool, err error) {
	if r.enc == CBOR {
		return r.cutCBOR()
	}
	for {
		data := r.buf[r.r:r.w]
		i := bytes.IndexByte(data[r.seen:], '\n')
		if i < 0 {
			r.seen = len(data)
			if len(data) > r.max && (len(data) > r.max+1 || data[r.max] != '\r') {
				return nil, false, &SizeError{r.max}
			}
			return nil, false, nil
		}
		line := data[:r.seen+i]
		r.r += len(line) + 1
		r.seen = 0
		if line = trimLine(line); len(line) > r.max {
			return nil, false, &SizeError{r.max}
		}
		if len(line) > 0 {
			return line, true, nil
		}
	}
}

// trimLine makes blank lines empty. spec [F1]
func trimLine(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) > 0 && isSpace(line[0]) && skipSpace(line, 0) == len(line) {
		return nil
	}
	return line
}

func (r *Reader) cutCBOR() (frame []byte, ok bool, err error) {
	major, n, from, ok, reason := cborHead(r.buf[:r.w], r.r)
	switch {
	case reason != "":
		return nil, false, &SyntaxError{CBOR, 0, reason}
	case !ok && r.w > r.r && r.buf[r.r]>>5 != majorBytes, ok && major != majorBytes:
		return nil, false, &SyntaxError{CBOR, 0, "a message is a byte string"}
	case !ok:
		return nil, false, nil
	case n > uint64(r.max):
		return nil, false, &SizeError{r.max}
	case n > uint64(r.w-from):
		return nil, false, nil
	}
	r.r = from + int(n)
	return r.buf[from:r.r], true, nil
}

// last judges what is left when the stream has ended.
func (r *Reader) last() ([]byte, error) {
	rest := r.buf[r.r:r.w]
	r.r, r.seen = r.w, 0
	if len(rest) == 0 {
		return nil, io.EOF
	}
	if r.enc == CBOR {
		return nil, &SyntaxError{CBOR, len(rest), "the stream ends in a message"}
	}
	if rest = trimLine(rest); len(rest) == 0 {
		return nil, io.EOF
	}
	return rest, nil
}

// fill reads once, having made room.
func (r *Reader) fill(want int) error {
	if r.err != nil {
		return r.err
	}
	rest := r.buf[r.r:r.w]
	if len(rest) == 0 {
		r.r, r.w = 0, 0
	}
	var err error
	switch {
	case r.buf == nil && r.lent != nil: // there is none until there is something to read
	case r.buf == nil:
		r.buf = make([]byte, smallBuffer)
	case len(r.buf) > keepBuffer && len(rest) < smallBuffer:
		err = r.resize(smallBuffer)
	case r.w < len(r.buf):
	case r.r > len(r.buf)/2:
		r.r, r.w = 0, copy(r.buf, rest)
	default:
		err = r.grow()
	}
	if err != nil {
		r.err = err
		return err
	}
	var n int
	if r.lent != nil {
		n, err = r.lent.ReadLent(r.lends, r.backs)
	} else {
		n, err = r.src.Read(r.buf[r.w:])
	}
	r.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	if errors.Is(err, io.EOF) {
		r.err, err = io.EOF, io.EOF
		if want > 0 && r.w > r.r {
			err = io.ErrUnexpectedEOF
		}
	}
	return err
}

// lend is the memory that a Lender reads into.
func (r *Reader) lend() []byte {
	if r.buf == nil {
		r.buf = takeRead()
	}
	return r.buf[r.w:]
}

// back leaves no more memory to a connection that waits than what has come of a
// message takes.
func (r *Reader) back() {
	rest := r.buf[r.r:r.w]
	if len(r.buf) > keepBuffer || len(rest) > smallBuffer/2 || len(rest) > 0 && len(r.buf) == smallBuffer {
		return
	}
	old := r.buf
	r.buf = nil
	if len(rest) > 0 {
		r.buf = takeSmall()
	}
	r.r, r.w = 0, copy(r.buf, rest)
	GiveFrame(old)
}

// grow makes room for more of a frame. A length that a peer announces takes no
// memory before its bytes are there, but that the buffer is up to eight times
// what has come: so a megabyte is copied once on its way, not nine times. spec [B4]
func (r *Reader) grow() error {
	size := 2 * len(r.buf)
	if len(r.buf) > keepBuffer {
		size -= bufferMargin // or it would be the size after the next
	}
	if r.enc == CBOR {
		if _, n, from, ok, _ := cborHead(r.buf[:r.w], r.r); ok {
			size = max(size, min(from-r.r+int(min(n, uint64(r.max))), 8*len(r.buf)))
		}
	}
	return r.resize(size)
}

func (r *Reader) resize(size int) error {
	old := r.buf
	if more := beyond(size) - r.asked; more != 0 && r.room != nil {
		if !r.room(more) && more > 0 {
			return ErrNoRoom
		}
		r.asked += more
	}
	if size < leastBuffer {
		r.buf = make([]byte, size)
	} else {
		r.buf = TakeBuffer(size)
		r.buf = r.buf[:cap(r.buf)]
	}
	r.r, r.w = 0, copy(r.buf, old[r.r:r.w])
	GiveFrame(old)
	return nil
}

// beyond is what a buffer counts for.
func beyond(size int) int {
	if size <= keepBuffer {
		return 0
	}
	return size
}
