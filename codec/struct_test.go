package codec

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/wire"
)

type say struct {
	Room string
	Text string   `min:"1"`
	Tags []string `sabir:"labels,optional"`
	Wait *int     `min:"0"`
}

// clause: M4, M8, T5, T8, E5
func TestStruct(t *testing.T) {
	rows[say](t, Strict,
		row{`{"room":"dev","text":"hi"}`, "{Room:dev Text:hi Tags:[] Wait:<nil>}"},
		row{`{"labels":null,"wait":null,"text":"hi","room":"dev"}`, "{Room:dev Text:hi Tags:[] Wait:<nil>}"},
		row{`{"labels":["a"],"text":"hi","room":"dev"}`, "{Room:dev Text:hi Tags:[a] Wait:<nil>}"},
		row{`{}`, "room: required\ntext: required"},
		row{`{"room":null,"text":"hi"}`, "room: null, expected a string"},
		row{`{"room":"dev","text":""}`, "text: at least 1 character, got 0"},
		row{`{"room":"dev","text":"hi","wait":-1}`, "wait: at least 0, got -1"},
		row{`{"room":"dev","txet":"hi"}`, "txet: unknown, did you mean text?\ntext: required"},
		row{`{"Room":"dev","text":"hi","tags":[]}`, "Room: unknown, did you mean room?\ntags: unknown\nroom: required"},
		row{`{"room":"dev","text":"hi","colour":1}`, "colour: unknown"},
		row{`{"room":"dev","text":"hi","":1,"a b":2,"room\u0000":3,"x":4}`, `[""]: unknown` + "\n" + `["a b"]: unknown` + "\n" + `["room\u0000"]: unknown, did you mean room?` + "\nx: unknown"},
		row{`{"room":"dev","text":"hi","tex\u017f":1}`, `["texſ"]: unknown`},
		row{`[]`, "expected an object, got a list"}, row{`null`, "null, expected an object"})
	rows[say](t, Lenient,
		row{`{"room":"dev","text":"hi","colour":[{"a":1}],"Text":2}`, "{Room:dev Text:hi Tags:[] Wait:<nil>}"},
		row{`{"room":"dev","colour":1}`, "text: required"}, row{`{"room":1,"text":""}`, "room: expected a string, got a number\ntext: at least 1 character, got 0"})
	rows[[]map[string]say](t, Strict, row{`[{},{"a":{"room":"r","text":"t","labels":["x",2]},"b c":{"room":{}}}]`,
		"[1].a.labels[1]: expected a string, got a number\n" + `[1]["b c"].room: expected a string, got an object` + "\n" + `[1]["b c"].text: required`})
	if v, faults := (wire.Value{}), For[say]().Decode(wire.Value{}, new(say), Strict); lines(faults) != "room: required\ntext: required\n" {
		t.Error(v, faults)
	}
	v := say{Room: "kept"}
	For[say]().Decode(wire.Value{Enc: wire.JSON, Raw: []byte(`{"text":"x","room":"new","wait":5}`)}, &v, Strict)
	if v.Room != "new" || *v.Wait != 5 {
		t.Error(v)
	}
}

// clause: M8
func TestEightFaults(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, `"field_%d":%d,`, i, i)
	}
	_, faults := decode[say](t, "{"+b.String()+`"room":1}`, Strict)
	if len(faults) != MaxFaults || faults[7].String() != "field_7: unknown" {
		t.Error(faults)
	}
	_, faults = decode[[]int](t, "["+strings.Repeat("null,", 50)+"null]", Strict)
	if len(faults) != MaxFaults || faults[7].String() != "[7]: null, expected an integer" {
		t.Error(faults)
	}
	// Ten thousand faults cost no more than what they are written with.
	long := "{" + strings.Repeat(`"`+strings.Repeat("x", 60)+`%d":0,`, 10_000) + `"z":0}`
	args := make([]any, 10_000)
	for i := range args {
		args[i] = i
	}
	raw := []byte(fmt.Sprintf(long, args...))
	start := time.Now()
	if faults := For[every]().Decode(wire.Value{Raw: raw}, new(every), Strict); len(faults) != MaxFaults || time.Since(start) > time.Second {
		t.Error(len(faults), time.Since(start))
	}
}

