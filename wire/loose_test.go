package wire

import (
	"bytes"
	"slices"
	"testing"
)

// What is left out of the buffer belongs where Loose says, and counts.
func TestLoose(t *testing.T) {
	data := bytes.Repeat([]byte("data"), 50_000)
	for _, enc := range []Encoding{JSON, CBOR} {
		body := AppendBytes(nil, enc, data)
		for _, as := range []string{"bytes", "value"} {
			whole, f := OpenResult([]byte("before"), enc, true, IntID(7))
			whole = f.Close(append(whole, body...))

			b, f := OpenResult([]byte("before"), enc, true, IntID(7))
			if as == "bytes" {
				b = f.Loose.AppendBytes(b, enc, data)
			} else {
				var err error
				if b, err = f.Loose.AppendValue(b, enc, Value{enc, body}); err != nil {
					t.Fatal(err)
				}
			}
			if out := len(f.Loose.Data) > 0; out != (enc == CBOR || as == "value") {
				t.Errorf("%v %s: left out: %v", enc, as, out)
			}
			b = f.Close(b)
			if f.Size(b) != len(whole)-len("before") {
				t.Errorf("%v %s: size %d of %d", enc, as, f.Size(b), len(whole))
			}
			if b = slices.Insert(b, f.Loose.At, f.Loose.Data...); !bytes.Equal(b, whole) {
				t.Errorf("%v %s: another message", enc, as)
			}
		}
	}
}
