package wire

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"unsafe"
)

// Kind is what sort of value stands before a Cursor.
type Kind uint8

const (
	Null Kind = iota
	Bool
	Number
	String
	Bytes // only CBOR tells bytes from text
	List
	Map
)

func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "bytes", "a list", "an object"}[k]
}

// Cursor walks a value that a Parser has accepted: it trusts its bytes. Each
// reading method consumes one value of the kind that Kind told.
type Cursor struct {
	Enc Encoding
	Buf []byte
	Pos int
}

// Iter counts its way through a list or a map.
type Iter struct {
	left  int // CBOR
	first bool
}

// Num is a number as it was written. spec [T1]
type Num struct {
	Int   int64   // if IsInt and not Big
	Float float64 // always, as near as float64 gets; infinite only if Big
	IsInt bool    // written without fraction and exponent
	Big   bool    // beyond ±MaxInt for an integer, beyond float64 for others
}

// Whole returns the number as an integer if that is its value. spec [T1]
func (n Num) Whole() (i int64, ok bool) {
	if n.IsInt {
		return n.Int, !n.Big
	}
	return int64(n.Float), n.Float == math.Trunc(n.Float) && math.Abs(n.Float) <= MaxInt
}

// Kind looks at the next value and consumes only space.
func (c *Cursor) Kind() Kind {
	if c.Enc == JSON {
		c.Pos = skipSpace(c.Buf, c.Pos)
		switch c.Buf[c.Pos] {
		case '"':
			return String
		case '{':
			return Map
		case '[':
			return List
		case 't', 'f':
			return Bool
		case 'n':
			return Null
		}
		return Number
	}
	b := c.Buf[c.Pos]
	switch b >> 5 {
	case majorUint, majorNegative:
		return Number
	case majorBytes, majorTag:
		return Bytes
	case majorText:
		return String
	case majorList:
		return List
	case majorMap:
		return Map
	}
	switch b {
	case cborNull:
		return Null
	case cborFalse, cborTrue:
		return Bool
	}
	return Number
}

// Bool reads a boolean.
func (c *Cursor) Bool() bool {
	b := c.Buf[c.Pos]
	if c.Enc == CBOR {
		c.Pos++
		return b == cborTrue
	}
	if b == 't' {
		c.Pos += 4
		return true
	}
	c.Pos += 5
	return false
}

// Number reads a number.
func (c *Cursor) Number() Num {
	if c.Enc == JSON {
		return c.jsonNumber()
	}
	major, arg, next, _, _ := cborHead(c.Buf, c.Pos)
	at := c.Pos
	c.Pos = next
	switch major {
	case majorUint:
		return Num{Int: int64(arg), Float: float64(arg), IsInt: true, Big: arg > MaxInt}
	case majorNegative: // means -1-arg
		return Num{Int: -1 - int64(arg), Float: -1 - float64(arg), IsInt: true, Big: arg >= MaxInt}
	}
	return Num{Float: cborFloat(c.Buf[at:])}
}

func (c *Cursor) jsonNumber() Num {
	b, i := c.Buf, c.Pos
	start := i
	negative := b[i] == '-'
	if negative {
		i++
	}
	var n uint64
	from := i
	for i < len(b) && b[i]-'0' <= 9 {
		n = n*10 + uint64(b[i]-'0') // wraps only beyond 19 digits, which are Big anyway
		i++
	}
	digits := i - from
	if i == len(b) || b[i] != '.' && b[i]|0x20 != 'e' {
		c.Pos = i
		if digits > 16 || n > MaxInt {
			f, _ := strconv.ParseFloat(unsafe.String(&b[start], i-start), 64)
			return Num{Float: f, IsInt: true, Big: true}
		}
		whole := int64(n)
		if negative {
			whole = -whole
		}
		return Num{Int: whole, Float: float64(whole), IsInt: true} // the integer -0 is 0
	}
	if f, ok := c.PlainFloat(); ok { // the stack of ParseFloat is a kilobyte, which each connection of a hub would keep
		return Num{Float: f}
	}
	for i < len(b) && (b[i]-'0' <= 9 || b[i] == '.' || b[i]|0x20 == 'e' || b[i] == '+' || b[i] == '-') {
		i++
	}
	c.Pos = i
	f, _ := strconv.ParseFloat(unsafe.String(&b[start], i-start), 64)
	return Num{Float: f, Big: math.IsInf(f, 0)}
}

// Text reads a string. The bytes are part of the buffer unless the string had
// escapes.
func (c *Cursor) Text() []byte {
	if c.Enc == CBOR {
		_, n, next, _, _ := cborHead(c.Buf, c.Pos)
		c.Pos = next + int(n)
		return c.Buf[next:c.Pos]
	}
	from := c.Pos + 1
	end, _ := special(c.Buf, from)
	if c.Buf[end] == '"' {
		c.Pos = end + 1
		return c.Buf[from:end]
	}
	c.Pos = stringEnd(c.Buf, c.Pos)
	text := c.Buf[from : c.Pos-1]
	return unescape(make([]byte, 0, len(text)), text)
}

