package codec

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/sabir-ipc/sabir/wire"
)

// Bytes that are most of a frame stay in it, and cannot grow into what is behind
// them. All others are copied.
func TestDecodeFrame(t *testing.T) {
	type parcel struct{ Data, More []byte }
	c := For[parcel]()
	for _, test := range []struct {
		name       string
		enc        wire.Encoding
		data, more int
		stays      bool
	}{
		{"most", wire.CBOR, 1000, 10, true},
		{"the second", wire.CBOR, 10, 1000, true},
		{"less than half", wire.CBOR, 400, 400, false},
		{"text", wire.JSON, 1000, 10, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := parcel{bytes.Repeat([]byte{1}, test.data), bytes.Repeat([]byte{2}, test.more)}
			frame, err := c.Append(nil, test.enc, &in)
			if err != nil {
				t.Fatal(err)
			}
			frame = bytes.Clone(frame)[:len(frame):len(frame)]
			v, rest := wire.Value{Enc: test.enc, Raw: frame}, frame
			var out parcel
			if faults := c.DecodeFrame(&rest, v, &out, Strict); len(faults) > 0 {
				t.Fatal(faults)
			}
			if !bytes.Equal(out.Data, in.Data) || !bytes.Equal(out.More, in.More) {
				t.Error("other bytes")
			}
			within := func(b []byte) bool {
				at := uintptr(unsafe.Pointer(&b[0])) - uintptr(unsafe.Pointer(&frame[0]))
				return at < uintptr(len(frame))
			}
			if stays := within(out.Data) || within(out.More); stays != test.stays || (rest == nil) != test.stays {
				t.Errorf("in the frame: %v; frame taken: %v", stays, rest == nil)
			}
			if cap(out.Data) > len(out.Data) && within(out.Data) || cap(out.More) > len(out.More) && within(out.More) {
				t.Error("there is room behind the bytes")
			}
		})
	}
}
