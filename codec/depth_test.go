package codec

import (
	"errors"
	"testing"

	"github.com/sabir-ipc/sabir/wire"
)

type chain struct {
	Next *chain
	List []chain
	Map  map[string]chain
	Any  any
	Raw  wire.Value `sabir:",optional"`
}

// What contains itself, or nests deeper than a message can, is an error of the sender.
//
// clause: M14
func TestTooDeep(t *testing.T) {
	nested := func(levels int) (x any) {
		x = 1
		for range levels {
			x = []any{x}
		}
		return x
	}
	pointer, list, dict := &chain{}, &chain{}, &chain{}
	pointer.Next = pointer
	list.List = []chain{{}}
	list.List[0].List = list.List
	dict.Map = map[string]chain{}
	dict.Map["x"] = chain{Map: dict.Map}
	var self any
	self = &self
	loop := []any{nil}
	loop[0] = map[string]any{"x": loop}
	deep, err := AppendAny(nil, wire.JSON, nested(maxNested))
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]any{
		"pointer": pointer, "list": list, "map": dict, "any": &self, "list of any": loop,
		"one over": nested(maxNested + 1), "in a struct": &chain{Any: nested(maxNested)},
		"raw": &chain{Raw: wire.Value{Raw: deep}},
	} {
		for _, enc := range []wire.Encoding{wire.JSON, wire.CBOR} {
			b, err := AppendAny([]byte("x"), enc, x)
			if !errors.Is(err, errTooDeep) || name != "list of any" && name != "one over" && string(b) != "x" {
				t.Errorf("%s in %v: %d bytes, %.100v", name, enc, len(b), err)
			}
		}
	}
	for name, x := range map[string]any{
		"any": nested(maxNested), "in a struct": &chain{Any: nested(maxNested - 1)},
		"raw": &chain{Raw: wire.Value{Raw: []byte("[[{\"x\":[]}]]")}},
	} {
		if _, err := AppendAny(nil, wire.JSON, x); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDepth(t *testing.T) {
	for text, want := range map[string]int{`1`: 0, `""`: 0, `[]`: 1, `{"a":[1,[2]],"b":{}}`: 3, `[{},[[]],1]`: 3} {
		v := wire.Value{Raw: []byte(text)}
		b, err := v.Append(nil, wire.CBOR)
		if err != nil {
			t.Fatal(err)
		}
		if got, cbor := v.Depth(), (wire.Value{Enc: wire.CBOR, Raw: b}).Depth(); got != want || cbor != want {
			t.Errorf("%s: %d, in CBOR %d, want %d", text, got, cbor, want)
		}
	}
}
