package wire

import (
	"encoding/binary"
	"math"
)

// What a value of ours looks like: no space, no escapes, each head as short as
// it can be. The Plain methods of a Cursor pass a value that is written so and
// tell what it is; with false they have passed nothing, and the value, though
// good, is for the methods that take everything.

// Literal passes exactly these bytes.
func (c *Cursor) Literal(want []byte) bool {
	end := c.Pos + len(want)
	if end > len(c.Buf) || string(c.Buf[c.Pos:end]) != string(want) {
		return false
	}
	c.Pos = end
	return true
}

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
	if c.Enc == CBOR {
		n, ok := c.head(majorText)
		from = c.Pos
		c.Pos += int(n)
		return from, c.Pos, ok
	}
	from = c.Pos + 1
	if from > len(c.Buf) || c.Buf[c.Pos] != '"' {
		return 0, 0, false
	}
	to, _ = special(c.Buf, from)
	if c.Buf[to] != '"' {
		return 0, 0, false
	}
	c.Pos = to + 1
	return from, to, true
}

// PlainInt passes a whole number within ±MaxInt.
func (c *Cursor) PlainInt() (n int64, ok bool) {
	if c.Enc == CBOR {
		at := c.Pos
		arg, ok := c.head(majorUint)
		if ok {
			n = int64(arg)
		} else if arg, ok = c.head(majorNegative); ok {
			n = -1 - int64(arg)
		}
		if arg > MaxInt-1 {
			c.Pos = at
			return 0, false
		}
		return n, ok
	}
	b, i := c.Buf, c.Pos
	negative := i < len(b) && b[i] == '-'
	if negative {
		i++
	}
	from := i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n = n*10 + int64(b[i]-'0')
	}
	if i == from || i-from > 15 || i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
		return 0, false
	}
	c.Pos = i
	if negative {
		n = -n
	}
	return n, true
}

// PlainFloat passes a number that is exactly a float64: in CBOR a float of 32 or
// 64 bits, in JSON at most 15 digits without an exponent.
func (c *Cursor) PlainFloat() (f float64, ok bool) {
	if c.Enc == CBOR {
		b := c.Buf[c.Pos:]
		switch {
		case len(b) >= 5 && b[0] == 0xFA:
			c.Pos += 5
			return float64(math.Float32frombits(binary.BigEndian.Uint32(b[1:]))), true
		case len(b) >= 9 && b[0] == 0xFB:
			c.Pos += 9
			return math.Float64frombits(binary.BigEndian.Uint64(b[1:])), true
		}
		return 0, false
	}
	at := c.Pos
	whole, ok := c.PlainInt()
	if ok {
		return float64(whole), true
	}
	b, i := c.Buf, at
	negative := i < len(b) && b[i] == '-'
	if negative {
		i++
	}
	from, point := i, i
	n := int64(0)
	for ; i < len(b) && (b[i]-'0' <= 9 || b[i] == '.'); i++ {
		if b[i] == '.' {
			point = i
			continue
		}
		n = n*10 + int64(b[i]-'0')
	}
	if i-from > 16 || point == from || i < len(b) && b[i]|0x20 == 'e' {
		return 0, false
	}
	c.Pos = i
	f = float64(n) / tens[i-point-1] // both are exact, so the quotient is the nearest
	if negative {
		f = -f
	}
	return f, true
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

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

// PlainClose leaves a map.
func (c *Cursor) PlainClose() bool { return c.Enc == CBOR || c.byte('}') }