// clause: T8
func TestUnion(t *testing.T) {
	show := func(s *shape) string {
		switch {
		case s.Circle != nil:
			return fmt.Sprintf("circle %+v", *s.Circle)
		case s.Box != nil:
			return fmt.Sprintf("box %+v", *s.Box)
		}
		return fmt.Sprintf("other %s %s", s.Other, s.Body.Raw)
	}
	for _, test := range []struct {
		in    string
		rules Rules
		want  string
	}{
		{`{"type":"circle","radius":1.5}`, Strict, "circle {Radius:1.5}"},
		{`{"width":1,"height":2,"type":"box"}`, Strict, "box {Width:1 Height:2}"},
		{`{"type":"circle"}`, Strict, "radius: required\n"},
		{`{"type":"circle","radius":1,"width":1}`, Strict, "width: unknown\n"},
		{`{"type":"Circle","radius":1}`, Strict, "type: expected one of circle, box\n"},
		{`{"type":"","radius":1}`, Strict, "type: expected one of circle, box\n"},
		{`{"type":null}`, Strict, "type: expected one of circle, box\n"},
		{`{"type":{"a":["circle"]}}`, Strict, "type: expected one of circle, box\n"},
		{`{}`, Strict, "type: expected one of circle, box\n"},
		{`{"radius":1}`, Lenient, "type: expected one of circle, box\n"},
		{`"circle"`, Strict, "expected an object, got a string\n"},
		{`{"type":"blob","n":[1]}`, Lenient, `other blob {"type":"blob","n":[1]}`},
		{`{"type":"circle","radius":1,"new":1}`, Lenient, "circle {Radius:1}"},
	} {
		v, faults := decode[shape](t, test.in, test.rules)
		got := lines(faults)
		if faults == nil {
			got = show(&v)
			for _, enc := range encodings {
				var w shape
				b, err := For[shape]().Append(nil, enc, &v)
				if err != nil {
					t.Fatal(err)
				}
				check(t, enc, b)
				if faults := For[shape]().Decode(wire.Value{Enc: enc, Raw: b}, &w, Lenient); faults != nil || enc == wire.JSON && show(&w) != got {
					t.Errorf("%s was written as %s: %v", test.in, b, faults)
				}
			}
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.in, got, test.want)
		}
	}
	v := shape{Circle: &circle{}}
	if For[shape]().Decode(wire.Value{Raw: []byte(`{"type":"box","width":1,"height":2}`)}, &v, Strict); v.Circle != nil || v.Box == nil {
		t.Error("the case before is left")
	}
}

func TestRecursive(t *testing.T) {
	text := `{"name":"a","left":{"name":"b","other":{}},"kids":[{"name":"c","other":{"x":{"name":"d","other":{}}}}],"other":{}}`
	v, faults := decode[node](t, text, Strict)
	if b, err := For[node]().Append(nil, wire.JSON, &v); faults != nil || err != nil || string(b) != text {
		t.Errorf("%s %v %v", b, faults, err)
	}
	rows[node](t, Strict, row{`{"name":"a","left":{"kids":[{"other":{"x y":{"name":1}}}]},"other":{}}`,
		`left.kids[0].other["x y"].name: expected a string, got a number` + "\n" + `left.kids[0].other["x y"].other: required` +
			"\nleft.kids[0].name: required\nleft.name: required\nleft.other: required"})
}