// stringEnd returns the end of the string that starts with the quote at b[i].
func stringEnd(b []byte, i int) int {
	for i++; ; i += 2 {
		if i, _ = special(b, i); b[i] == '"' {
			return i + 1
		}
	}
}

var strictBase64 = base64.StdEncoding.Strict()

// Bytes appends the bytes of a byte string or of base64 text. ok is false if
// the text is not strict base64. spec [T3], [C3]
func (c *Cursor) Bytes(dst []byte) (b []byte, ok bool) {
	if c.Kind() == String {
		// The decoder skips line breaks, which have no place here.
		text := c.Text()
		if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
			return dst, false
		}
		dst, err := strictBase64.AppendDecode(dst, text)
		return dst, err == nil
	}
	return append(dst, c.BytesInPlace()...), true
}

// BytesInPlace reads a byte string, which only CBOR has, as part of the buffer.
func (c *Cursor) BytesInPlace() []byte {
	major, n, next, _, _ := cborHead(c.Buf, c.Pos)
	if major == majorTag {
		_, n, next, _, _ = cborHead(c.Buf, next)
	}
	c.Pos = next + int(n)
	return c.Buf[next:c.Pos:c.Pos]
}

// Open enters a list or a map.
func (c *Cursor) Open() Iter {
	if c.Enc == JSON {
		c.Pos++
		return Iter{first: true}
	}
	_, n, next, _, _ := cborHead(c.Buf, c.Pos)
	c.Pos = next
	return Iter{left: int(n)}
}

// More goes to the next element or key; false: the list or map is over and
// consumed.
func (c *Cursor) More(it *Iter) bool {
	if c.Enc == CBOR {
		it.left--
		return it.left >= 0
	}
	c.Pos = skipSpace(c.Buf, c.Pos)
	switch c.Buf[c.Pos] {
	case ']', '}':
		c.Pos++
		return false
	}
	if it.first {
		it.first = false
		return true
	}
	c.Pos = skipSpace(c.Buf, c.Pos+1) // the comma
	return true
}

// Key reads the key of the next member of a map.
func (c *Cursor) Key() []byte {
	if c.Enc == CBOR {
		return c.Text()
	}
	key := c.Text()
	c.Pos = skipSpace(c.Buf, c.Pos) + 1 // the colon
	return key
}

// Count returns how many elements the list or map before the cursor has, and
// consumes nothing.
func (c *Cursor) Count() int {
	if c.Enc == CBOR {
		_, n, _, _, _ := cborHead(c.Buf, c.Pos)
		return int(n)
	}
	d := *c
	isMap := d.Kind() == Map
	n := 0
	for it := d.Open(); d.More(&it); n++ {
		if isMap {
			d.Key()
		}
		d.Skip()
	}
	return n
}

// Empty reports whether the list or map before the cursor is empty.
func (c *Cursor) Empty() bool {
	d := *c
	it := d.Open()
	return !d.More(&it)
}

// Skip passes one value and returns it.
func (c *Cursor) Skip() Value {
	c.Kind() // past the space
	from := c.Pos
	if c.Enc == JSON {
		c.Pos = jsonEnd(c.Buf, c.Pos)
	} else {
		c.Pos = cborEnd(c.Buf, c.Pos)
	}
	return Value{c.Enc, c.Buf[from:c.Pos]}
}

// depth passes one value and returns how deep it nests.
func (c *Cursor) depth() (deepest int) {
	kind := c.Kind()
	if kind != List && kind != Map {
		c.Skip()
		return 0
	}
	for it := c.Open(); c.More(&it); {
		if kind == Map {
			c.Key()
		}
		deepest = max(deepest, c.depth())
	}
	return 1 + deepest
}

func jsonEnd(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = stringEnd(b, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth == 0 { // a number or a word: up to what cannot be part of it
				for i < len(b) && !isSpace(b[i]) && b[i] != ',' && b[i] != '}' && b[i] != ']' {
					i++
				}
				return i
			}
		}
		i++
		if depth == 0 {
			return i
		}
	}
}

func cborEnd(b []byte, i int) int {
	for left := 1; left > 0; left-- {
		major, n, next, _, _ := cborHead(b, i)
		i = next
		switch major {
		case majorBytes, majorText:
			i += int(n)
		case majorList:
			left += int(n)
		case majorMap:
			left += 2 * int(n)
		case majorTag:
			left++
		}
	}
	return i
}

// smallInt reads an integer that has to be 0 or more; -1 is none.
func (c *Cursor) smallInt(kind Kind) int64 {
	if kind != Number {
		c.Skip()
		return -1
	}
	if n, ok := c.Number().Whole(); ok && n >= 0 {
		return n
	}
	return -1
}

// positive reads a number above 0; 0 is none.
func (c *Cursor) positive(kind Kind) float64 {
	if kind != Number {
		c.Skip()
		return 0
	}
	if n := c.Number(); n.Float > 0 && !n.Big {
		return n.Float
	}
	return 0
}
