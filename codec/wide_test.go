//go:build !386 && !arm && !mips && !mipsle

package codec

import (
	"testing"

	"github.com/sabir-ipc/sabir/wire"
)

// An int may be wider than it is on the wire, on machines of 64 bits.
//
// clause: T1
func TestAppendWideInts(t *testing.T) {
	most, top := int64(wire.MaxInt), uint64(1<<63)
	for value, want := range map[any]string{
		int(most): "9007199254740991", int(most + 1): "!integer 9007199254740992 beyond ±(2^53-1): use int64",
		uint(top): "!integer 9223372036854775808 beyond ±(2^53-1): use int64", int(-most - 1): "!integer -9007199254740992 beyond ±(2^53-1): use int64",
	} {
		b, err := AppendAny(nil, wire.JSON, value)
		if got := string(b); got != want && (err == nil || "!"+err.Error() != want) {
			t.Errorf("%v: %s, %v", value, got, err)
		}
	}
}
