package wire

import "strings"

// Messages are written in three steps, so that a body can be encoded straight
// into the outgoing buffer: an Open function, the body's own Append, Close.

// Frame is an unfinished message in a buffer.
type Frame struct {
	Loose Loose // what is left out of the buffer, if the body was appended with it
	enc   Encoding
	start int
}

// frameHead is what Open leaves room for in CBOR: a byte string head of 32 bits,
// since the length is known only in the end. spec [C1]
const frameHead = 5

// version is the start of a message to peers that sent jsonrpc. spec [M5]
const version = `"jsonrpc":"2.0",`

func openFrame(dst []byte, enc Encoding, versioned bool, members int) ([]byte, Frame) {
	f := Frame{enc: enc, start: len(dst)}
	if enc == CBOR {
		return append(dst, 0, 0, 0, 0, 0, majorMap<<5|byte(members)), f
	}
	dst = append(dst, '{')
	if versioned {
		dst = append(dst, version...)
	}
	return dst, f
}

// Close ends the message. Its size is that of the frame in dst.
func (f Frame) Close(dst []byte) []byte {
	if f.enc == JSON {
		return append(dst, '}', '\n')
	}
	n := f.Size(dst) - frameHead
	h := dst[f.start:]
	h[0], h[1], h[2], h[3], h[4] = majorBytes<<5|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return dst
}

// Size is the length of the message so far, by which the limit is judged.
func (f Frame) Size(dst []byte) int { return len(dst) - f.start + len(f.Loose.Data) }

// Undo removes the message from the buffer.
func (f Frame) Undo(dst []byte) []byte { return dst[:f.start] }

// key writes a key that needs no escapes.
func key(dst []byte, enc Encoding, i int, k string) []byte {
	if enc == CBOR {
		return append(appendHead(dst, majorText, uint64(len(k))), k...)
	}
	if i > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, k...)
	return append(dst, '"', ':')
}

// setMembers makes the head at dst[head], of a map with few members, one of n: they
// are counted as they are written.
func setMembers(dst []byte, enc Encoding, head, n int) []byte {
	if enc == CBOR {
		dst[head] = majorMap<<5 | byte(n)
	}
	return dst
}

// OpenRequest begins m as a request or, without id, as a notification; its
// Params are left for the caller to write. What it holds has to be in bounds
// and UTF-8; a Caller that enc cannot hold is left out.
func OpenRequest(dst []byte, enc Encoding, m *Message) ([]byte, Frame) {
	keys := &onceKeys[enc]
	dst, f := openFrame(dst, enc, m.Versioned, 0)
	head, n := len(dst)-1, 2
	if m.ID.IsZero() {
		dst = key(dst, enc, 0, "method")
	} else {
		n++
		dst = m.ID.Append(append(dst, keys.id.text...), enc)
		dst = append(dst, keys.method.text...)
	}
	dst, _ = AppendString(dst, enc, m.Method)
	if m.Window >= 0 {
		n++
		dst = AppendInt(key(dst, enc, 1, "window"), enc, m.Window)
	}
	if m.Since != nil {
		n++
		dst = AppendMap(key(dst, enc, 1, "since"), enc, 2)
		dst, _ = AppendString(key(dst, enc, 0, "epoch"), enc, m.Since.Epoch)
		dst = AppendInt(key(dst, enc, 1, "seq"), enc, m.Since.Seq)
		dst = EndMap(dst, enc)
	}
	if m.Timeout > 0 {
		n++
		dst, _ = AppendFloat(append(dst, keys.timeout.text...), enc, m.Timeout)
	}
	if m.Trace != "" {
		n++
		dst, _ = AppendString(key(dst, enc, 1, "trace"), enc, m.Trace)
	}
	if !m.Caller.IsZero() {
		n++
		dst = append(dst, keys.caller.text...)
		var err error
		if dst, err = m.Caller.Append(dst, enc); err != nil {
			dst = AppendNull(dst, enc) // which is the same, spec [M4]
		}
	}
	dst = append(dst, keys.params.text...)
	return setMembers(dst, enc, head, n), f
}

// OpenResult begins the response with a result; the caller writes the result.
func OpenResult(dst []byte, enc Encoding, versioned bool, id ID) ([]byte, Frame) {
	keys := &onceKeys[enc]
	dst, f := openFrame(dst, enc, versioned, 2)
	dst = id.Append(append(dst, keys.id.text...), enc)
	return append(dst, keys.result.text...), f
}

// AppendErrorResponse writes the response with an error, whole.
func AppendErrorResponse(dst []byte, enc Encoding, versioned bool, id ID, e *Error) []byte {
	dst, f := openFrame(dst, enc, versioned, 2)
	dst = key(dst, enc, 0, "id")
	dst = id.Append(dst, enc)
	dst = key(dst, enc, 1, "error")
	dst = AppendError(dst, enc, e)
	return f.Close(dst)
}

// AppendError writes an error object. What is not UTF-8 in its texts becomes U+FFFD;
// params that enc cannot hold are left out.
func AppendError(dst []byte, enc Encoding, e *Error) []byte {
	n := 2
	if e.Name != "" {
		n = 3
	}
	dst = AppendMap(dst, enc, n)
	dst = key(dst, enc, 0, "code")
	dst = AppendInt(dst, enc, int64(e.Code))
	dst = key(dst, enc, 1, "message")
	dst, _ = AppendString(dst, enc, strings.ToValidUTF8(e.Message, "\uFFFD"))
	if e.Name != "" {
		dst = key(dst, enc, 2, "data")
		dst = AppendMap(dst, enc, 2)
		dst = key(dst, enc, 0, "name")
		dst, _ = AppendString(dst, enc, strings.ToValidUTF8(e.Name, "\uFFFD"))
		dst = key(dst, enc, 1, "params")
		var err error
		if !e.Params.IsZero() {
			dst, err = e.Params.Append(dst, enc)
		}
		if e.Params.IsZero() || err != nil {
			dst = EndMap(AppendMap(dst, enc, 0), enc)
		}
		dst = EndMap(dst, enc)
	}
	return EndMap(dst, enc)
}
