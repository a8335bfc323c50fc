package codec

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

var seeds = []string{
	`{"raw":1}`,
	`{"bool":true,"int":-9007199254740991,"tiny":-128,"port":65535,"wide":"-9223372036854775808","u_wide":"18446744073709551615","raw":[1,{}]}`,
	`{"float":1e3,"single":0.5,"text":"żółw","slug":"abc","bytes":"AQID","time":"2026-11-23T10:00:00.5Z","any":{"a":[1,2.0,null,"x"]},"raw":null}`,
	`{"list":["a","b"],"map":{"one":1,"":2},"colour":"red","shape":{"type":"circle","radius":1},"node":{"name":"a","kids":[],"other":{}},"raw":0}`,
	`{"maybe":null,"lists":[[1,2],[],[3.0]],"nodes":{"x y":{"name":"n","left":{"name":"m","other":{}},"other":{}}},"things":{"__proto__":[]},"raw":""}`,
	`{"shape":{"radius":1,"type":"sphere"},"Raw":1,"colour":"pink","tiny":128,"text":"a","slug":"ABCD","bytes":"A","time":"x","list":[null]}`,
	`{"int":9007199254740992,"float":1e400,"wide":1.5,"u_wide":-1,"port":0,"single":2,"any":[12345678901234567890],"raw":[1e999]}`,
	// As our own peers write them, each with one thing that is not as it should be, or none.
	`{"bool":true,"int":5,"tiny":-7,"port":80,"wide":"12","float":0.5,"single":0.25,"text":"abc","slug":"abc","bytes":"AQID","raw":1,"list":["a","b"],"map":{"a":1},"colour":"red","maybe":"x","lists":[[1],[]]}`,
	`{"raw":1,"list":["a","b","c","d"]}`, `{"text":"abcdef","raw":1}`, `{"slug":"abcd","raw":1}`, `{"port":0,"raw":1}`, `{"single":1.5,"raw":1}`,
	`{"raw":1,"words":{"a":"b","":""}}`, `{"raw":1,"words":{}}`, `{"raw":1,"words":{"a":"1","b":"2","c":"3"}}`, `{"raw":1,"words":{"a":"1","b":2}}`, `{"raw":1,"words":{"a":null}}`,
	`{"bytes":"AQIDBAU=","raw":1}`, `{"raw":1,"colour":"pink"}`, `{"raw":1,"node":{"name":"a","kids":[{"name":"b","other":{}}],"other":{}}}`,
	`{"wide":2.0,"int":1.0,"float":-0,"any":-0,"raw":-0}`, `[]`, `null`, `""`, `7`, `[[[[{"raw":[[[]]]}]]]]`,
	`{"lists":[[0,0,0,0,0,0,0,0,0,0],[],[],[],[],[],[],[],[],[],[]],"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`,
}

// What is the same in JSON and in CBOR is the same to a program.
func FuzzParity(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		parser := wire.Parser{Enc: wire.JSON}
		if parser.Check(text) != nil {
			return
		}
		original := wire.Value{Enc: wire.JSON, Raw: text}
		ahead := original.Cursor()
		fits := inRange(&ahead)
		raw, err := original.Append(nil, wire.CBOR)
		if (err == nil) != fits {
			t.Fatalf("%q: fits in both %v, got %v", text, fits, err)
		}
		if err != nil {
			return
		}
		cbor := wire.Parser{Enc: wire.CBOR}
		if err := cbor.Check(raw); err != nil {
			t.Fatalf("%q became %x: %v", text, raw, err)
		}
		turned := wire.Value{Enc: wire.CBOR, Raw: raw}
		back, err := turned.Append(nil, wire.JSON)
		if err != nil || parser.Check(back) != nil {
			t.Fatalf("%q became %x and %q: %v", text, raw, back, err)
		}
		if again, _ := (wire.Value{Enc: wire.JSON, Raw: back}).Append(nil, wire.CBOR); !bytes.Equal(again, raw) {
			t.Fatalf("%q became %x, then %q and %x", text, raw, back, again)
		}
		sameToProgram[any](t, original, turned)
		sameToProgram[every](t, original, turned)
		sameToProgram[[]every](t, original, turned)
		for _, v := range []wire.Value{original, turned} {
			judgedAlike(t, v, Strict)
			judgedAlike(t, v, Lenient)
		}
	})
}

// judgedAlike compares what is said of a value by a Go type and by its
// description.
func judgedAlike(t *testing.T, v wire.Value, rules Rules) {
	t.Helper()
	// A float32 has bounds of its own, which descriptions do not tell.
	single := func(f Fault) bool { return f.Path == "single" }
	typed := slices.DeleteFunc(For[every]().Decode(v, new(every), rules), single)
	described := slices.DeleteFunc(everyShape(t).Check(v, rules), single)
	if !slices.Equal(typed, described) && len(typed) < MaxFaults-1 {
		t.Fatalf("%s: as a Go type %v, by its description %v", v.Raw, typed, described)
	}
}

