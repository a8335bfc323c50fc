package codec

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

type (
	itself      []itself
	tree2       map[string][]tree2
	page[T any] struct {
		Items []T
		Next  *page[T]
	}
	list[T any] struct{ Items []T }
	stamp       time.Time
	badCase     string
	twiceCase   string
	embeds      struct{ say }
	unionCase   struct {
		Union
		A circle
	}
	unionTwice struct {
		Union
		A *circle `sabir:"x"`
		B *circle `sabir:"x"`
	}
	unionTyped struct {
		Union
		A *struct{ Type string }
	}
	unionLate struct {
		A *circle
		Union
	}
	forest struct{ Trees trees }
	trees  []forest
)

func (badCase) Cases() []string   { return []string{"ok", "Not OK"} }
func (twiceCase) Cases() []string { return []string{"a", "a"} }

// tagged is a struct whose field has a tag that vet would not let pass.
func tagged(tag reflect.StructTag) any {
	field := reflect.StructField{Name: "Pass", Type: reflect.TypeFor[string](), Tag: tag}
	return reflect.Zero(reflect.StructOf([]reflect.StructField{field})).Interface()
}

// Types that have no counterpart are refused with the place and the reason.
//
// clause: T6, T9
func TestRefusedTypes(t *testing.T) {
	for _, test := range []struct {
		sample any
		want   string
	}{
		{struct{ C chan int }{}, "C: chan int has no counterpart"},
		{struct{ F func() }{}, "F: func() has no counterpart"},
		{struct{ C complex128 }{}, "C: complex128 has no counterpart"},
		{struct{ P uintptr }{}, "P: uintptr has no counterpart"},
		{struct{ A [4]int }{}, "A: [4]int has no counterpart: use []int"},
		{struct{ I fmt.Stringer }{}, "I: fmt.Stringer has no counterpart"},
		{struct{ D time.Duration }{}, "D: time.Duration has no counterpart: use float64 or int with a unit"},
		{struct{ P **int }{}, "P: pointer to a pointer"},
		{new(struct{ N int }), "*struct { N int } has no counterpart: only fields are pointers, use struct { N int }"},
		{struct{ L []*int }{}, "L: elements cannot be pointers: only fields are optional"},
		{struct{ M map[string]*int }{}, "M: elements cannot be pointers: only fields are optional"},
		{struct{ M map[int]string }{}, "M: maps have string keys"},
		{struct{ R json.RawMessage }{}, "R: json.RawMessage would be bytes in base64: use wire.Value, or any"},
		{struct {
			P string `of.max:"3"`
		}{}, "P: string has no elements for of.max"},
		{struct {
			L []string `of.of.max:"3"`
		}{}, "L: element: string has no elements for of.of.max"},
		{struct{ L [][]chan int }{}, "L: element: element: chan int has no counterpart"},
		{struct {
			N struct{ M struct{ C chan int } }
		}{}, "N: M: C: chan int has no counterpart"},
		{embeds{}, "say: embedded fields are not described: give it a name"},
		{struct{ S stamp }{}, "S: codec.stamp has no exported fields"},
		{struct{ B big.Int }{}, "B: big.Int has no exported fields"},
		{struct{ Żółw int }{}, `Żółw: "Żółw" is no name of a field, [a-z][a-z0-9_]*`},
		{struct {
			A int `sabir:"Not"`
		}{}, `A: "Not" is no name of a field, [a-z][a-z0-9_]*`},
		{struct {
			A int `sabir:"x"`
			X int
		}{}, `X: "x" is there twice`},
		{struct {
			Pass string `sabir:",sensitive"`
		}{}, `Pass: tag sabir: "sensitive" after the name, where there is optional or nothing`},
		{struct {
			Pass string `sabir:",optional,sensitive"`
		}{}, `Pass: tag sabir: "optional,sensitive" after the name, where there is optional or nothing`},
		{struct {
			Pass string `sensitive:"yes"`
		}{}, `Pass: tag sensitive: expected true or false, not "yes"`},
		{tagged(`sensitive:true`), `Pass: tag sensitive:true: expected key:"value" and a space before the next`},
		{tagged(`min:"3",sensitive:"true"`), `Pass: tag min:"3",sensitive:"true": expected key:"value" and a space before the next`},
		{tagged(`sabir: "pass"`), `Pass: tag sabir: "pass": expected key:"value" and a space before the next`},
		{itself{}, "element: codec.itself contains itself, which only structs can"},
		{tree2{}, "element: element: codec.tree2 contains itself, which only structs can"},
		{page[int]{}, "Next: codec.page[int] contains itself and has no name to be described by"},
		{badCase(""), `codec.badCase: "Not OK" is no name of a case, [a-z][a-z0-9_]*, or there twice`},
		{twiceCase(""), `codec.twiceCase: "a" is no name of a case, [a-z][a-z0-9_]*, or there twice`},
		{unionCase{}, "A: the cases of a union are pointers to structs"},
		{unionTwice{}, `B: "x" is there twice`},
		{unionTyped{}, "A: the case of a union is a struct without a field named type"},
		{unionLate{}, "Union: embedded fields are not described: give it a name"},
		{struct {
			B bool `min:"1"`
		}{}, "B: bool has no bounds"},
		{struct {
			T time.Time `max:"1"`
		}{}, "T: time has no bounds"},
		{struct {
			I int `pattern:"a"`
		}{}, "I: int has no pattern"},
		{struct {
			I int `min:"x"`
		}{}, `I: "x" is no bound`},
		{struct {
			I int `min:"2" max:"1"`
		}{}, "I: min 2 is over max 1"},
		{struct {
			I int64 `max:"9007199254740992"`
		}{}, `I: "9007199254740992" is no bound`},
		{struct {
			F float64 `max:"NaN"`
		}{}, `F: "NaN" is no bound`},
		{struct {
			S string `pattern:"(a)"`
		}{}, `S: pattern "(a)": no groups, alternatives or anchors here at byte 0`},
		{struct {
			I int `default:"x"`
		}{}, `I: default "x": not strict JSON: expected a value at byte 0`},
		{struct {
			I int `max:"5" default:"6"`
		}{}, `I: default "6": at most 5, got 6`},
		{struct {
			C colour `example:"pink"`
		}{}, `C: example "pink": expected one of red, green, blue`},
	} {
		_, err := Of(reflect.TypeOf(test.sample))
		if want := fmt.Sprintf("type %T: %s", test.sample, test.want); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	defer func() {
		if got := fmt.Sprint(recover()); got != "sabir: type chan int: chan int has no counterpart" {
			t.Error(got)
		}
	}()
	For[chan int]()
}

// clause: D1, D2, T9
func TestDescription(t *testing.T) {
	type all struct {
		Name   string   `doc:"Who." min:"1" max:"32" pattern:"[a-z]*" default:"ann" example:"bob"`
		Wait   *float64 `min:"0" unit:"s" default:"2.5"`
		Tags   []string `sabir:"labels,optional" max:"3" example:"[\"a\"]"`
		Age    uint8    `deprecated:"Use born." since:"1.2"`
		Secret []byte   `sensitive:"true" example:"AQID"`
		Hidden int      `sabir:"-"`
		_      int
		Born   time.Time `example:"2026-11-23T10:00:00Z"`
		Wide   int64     `default:"5"`
		Shape  *shape
		Node   node
		Page   list[node]
		Colour colour
		Any    any
		Map    map[string][]int
	}
	fields, ok := For[all]().Fields()
	if !ok {
		t.Fatal("no struct")
	}
	var got strings.Builder
	for i := range fields {
		fmt.Fprintln(&got, fields[i].String())
	}
	For[all]().Named(true, func(n idl.NamedType, _ reflect.Type) { fmt.Fprintf(&got, "type %s %s\n", n.Name, n.Type.String()) })
	const want = `name: string(pattern="[a-z]*", min=1, max=32, default="ann", example="bob")
wait: ?float(min=0, default=2.5, unit="s")
labels: ?[string](max=3, example=["a"])
age: int(min=0, max=255, deprecated="Use born.", since="1.2")
secret: bytes(example="AQID", sensitive)
born: time(example="2026-11-23T10:00:00Z")
wide: int64(default=5)
shape: ?Shape
node: Node
page: { items: [Node] }
colour: Colour
any: any
map: {[int]}
type Shape union(
	// Round.
	circle: Circle,
	box: { width: int, height: int },
)
type Circle { radius: float }
type Node { name: string, left: ?Node, kids: ?[Node], other: {Node} }
type Colour enum(
	red,
	// Go.
	green,
	blue,
)
`
	if got.String() != want {
		t.Errorf("%s\nwant\n%s", got.String(), want)
	}
	if fields[0].Doc != "Who." {
		t.Error(fields[0].Doc)
	}
	cases := map[string]string{}
	For[all]().Named(true, func(n idl.NamedType, _ reflect.Type) {
		for _, c := range n.Type.Options {
			cases[c.Name] = c.Doc
		}
	})
	if cases["green"] != "Go." || cases["red"] != "" || cases["circle"] != "Round." {
		t.Error(cases)
	}
	// A list that leads back to itself by way of a struct is described from both ends.
	for _, c := range []*Codec{For[forest](), For[trees]()} {
		var v any
		faults := c.Decode(wire.Value{Raw: []byte(`{}`)}, reflect.New(c.plan.typ).Interface(), Strict)
		c.Named(false, func(n idl.NamedType, _ reflect.Type) { v = n.Type.String() })
		if v != "{ trees: [Forest] }" || len(faults) != 1 {
			t.Error(v, faults)
		}
	}
	if _, faults := decode[trees](t, `[{"trees":[{"trees":[]}]}]`, Strict); faults != nil {
		t.Error(faults)
	}
}

// A description is made of Sabir's own types, so it passes its own rules.
//
// clause: D1
func TestTreeOfTrees(t *testing.T) {
	desc := idl.Type{Kind: idl.List, Of: &idl.Type{Kind: idl.Named, Name: "Node"}}
	b, err := For[idl.Type]().Append(nil, wire.JSON, &desc)
	if err != nil || string(b) != `{"kind":"list","of":{"kind":"named","name":"Node"}}` {
		t.Errorf("%s %v", b, err)
	}
	var back idl.Type
	if faults := For[idl.Type]().Decode(wire.Value{Raw: b}, &back, Strict); faults != nil || !reflect.DeepEqual(back, desc) {
		t.Error(back, faults)
	}
	if faults := For[idl.Service]().Decode(wire.Value{Raw: []byte(`{"name":"a","version":"1","members":[{"kind":"gauge","name":"g","params":[],"new":{}}],"types":[],"errors":[]}`)},
		new(idl.Service), Lenient); faults != nil { // spec [D3]
		t.Error(faults)
	}
}

// clause: T1, T2, T3, T4, C3
func TestAppend(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string // an error starts with !
	}{
		{true, "true"}, {int8(-5), "-5"},
		{uint64(1<<64 - 1), `"18446744073709551615"`}, {1.0, "1.0"}, {float32(0.1), "0.10000000149011612"}, {1e300, "1e+300"},
		{"a\"\n", `"a\"\n"`}, {"\xff", "!string is not UTF-8"}, {[]byte{1, 2}, `"AQI="`}, {[]byte(nil), `""`}, {[]int(nil), "[]"}, {map[string]int(nil), "{}"},
		{map[string]int{"b": 1, "a": 2, "": 3}, `{"":3,"a":2,"b":1}`}, {map[colour]bool{"red": true}, `{"red":true}`}, {map[string]int{"\xff": 1}, `!key "\xff" is not UTF-8`},
		{time.Date(2026, 11, 23, 11, 0, 0, 5e8, time.FixedZone("", 3600)), `"2026-11-23T10:00:00.5Z"`}, {time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600)), "!year 10000 beyond 1 to 9999"},
		{time.Time{}, `"0001-01-01T00:00:00Z"`}, {nil, "null"}, {[]any{nil, int64(1), 2, 1.0, "x", []byte("a"), map[string]any{"k": []string{"v"}}}, `[null,1,2,1.0,"x","YQ==",{"k":["v"]}]`},
		{map[string]any{"a": []any{int64(1) << 60}}, "!a: [0]: integer 1152921504606846976 beyond ±(2^53-1)"},
		{wire.Value{}, "null"}, {wire.Value{Raw: []byte("[1]")}, "[1]"}, {shape{}, "!union without a case"}, {shape{Circle: &circle{2}}, `{"type":"circle","radius":2.0}`},
		{say{Room: "r", Text: "t"}, `{"room":"r","text":"t"}`}, {say{Tags: []string{}, Wait: new(int)}, `{"room":"","text":"","labels":[],"wait":0}`},
		{[]say{{}, {Room: "\xff"}}, "![1]: room: string is not UTF-8"}, {map[string]say{"k": {Text: "\xff"}}, `!["k"]: text: string is not UTF-8`}, {make(chan int), "!type chan int: chan int has no counterpart"},
	} {
		for _, enc := range encodings {
			b, err := AppendAny([]byte("x"), enc, test.value)
			got := "!" + fmt.Sprint(err)
			if err == nil {
				check(t, enc, b[1:])
				text, err := (wire.Value{Enc: enc, Raw: b[1:]}).Append(nil, wire.JSON)
				if got = string(text); err != nil || enc == wire.JSON && !json.Valid(text) {
					t.Errorf("%v: %s %v", test.value, text, err)
				}
			}
			if got != test.want {
				t.Errorf("%v in %v: %s, want %s", test.value, enc, got, test.want)
			}
		}
	}
	if b, err := For[say]().Append([]byte("x"), wire.JSON, &say{Room: "r", Text: "\xff"}); err == nil || string(b) != "x" {
		t.Errorf("%s %v", b, err)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"room", "text", "labels", "x"}
	for word, want := range map[string]string{
		"room": "room", "Room": "room", "ROOM": "room", "rom": "room", "roomm": "room", "orom": "room", "tx": "x", "txt": "text", "label": "labels", "lbls": "", "y": "", "X": "",
		"colour": "", "": "", strings.Repeat("room", 20): "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