// clause: B4
func TestBudget(t *testing.T) {
	const want = "takes more than 64 MiB of memory"
	many := func(e string) []byte { return []byte("[" + strings.Repeat(e+",", 8<<20/(len(e)+1)) + e + "]") }
	// Of lists that each go the quick way, in CBOR, where an empty text is a byte.
	texts := append([]byte{0x99, 4000 >> 8, 4000 & 0xFF}, bytes.Repeat([]byte{0x60}, 4000)...)
	lists := append([]byte{0x99, 2000 >> 8, 2000 & 0xFF}, bytes.Repeat(texts, 2000)...)
	for _, test := range []struct {
		raw  []byte
		into any
	}{
		{lists, new([][]string)},
		{many("{}"), new([]struct {
			A, B, C, D, E, F, G, H *string
		})},
		{many("{}"), new([]map[string]int)},
		{many("{}"), new(any)},
		{many(`""`), new(any)},
		{many(`{"type":"w"}`), new([]wideUnion)},
		{many(`{"w":{}}`), new([]widePointer)},
	} {
		c, err := Of(reflect.TypeOf(test.into).Elem())
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		enc := wire.JSON
		if test.raw[0] != '[' {
			enc = wire.CBOR
		}
		faults := c.Decode(wire.Value{Enc: enc, Raw: test.raw}, test.into, Strict)
		runtime.ReadMemStats(&after)
		if len(faults) == 0 || !strings.HasSuffix(faults[0].Reason, want) {
			t.Errorf("%T: %v", test.into, faults)
		}
		// What is thrown away while a list or a map grows comes on top.
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 3*64 {
			t.Errorf("%T: %d MiB were allocated", test.into, n)
		} else {
			t.Logf("%T: %d MiB", test.into, n)
		}
	}
	// What fits is decoded.
	var v []struct{ A *string }
	if faults := For[[]struct{ A *string }]().Decode(wire.Value{Raw: many("{}")}, &v, Strict); faults != nil || len(v) < 2<<20 {
		t.Error(faults, len(v))
	}
}

type wide struct {
	A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P string `sabir:",optional"`
}

type wideUnion struct {
	Union
	W *wide
}

type widePointer struct{ W *wide }

func TestManyFields(t *testing.T) {
	fields := func(n int) reflect.Type {
		list := make([]reflect.StructField, n)
		for i := range list {
			list[i] = reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[int]()}
		}
		return reflect.StructOf(list)
	}
	if _, err := Of(fields(257)); err == nil || !strings.HasSuffix(err.Error(), "more than 256 fields") {
		t.Error(err)
	}
	c, err := Of(fields(256))
	if err != nil {
		t.Fatal(err)
	}
	v := reflect.New(fields(256)).Elem()
	v.Field(255).SetInt(7)
	b, err := c.AppendFrom(nil, wire.CBOR, v)
	if err != nil {
		t.Fatal(err)
	}
	w := reflect.New(fields(256)).Elem()
	if faults := c.DecodeTo(wire.Value{Enc: wire.CBOR, Raw: b}, w, Strict); faults != nil || w.Field(255).Int() != 7 {
		t.Error(faults)
	}
	if faults := c.DecodeTo(wire.Value{Raw: []byte(`{"f255":1}`)}, w, Strict); len(faults) != 8 || faults[0].String() != "f0: required" {
		t.Error(faults)
	}
	if faults := c.DecodeTo(wire.Value{Raw: []byte(strings.Replace(jsonOf(t, c, w), `"f200":0,`, "", 1))}, w, Strict); lines(faults) != "f200: required\n" {
		t.Error(faults)
	}
}

func jsonOf(t *testing.T, c *Codec, v reflect.Value) string {
	t.Helper()
	b, err := c.AppendFrom(nil, wire.JSON, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fewest counts the allocations of f in the best of many runs: the race detector
// and the collector take things out of pools at random.
func fewest(f func()) float64 {
	n := testing.AllocsPerRun(1, f)
	for range 100 {
		n = min(n, testing.AllocsPerRun(1, f))
	}
	return n
}

func TestAllocations(t *testing.T) {
	c := For[track]()
	for i, enc := range encodings {
		raw, _ := c.Append(nil, enc, &aTrack)
		var into track
		if n := fewest(func() { c.Decode(wire.Value{Enc: enc, Raw: raw}, &into, Strict) }); n > 6 { // five strings and the list
			t.Errorf("%v: %v allocations to decode", enc, n)
		}
		if n := fewest(func() { raw, _ = c.Append(raw[:0], enc, &aTrack) }); n != 0 {
			t.Errorf("%v: %v allocations to write", encodings[i], n)
		}
	}
	type flat struct {
		I int
		F float64
		B bool
		T time.Time
	}
	plain := For[flat]()
	raw := []byte(`{"i":1,"f":2.5,"b":true,"t":"2026-11-23T10:00:00Z"}`)
	var into flat
	if n := fewest(func() { plain.Decode(wire.Value{Raw: raw}, &into, Strict) }); n != 0 {
		t.Errorf("%v allocations to decode what has no text", n)
	}
}