// everyShape is what the description of every says.
func everyShape(t *testing.T) *Shape {
	t.Helper()
	c := For[every]()
	service := new(idl.Service)
	c.Named(false, func(n idl.NamedType, _ reflect.Type) { service.Types = append(service.Types, n) })
	top := c.Type()
	shape, err := NewShapes(service).Of(&top)
	if err != nil {
		t.Fatal(err)
	}
	return shape
}

func sameToProgram[T any](t *testing.T, original, turned wire.Value) {
	t.Helper()
	c := For[T]()
	for _, rules := range []Rules{Strict, Lenient} {
		var v, w T
		faults := c.Decode(original, &v, rules)
		if also := c.Decode(turned, &w, rules); !reflect.DeepEqual(faults, also) {
			t.Fatalf("%q: faults in JSON %v, in CBOR %v", original.Raw, faults, also)
		}
		if faults == nil && !sameValue(v, w) {
			t.Fatalf("%q: %+v in JSON, %+v in CBOR", original.Raw, v, w)
		}
		for _, value := range []wire.Value{original, turned} {
			var x T
			if with := withCare(c, value, &x, rules); !reflect.DeepEqual(faults, with) {
				t.Fatalf("%q in %v: faults %v, with care %v", original.Raw, value.Enc, faults, with)
			}
			if faults == nil && !sameValue(v, x) {
				t.Fatalf("%q in %v: %+v, with care %+v", original.Raw, value.Enc, v, x)
			}
		}
	}
}

// Nothing that is decoded, well or with faults, is part of the frame, which others
// have afterwards.
func TestFrameIsLeft(t *testing.T) {
	for _, s := range seeds {
		for _, text := range []string{s, "[" + s + "," + s + "]", `{"list":[` + s + `,1]}`} {
			for _, enc := range encodings {
				if raw, err := (wire.Value{Enc: wire.JSON, Raw: []byte(text)}).Append(nil, enc); err == nil {
					leavesFrame[every](t, enc, raw)
					leavesFrame[[]every](t, enc, raw)
					leavesFrame[chain](t, enc, raw)
					leavesFrame[map[string]every](t, enc, raw)
					leavesFrame[any](t, enc, raw)
				}
			}
		}
	}
}

func leavesFrame[T any](t *testing.T, enc wire.Encoding, raw []byte) {
	t.Helper()
	var v, w T
	frame := bytes.Clone(raw)
	For[T]().Decode(wire.Value{Enc: enc, Raw: raw}, &v, Strict)
	For[T]().Decode(wire.Value{Enc: enc, Raw: frame}, &w, Strict)
	for i := range frame {
		frame[i] = 'x'
	}
	if !reflect.DeepEqual(v, w) {
		t.Errorf("%q as %T: %+v once its frame was written over, before %+v", raw, v, w, v)
	}
}

// withCare is Decode without the quick way.
func withCare[T any](c *Codec, v wire.Value, into *T, rules Rules) []Fault {
	var d decoder
	d.begin(v, rules)
	d.value(c.plan, reflect.ValueOf(into).Elem())
	return d.end()
}

// Whatever arrives as params is decoded or has faults, at most eight, and what
// is decoded means the same after another round.
func FuzzParams(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), false)
		if b, err := (wire.Value{Enc: wire.JSON, Raw: []byte(s)}).Append(nil, wire.CBOR); err == nil {
			f.Add(b, true)
		}
	}
	c := For[every]()
	f.Fuzz(func(t *testing.T, raw []byte, inCBOR bool) {
		enc := wire.JSON
		if inCBOR {
			enc = wire.CBOR
		}
		parser := wire.Parser{Enc: enc}
		if parser.Check(raw) != nil {
			return
		}
		var v, lenient, again every
		v.Raw.Enc, again.Raw.Enc = enc, enc
		c.Decode(wire.Value{Enc: enc, Raw: raw}, &lenient, Lenient)
		faults := c.Decode(wire.Value{Enc: enc, Raw: raw}, &v, Strict)
		if len(faults) > MaxFaults {
			t.Fatalf("%q: %d faults", raw, len(faults))
		}
		for _, f := range faults {
			if f.Reason == "" {
				t.Fatalf("%q: %+v", raw, f)
			}
		}
		if faults != nil {
			return
		}
		written, err := c.Append(nil, enc, &v)
		if err != nil {
			t.Fatalf("%q: %+v: %v", raw, v, err)
		}
		if err := parser.Check(written); err != nil {
			t.Fatalf("%q was written as %q: %v", raw, written, err)
		}
		if faults := c.Decode(wire.Value{Enc: enc, Raw: written}, &again, Strict); faults != nil {
			t.Fatalf("%q was written as %q: %v", raw, written, faults)
		}
		if !reflect.DeepEqual(v, again) {
			t.Fatalf("%q was written as %q:\n%+v\n%+v", raw, written, v, again)
		}
	})
}
