package wire

import (
	"strings"
	"testing"
)

// A literal is passed where it stands, whatever is behind it, and nowhere else.
func TestLiteral(t *testing.T) {
	for n := range 24 {
		text := strings.Repeat("abcdefgh", 3)[:n]
		l := NewLiteral([]byte(text))
		for _, behind := range []string{"", "x", "0123456789abcdef"} {
			c := Cursor{Buf: []byte("?" + text + behind), Pos: 1}
			if !c.Literal(&l) || c.Pos != 1+n {
				t.Errorf("%q is not found before %q", text, behind)
			}
			for i := range n {
				c := Cursor{Buf: []byte(text + behind)}
				if c.Buf[i] ^= 0x80; c.Literal(&l) || c.Pos != 0 {
					t.Errorf("%q is found in %q", text, c.Buf)
				}
				if c := (Cursor{Buf: []byte(text[:i])}); c.Literal(&l) || c.Pos != 0 {
					t.Errorf("%q is found in %q", text, c.Buf)
				}
			}
		}
	}
}
