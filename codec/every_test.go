package codec

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/sabir-ipc/sabir/wire"
)

// every has a field of each kind that there is.
type every struct {
	Bool   bool      `sabir:",optional"`
	Int    int       `sabir:",optional"`
	Tiny   int8      `sabir:",optional"`
	Port   uint16    `sabir:",optional" min:"1"`
	Wide   int64     `sabir:",optional"`
	UWide  uint64    `sabir:",optional"`
	Float  float64   `sabir:",optional"`
	Single float32   `sabir:",optional" min:"-1" max:"1"`
	Text   string    `sabir:",optional" min:"2" max:"5"`
	Slug   string    `sabir:",optional" pattern:"[a-z]{1,3}"`
	Bytes  []byte    `sabir:",optional" max:"4"`
	Time   time.Time `sabir:",optional"`
	Any    any       `sabir:",optional"`
	Raw    wire.Value
	List   []string          `sabir:",optional" max:"3"`
	Map    map[string]int    `sabir:",optional"`
	Words  map[string]string `sabir:",optional" max:"2"`
	Colour colour            `sabir:",optional"`
	Shape  *shape
	Node   *node
	Maybe  *string
	Lists  [][]int          `sabir:",optional"`
	Nodes  map[string]node  `sabir:",optional"`
	Things map[string][]any `sabir:",optional"`
}

type colour string

func (colour) Cases() []string { return []string{"red", "green", "blue"} }

func (colour) CaseDoc(name string) string { return map[string]string{"green": "Go."}[name] }

type shape struct {
	Union
	Circle *circle `doc:"Round."`
	Box    *struct{ Width, Height int }
}

type circle struct{ Radius float64 }

type node struct {
	Name  string
	Left  *node
	Kids  []node `sabir:",optional"`
	Other map[string]node
}

// decode reads text, as JSON and, turned over by libraries of others, as CBOR,
// and wants the same of both.
func decode[T any](t *testing.T, text string, rules Rules) (v T, faults []Fault) {
	t.Helper()
	c := For[T]()
	check(t, wire.JSON, []byte(text))
	faults = c.Decode(wire.Value{Enc: wire.JSON, Raw: []byte(text)}, &v, rules)
	raw, ok := toCBOR(t, text)
	if !ok {
		return v, faults
	}
	check(t, wire.CBOR, raw)
	var w T
	also := c.Decode(wire.Value{Enc: wire.CBOR, Raw: raw}, &w, rules)
	if !reflect.DeepEqual(faults, also) {
		t.Errorf("%s: faults in JSON %v, in CBOR %v", text, faults, also)
	}
	if faults == nil && !sameValue(v, w) {
		t.Errorf("%s: %+v in JSON, %+v in CBOR", text, v, w)
	}
	return v, faults
}

// sameValue compares what two encodings became. A wire.Value keeps its bytes,
// so both are turned over, which leaves one way to write each value.
func sameValue[T any](v, w T) bool {
	c := For[T]()
	var turned [2][]byte
	var faults [2]error
	for i, x := range []*T{&v, &w} {
		b, err := c.Append(nil, wire.JSON, x)
		if err == nil {
			turned[i], err = (wire.Value{Enc: wire.JSON, Raw: b}).Append(nil, wire.CBOR)
		}
		faults[i] = err
	}
	// What cannot be a case of an enum is read where that is lenient, and cannot be written. [T8]
	return fmt.Sprint(faults[0]) == fmt.Sprint(faults[1]) && bytes.Equal(turned[0], turned[1])
}

func check(t *testing.T, enc wire.Encoding, raw []byte) {
	t.Helper()
	p := wire.Parser{Enc: enc}
	if err := p.Check(raw); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
}

// toCBOR turns text into CBOR by means that are not ours. ok is false for
// numbers that have no counterpart.
func toCBOR(t *testing.T, text string) (raw []byte, ok bool) {
	t.Helper()
	x, ok := tree(t, jsontext.NewDecoder(strings.NewReader(text)))
	if !ok {
		return nil, false
	}
	raw, err := cbor.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return raw, true
}

// tree reads a value, with integers and floats as they were written. Lists and
// maps come out encoded, since a Go map would lose the order.
func tree(t *testing.T, d *jsontext.Decoder) (x any, ok bool) {
	switch d.PeekKind() {
	case '{', '[':
		open, err := d.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		var elements []byte
		n := 0
		for d.PeekKind() != '}' && d.PeekKind() != ']' {
			e, ok := tree(t, d)
			if !ok {
				return nil, false
			}
			b, err := cbor.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			elements = append(elements, b...)
			n++
		}
		d.ReadToken()
		head := byte(0x80)
		if open.Kind() == '{' {
			head, n = 0xA0, n/2
		}
		b, err := cbor.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		b[0] |= head
		return cbor.RawMessage(append(b, elements...)), true
	case '0':
		v, err := d.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		if !strings.ContainsAny(string(v), ".eE") {
			err := json.Unmarshal(v, &n)
			return n, err == nil && n <= wire.MaxInt && n >= -wire.MaxInt
		}
		var f float64
		err = json.Unmarshal(v, &f)
		return f, err == nil
	}
	v, err := d.ReadValue()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(v, &x); err != nil {
		t.Fatal(err)
	}
	return x, true
}

func lines(faults []Fault) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}
