package wire

// Loose is bytes of a message that stay where they are instead of being copied
// into the buffer: they belong at At, and whoever writes the buffer to a
// connection writes them there. A megabyte that is copied first is read from
// memory twice, which takes as long as to give it to the kernel.
type Loose struct {
	At   int
	Data []byte // empty: the buffer has it all
}

const (
	// looseFrom is how many bytes may be left out: a write of their own costs as
	// much as to copy that many.
	looseFrom = 64 << 10
	// looseHead of them are copied all the same, or the first write would wake
	// the peer for a few bytes.
	looseHead = 4 << 10
)

// AppendBytes is [AppendBytes], but may leave out most of the data. So do the
// methods of a nil Loose not.
func (l *Loose) AppendBytes(dst []byte, enc Encoding, data []byte) []byte {
	if enc == JSON || !l.takes(data) {
		return AppendBytes(dst, enc, data)
	}
	dst = appendHead(appendHead(dst, majorTag, cborBytesTag), majorBytes, uint64(len(data)))
	return l.leaveOut(dst, data)
}

// AppendValue is [Value.Append], but may leave out most of the value.
func (l *Loose) AppendValue(dst []byte, enc Encoding, v Value) ([]byte, error) {
	if enc != v.Enc || !l.takes(v.Raw) {
		return v.Append(dst, enc)
	}
	return l.leaveOut(dst, v.Raw), nil
}

func (l *Loose) takes(data []byte) bool {
	return l != nil && len(l.Data) == 0 && len(data) >= looseFrom
}

func (l *Loose) leaveOut(dst, data []byte) []byte {
	dst = append(dst, data[:looseHead]...)
	l.At, l.Data = len(dst), data[looseHead:]
	return dst
}
