package wire

import (
	"encoding/binary"
	"math"
)

// What a value of ours looks like: no space, no escapes, no number that takes
// thought. The Plain methods of a Cursor pass a value that is written so and tell
// what it is. With false there is something else, good or not, which is for those
// who look closer. Unlike the other methods these trust nothing but that text is
// UTF-8.

// byte passes one byte.
func (c *Cursor) byte(want byte) bool {
	if c.Pos >= len(c.Buf) || c.Buf[c.Pos] != want {
		return false
	}
	c.Pos++
	return true
}

// head passes a CBOR head of the given major type.
func (c *Cursor) head(want int) (arg uint64, ok bool) {
	b, i := c.Buf, c.Pos
	if i >= len(b) || int(b[i]>>5) != want {
		return 0, false
	}
	arg, i = uint64(b[i]&31), i+1
	switch {
	case arg < 24:
	case arg == 24 && i < len(b):
		arg, i = uint64(b[i]), i+1
	case arg == 25 && i+2 <= len(b):
		arg, i = uint64(binary.BigEndian.Uint16(b[i:])), i+2
	case arg == 26 && i+4 <= len(b):
		arg, i = uint64(binary.BigEndian.Uint32(b[i:])), i+4
	case arg == 27 && i+8 <= len(b):
		arg, i = binary.BigEndian.Uint64(b[i:]), i+8
	default:
		return 0, false
	}
	c.Pos = i
	return arg, true
}

// PlainText passes a string, which is c.Buf[from:to].
func (c *Cursor) PlainText() (from, to int, ok bool) {
	at := c.Pos
	if c.Enc == CBOR {
		n := uint64(0)
		if b := c.Buf[at:]; len(b) > 0 && b[0]>>5 == majorText && b[0]&31 < 24 { // as most are
			n, from = uint64(b[0]&31), at+1
		} else if n, ok = c.head(majorText); ok {
			from = c.Pos
		} else {
			return 0, 0, false
		}
		if n > uint64(len(c.Buf)-from) {
			c.Pos = at
			return 0, 0, false
		}
		c.Pos = from + int(n)
		return from, c.Pos, true
	}
	if at >= len(c.Buf) || c.Buf[at] != '"' {
		return 0, 0, false
	}
	from = at + 1
	to, _ = special(c.Buf, from)
	if to == len(c.Buf) || c.Buf[to] != '"' {
		return 0, 0, false
	}
	c.Pos = to + 1
	return from, to, true
}

// PlainInt passes a whole number, in JSON one of at most 15 digits.
func (c *Cursor) PlainInt() (n int64, ok bool) {
	if c.Enc == CBOR {
		at := c.Pos
		arg, ok := c.head(majorUint)
		if n = int64(arg); !ok {
			arg, ok = c.head(majorNegative)
			n = -1 - int64(arg)
		}
		if arg >= MaxInt { // the largest itself is for those who look closer
			c.Pos = at
			return 0, false
		}
		return n, ok
	}
	negative, n, end := c.whole()
	if end < 0 || end < len(c.Buf) && (c.Buf[end] == '.' || c.Buf[end]|0x20 == 'e') {
		return 0, false
	}
	c.Pos = end
	if negative {
		n = -n
	}
	return n, true
}

// whole is the part of a JSON number before its point or exponent; with a
// negative end it is not plain.
func (c *Cursor) whole() (negative bool, n int64, end int) {
	i := c.Pos
	negative = i < len(c.Buf) && c.Buf[i] == '-'
	if negative {
		i++
	}
	n, end = plainDigits(c.Buf, i, 0)
	if digits := end - i; digits == 0 || digits > plainMax || digits > 1 && c.Buf[i] == '0' {
		return false, 0, -1
	}
	return negative, n, end
}

// plainMax is up to how many digits a number is exact whatever they are.
const plainMax = 15

// plainDigits appends digits to n.
func plainDigits(b []byte, i int, n int64) (_ int64, end int) {
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n = n*10 + int64(b[i]-'0')
	}
	return n, i
}

// PlainFloat passes a number that is exactly a float64: in CBOR a float of 32 or
// 64 bits, in JSON at most 15 digits without an exponent.
func (c *Cursor) PlainFloat() (f float64, ok bool) {
	if c.Enc == CBOR {
		switch b := c.Buf[c.Pos:]; {
		case len(b) >= 5 && b[0] == 0xFA:
			f = float64(math.Float32frombits(binary.BigEndian.Uint32(b[1:])))
			c.Pos += 5
		case len(b) >= 9 && b[0] == 0xFB:
			f = math.Float64frombits(binary.BigEndian.Uint64(b[1:]))
			c.Pos += 9
		default:
			return 0, false
		}
		return f, math.Abs(f) <= math.MaxFloat64
	}
	negative, n, end := c.whole()
	if end < 0 {
		return 0, false
	}
	if end < len(c.Buf) && c.Buf[end] == '.' {
		from := end + 1
		n, end = plainDigits(c.Buf, from, n)
		if end == from || end-c.Pos > plainMax {
			return 0, false
		}
		f = float64(n) / tens[end-from] // both are exact, so the quotient is the nearest
	} else {
		f = float64(n)
		negative = negative && n != 0 // the integer -0 is 0
	}
	if end < len(c.Buf) && c.Buf[end]|0x20 == 'e' {
		return 0, false
	}
	c.Pos = end
	if negative {
		f = -f
	}
	return f, true
}

var tens = [plainMax]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14}

// PlainOpen enters a list or a map and tells how many elements or members it
// has; in JSON that is not known, and n is -1.
func (c *Cursor) PlainOpen(kind Kind) (n int, ok bool) {
	if c.Enc == CBOR {
		major := majorList
		if kind == Map {
			major = majorMap
		}
		n, ok := c.head(major)
		return int(n), ok
	}
	if kind == Map {
		return -1, c.byte('{')
	}
	return -1, c.byte('[')
}

// PlainNext goes to the next of a list of which i elements have been passed and
// n were told; false: it is over, and passed.
func (c *Cursor) PlainNext(i, n int) (more, ok bool) {
	if c.Enc == CBOR {
		return i < n, true
	}
	if c.byte(']') {
		return false, true
	}
	return true, i == 0 || c.byte(',')
}

// PlainKey goes to the next member of a map of which i members have been passed
// and n were told, and passes its key, which is c.Buf[from:to]. With more false the
// map is over, and passed.
func (c *Cursor) PlainKey(i, n int) (from, to int, more, ok bool) {
	if c.Enc == CBOR {
		if i == n {
			return 0, 0, false, true
		}
		from, to, ok = c.PlainText()
		return from, to, true, ok
	}
	if c.byte('}') {
		return 0, 0, false, true
	}
	if i > 0 && !c.byte(',') {
		return 0, 0, true, false
	}
	from, to, ok = c.PlainText()
	return from, to, true, ok && c.byte(':')
}

// PlainClose leaves a map.
func (c *Cursor) PlainClose() bool { return c.Enc == CBOR || c.byte('}') }
