package codec

import (
	"testing"
	"unsafe"

	"github.com/sabir-ipc/sabir/wire"
)

// Which values go the quick way, and which have to be looked at with care. That
// both ways come to the same is for FuzzParity.
func TestQuick(t *testing.T) {
	type item struct {
		Name   string `min:"1" pattern:"[a-z]+"`
		Level  int8
		Loud   bool
		Colour colour
		Share  *float64
		Kids   []item            `sabir:",optional" max:"2"`
		Tags   []string          `sabir:",optional" min:"1" max:"3"`
		Words  map[string]string `sabir:",optional" min:"1" max:"2"`
	}
	const good = `{"name":"a","level":-128,"loud":true,"colour":"red"}`
	for text, quick := range map[string]bool{
		good: true,
		`{"name":"żółw","level":0,"loud":false,"colour":"red"}`:                                             false,
		`{"name":"a","level":128,"loud":true,"colour":"red"}`:                                               false,
		`{"name":"","level":1,"loud":true,"colour":"red"}`:                                                  false,
		`{"name":"a","level":1,"loud":true,"colour":"pink"}`:                                                false,
		`{"name":"a","level":1,"loud":1,"colour":"red"}`:                                                    false,
		`{"name":"a","level":1,"loud":true}`:                                                                false,
		`{"level":1,"name":"a","loud":true,"colour":"red"}`:                                                 false,
		`{"name":"a","level":1,"loud":true,"colour":"red","x":1}`:                                           false,
		`{"name":"a","level":1,"loud":true,"colour":"red","share":null}`:                                    false,
		`{"name":"a","level":1,"loud":true,"colour":"red","share":-0.25}`:                                   true,
		`{"name":"a","level":1,"loud":true,"colour":"red","kids":[` + good + `,` + good + `]}`:              true,
		`{"name":"a","level":1,"loud":true,"colour":"red","share":1.5,"kids":[]}`:                           true,
		`{"name":"a","level":1,"loud":true,"colour":"red","kids":[` + good + `,` + good + `,` + good + `]}`: false,
		`{"name":"a","level":1,"loud":true,"colour":"red","tags":["x","y","z"]}`:                            true,
		`{"name":"a","level":1,"loud":true,"colour":"red","tags":["w","x","y","z"]}`:                        false,
		`{"name":"a","level":1,"loud":true,"colour":"red","tags":[]}`:                                       false,
		`{"name":"a","level":1,"loud":true,"colour":"red","words":{"a":"b","":"c"}}`:                        true,
		`{"name":"a","level":1,"loud":true,"colour":"red","words":{"a":"b","c":1}}`:                         false,
		`{"name":"a","level":1,"loud":true,"colour":"red","words":{"a":"b","c":"d","e":"f"}}`:               false,
		`{"name":"a","level":1,"loud":true,"colour":"red","words":{}}`:                                      false,
	} {
		c := For[item]()
		for _, enc := range encodings {
			raw, err := wire.Value{Enc: wire.JSON, Raw: []byte(text)}.Append(nil, enc)
			if err != nil {
				t.Fatal(err)
			}
			v := wire.Value{Enc: enc, Raw: raw}
			var into item
			d := new(decoder)
			d.begin(v, Strict)
			if got := d.quick(c.plan, unsafe.Pointer(&into), 0); got != quick {
				t.Errorf("%s in %v: quick %v, want %v", text, v.Enc, got, quick)
			}
		}
	}
	// A field that is null stays as it was, whatever of it was tried.
	for _, enc := range encodings {
		raw, _ := wire.Value{Enc: wire.JSON, Raw: []byte(`{"name":"a","level":1,"loud":true,"colour":"red","share":null}`)}.Append(nil, enc)
		var into item
		if faults := For[item]().Decode(wire.Value{Enc: enc, Raw: raw}, &into, Strict); faults != nil || into.Share != nil {
			t.Errorf("%v: %+v, %v", enc, into, faults)
		}
	}
	// In JSON only what has no space and no escapes.
	for _, text := range []string{`{ "name":"a","level":1,"loud":true,"colour":"red"}`, `{"name":"\u0061","level":1,"loud":true,"colour":"red"}`} {
		var into item
		if faults := For[item]().Decode(wire.Value{Enc: wire.JSON, Raw: []byte(text)}, &into, Strict); faults != nil || into.Name != "a" {
			t.Errorf("%s: %+v, %v", text, into, faults)
		}
	}
}

// Texts share memory only where little is kept for the sake of one of them.
func TestTextsShare(t *testing.T) {
	type pair struct{ A, B string }
	for _, enc := range encodings {
		for size, share := range map[int]bool{100: true, shareText: false} {
			c := For[pair]()
			long := make([]byte, size)
			for i := range long {
				long[i] = 'x'
			}
			raw, _ := c.Append(nil, enc, &pair{"a", string(long)})
			var p pair
			if faults := c.Decode(wire.Value{Enc: enc, Raw: raw}, &p, Strict); faults != nil {
				t.Fatal(faults)
			}
			apart := uintptr(unsafe.Pointer(unsafe.StringData(p.B))) - uintptr(unsafe.Pointer(unsafe.StringData(p.A)))
			if got := apart < uintptr(len(raw)); got != share {
				t.Errorf("%v, %d bytes: parts of one text %v, want %v", enc, size, got, share)
			}
		}
	}
}

// Decoding takes memory for what the value holds, and none for itself.
func TestDecodeAllocates(t *testing.T) {
	type numbers struct {
		A int
		B float64
	}
	for _, enc := range encodings {
		allocates(t, enc, 0, numbers{1, 0.5})
		allocates(t, enc, 2, aTrack)     // its texts and its list
		allocates(t, enc, 3, someLabels) // texts, and what makemap takes
	}
}

func allocates[T any](t *testing.T, enc wire.Encoding, want float64, v T) {
	t.Helper()
	c := For[T]()
	raw, err := c.Append(nil, enc, &v)
	if err != nil {
		t.Fatal(err)
	}
	var into T
	if n := testing.AllocsPerRun(100, func() { c.Decode(wire.Value{Enc: enc, Raw: raw}, &into, Strict) }); n != want {
		t.Errorf("%T in %v: %v allocations, want %v", v, enc, n, want)
	}
}
