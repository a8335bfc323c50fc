// Package wire turns bytes into Sabir's messages and back, in JSON and in CBOR.
//
// Everything that comes in passes [Parser.Parse], which refuses what is not
// strict before anybody looks at it. A [Cursor] then walks an accepted value
// without checking again, and the Append functions write values and messages
// into the caller's buffer. Only [Reader] does I/O. There are no goroutines and
// no locks; a Parser, a Reader and a Cursor belong to one goroutine at a time.
//
// The rules are in spec/messages.md, spec/types.md and spec/cbor.md.
package wire

import "strconv"

// Encoding says how a value is written. The zero Encoding is JSON.
type Encoding uint8

const (
	JSON Encoding = iota
	CBOR
)

func (e Encoding) String() string {
	if e == CBOR {
		return "CBOR"
	}
	return "JSON"
}

const (
	// MaxInt is the largest integer that JSON peers agree on, 2^53-1; the
	// smallest is its negative. spec [M2], [T1]
	MaxInt = 1<<53 - 1
	// MaxDepth is how deep a message may nest, itself included. spec [M14]
	MaxDepth = 64
	// MaxID is the length of the longest id that is a string, in bytes. spec [M2]
	MaxID = 64
	// Version is what the jsonrpc member holds.
	Version = "2.0"
)

// Magic is what a dialler sends before its first message in CBOR. spec [C1]
var Magic = [3]byte{0xD9, 0xD9, 0xF7}

// ID names a call on its connection. IDs are comparable; the zero ID is none,
// which makes a message a notification.
type ID struct {
	kind idKind
	num  int64
	str  string
}

type idKind uint8

const (
	noID idKind = iota
	intID
	stringID
	nullID
)

// NullID is the id of an answer to a message whose own id cannot be used.
var NullID = ID{kind: nullID}

// IntID returns an id that is a number within ±MaxInt.
func IntID(n int64) ID { return ID{kind: intID, num: n} }

// StringID returns an id that is a string of at most MaxID bytes.
func StringID(s string) ID { return ID{kind: stringID, str: s} }

// IsZero reports whether there is no id.
func (id ID) IsZero() bool { return id.kind == noID }

// IsNull reports whether the id is null, which only answers have.
func (id ID) IsNull() bool { return id.kind == nullID }

// Int returns the number of an id that is one.
func (id ID) Int() (n int64, ok bool) { return id.num, id.kind == intID }

// String shows the id as it would stand in JSON.
func (id ID) String() string {
	switch id.kind {
	case intID:
		return strconv.FormatInt(id.num, 10)
	case stringID:
		return strconv.Quote(id.str)
	case nullID:
		return "null"
	}
	return "none"
}

// Append writes the id as a value.
func (id ID) Append(dst []byte, enc Encoding) []byte {
	switch id.kind {
	case intID:
		return AppendInt(dst, enc, id.num)
	case stringID:
		dst, _ = AppendString(dst, enc, id.str)
		return dst
	}
	return AppendNull(dst, enc)
}

// Value is one value as bytes that are known to be strict. The zero Value is
// none at all, which is not null.
type Value struct {
	Enc Encoding
	Raw []byte
}

// IsZero reports whether there is no value.
func (v Value) IsZero() bool { return len(v.Raw) == 0 }

// isNull reports whether the value is null.
func (v Value) isNull() bool {
	if v.IsZero() {
		return false
	}
	c := v.Cursor()
	return c.Kind() == Null
}

// Cursor returns a cursor before the value.
func (v Value) Cursor() Cursor { return Cursor{Enc: v.Enc, Buf: v.Raw} }

// Depth returns how deep the value nests: 0 for a number, 1 for [], 2 for [[]].
func (v Value) Depth() int {
	if v.IsZero() {
		return 0
	}
	c := v.Cursor()
	return c.depth()
}

// Append writes the value in enc, turning it over if need be. The only error
// is a number that enc cannot hold; then nothing is written. spec [C4]
func (v Value) Append(dst []byte, enc Encoding) ([]byte, error) {
	if v.Enc == enc {
		return append(dst, v.Raw...), nil
	}
	c := v.Cursor()
	b, err := transcode(dst, enc, &c)
	if err != nil {
		return dst, err
	}
	return b, nil
}

// Since is a position in a topic. spec [S12]
type Since struct {
	Epoch string
	Seq   int64
}

// Message is a request, a notification or a response. What Parse puts into its
// slices is part of the frame and lasts as long as that.
type Message struct {
	Versioned bool   // has jsonrpc, spec [M5]
	ID        ID     // zero for a notification
	Method    []byte // empty for a response
	Params    Value
	Result    Value
	Error     *Error
	Window    int64   // -1: absent
	Since     *Since  // nil: absent
	Timeout   float64 // seconds, 0: absent
	Trace     string
	Caller    Value
	Item      *Item // the Params of an rpc.item, if they have been read already; until the next Parse
}

// IsRequest reports whether the message calls something, with or without id.
func (m *Message) IsRequest() bool { return len(m.Method) > 0 }
