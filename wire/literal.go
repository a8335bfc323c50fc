package wire

import "encoding/binary"

// Literal is bytes that are looked for where they mostly are: the key that comes
// next. Those of up to 16, as of most keys, are compared as one or two words.
type Literal struct {
	text        []byte
	first, mask uint64 // the first eight bytes, as far as there are some
	last        uint64 // the last eight, if there are more
}

// NewLiteral makes one of bytes that are not to change.
func NewLiteral(text []byte) Literal {
	l := Literal{text: text, mask: ^uint64(0)}
	if n := len(text); n >= 8 {
		l.first, l.last = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	} else {
		var word [8]byte
		copy(word[:], text)
		l.first, l.mask = binary.LittleEndian.Uint64(word[:]), 1<<(8*n)-1
	}
	return l
}

// Text is the bytes of it.
func (l *Literal) Text() []byte { return l.text }

// Literal passes exactly these bytes.
func (c *Cursor) Literal(l *Literal) bool {
	b, n := c.Buf[c.Pos:], len(l.text)
	switch {
	case n <= 16 && len(b) >= max(n, 8):
		if binary.LittleEndian.Uint64(b)&l.mask != l.first || n > 8 && binary.LittleEndian.Uint64(b[n-8:]) != l.last {
			return false
		}
	case len(b) < n || string(b[:n]) != string(l.text):
		return false
	}
	c.Pos += n
	return true
}
