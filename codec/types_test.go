package codec

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/wire"
)

// row is a value as it comes, and what it becomes: shown as Go would, or the
// faults, one a line.
type row struct{ in, want string }

func rows[T any](t *testing.T, rules Rules, list ...row) {
	t.Helper()
	for _, r := range list {
		v, faults := decode[T](t, r.in, rules)
		got := strings.TrimSuffix(lines(faults), "\n")
		if faults == nil {
			got = fmt.Sprintf("%+v", v)
		}
		if got != r.want {
			t.Errorf("%T %s:\n%s\nwant\n%s", v, r.in, got, r.want)
		}
	}
}

// clause: T1, T5
func TestScalars(t *testing.T) {
	rows[bool](t, Strict,
		row{"true", "true"}, row{"false", "false"}, row{"1", "expected true or false, got a number"},
		row{`"true"`, "expected true or false, got a string"}, row{"null", "null, expected true or false"})
	rows[int](t, Strict,
		row{"0", "0"}, row{"-0", "0"}, row{"2.0", "2"}, row{"1e3", "1000"}, row{"-1.5e1", "-15"}, row{"-0.0", "0"},
		row{"9007199254740991", "9007199254740991"}, row{"-9007199254740991", "-9007199254740991"}, row{"9007199254740991.0", "9007199254740991"},
		row{"9007199254740992", "expected an integer within ±(2^53-1)"}, row{"-9007199254740992", "expected an integer within ±(2^53-1)"},
		row{"9007199254740992.0", "expected an integer within ±(2^53-1)"}, row{"1e400", "expected an integer within ±(2^53-1)"},
		row{"-1e400", "expected an integer within ±(2^53-1)"}, row{"123456789012345678901234567890", "expected an integer within ±(2^53-1)"},
		row{"1.5", "expected an integer within ±(2^53-1)"}, row{"1e-1", "expected an integer within ±(2^53-1)"},
		row{`"1"`, "expected an integer, got a string"}, row{"null", "null, expected an integer"}, row{"[1]", "expected an integer, got a list"})
	rows[float64](t, Strict,
		row{"0.5", "0.5"}, row{"1", "1"}, row{"-0.0", "-0"}, row{"-0", "0"}, row{"1.7976931348623157e308", "1.7976931348623157e+308"}, row{"1e-400", "0"},
		row{"9007199254740992.0", "9.007199254740992e+15"}, row{"9007199254740992", "number out of range"}, row{"1e400", "number out of range"},
		row{`"1.5"`, "expected a number, got a string"}, row{"true", "expected a number, got a boolean"}, row{"{}", "expected a number, got an object"})
	rows[float32](t, Strict,
		row{"0.5", "0.5"}, row{"3.4028234e38", "3.4028235e+38"}, row{"1e39", "number out of range"}, row{"-1e39", "number out of range"})
	rows[string](t, Strict,
		row{`"żółw"`, "żółw"}, row{`"\u0000"`, "\x00"}, row{`""`, ""}, row{"1", "expected a string, got a number"}, row{"null", "null, expected a string"})
}

// Go's smaller integers bring their bounds along.
//
// clause: T1, T6
func TestSmallIntegers(t *testing.T) {
	rows[int8](t, Strict, row{"127", "127"}, row{"-128", "-128"}, row{"128", "at most 127, got 128"}, row{"-129", "at least -128, got -129"}, row{"1e3", "at most 127, got 1000"})
	rows[int16](t, Strict, row{"32767", "32767"}, row{"-32768", "-32768"}, row{"32768", "at most 32767, got 32768"}, row{"-32769", "at least -32768, got -32769"})
	rows[int32](t, Strict, row{"2147483647", "2147483647"}, row{"-2147483648", "-2147483648"}, row{"2147483648", "at most 2147483647, got 2147483648"})
	rows[uint8](t, Strict, row{"255", "255"}, row{"0", "0"}, row{"256", "at most 255, got 256"}, row{"-1", "at least 0, got -1"})
	rows[uint16](t, Strict, row{"65535", "65535"}, row{"65536", "at most 65535, got 65536"}, row{"-1", "at least 0, got -1"})
	rows[uint32](t, Strict, row{"4294967295", "4294967295"}, row{"4294967296", "at most 4294967295, got 4294967296"}, row{"-1", "at least 0, got -1"})
	rows[uint](t, Strict, row{"9007199254740991", "9007199254740991"}, row{"-1", "at least 0, got -1"}, row{"9007199254740992", "expected an integer within ±(2^53-1)"})
}

// clause: T1, T2, C3
func TestWideIntegers(t *testing.T) {
	const bad = "expected a whole number of 64 bits as text"
	rows[int64](t, Strict,
		row{`"0"`, "0"}, row{`"-5"`, "-5"}, row{`"9223372036854775807"`, "9223372036854775807"}, row{`"-9223372036854775808"`, "-9223372036854775808"},
		row{"5", "5"}, row{"2.0", "2"}, row{"9007199254740991", "9007199254740991"},
		row{"9007199254740992", bad}, row{"1.5", bad}, row{`"9223372036854775808"`, bad}, row{`"-9223372036854775809"`, bad},
		row{`""`, bad}, row{`"-"`, bad}, row{`"+5"`, bad}, row{`"05"`, bad}, row{`"-05"`, bad}, row{`"00"`, bad}, row{`"-0"`, bad}, row{`" 5"`, bad}, row{`"5 "`, bad},
		row{`"1_0"`, bad}, row{`"0x1"`, bad}, row{`"1e3"`, bad}, row{`"5.0"`, bad}, row{`"٥"`, bad},
		row{"true", bad + ", got a boolean"}, row{"null", "null, " + bad})
	rows[uint64](t, Strict,
		row{`"18446744073709551615"`, "18446744073709551615"}, row{`"0"`, "0"}, row{"7", "7"}, row{"7.0", "7"},
		row{`"18446744073709551616"`, bad}, row{`"-5"`, bad}, row{"-5", "at least 0, got -5"}, row{`"-0"`, bad})
}

// clause: T3, C3, T6
func TestBytes(t *testing.T) {
	rows[[]byte](t, Strict,
		row{`"AQID"`, "[1 2 3]"}, row{`""`, "[]"}, row{`"AQ"`, "expected base64 text"}, row{`"AR=="`, "expected base64 text"}, row{`"-_8="`, "expected base64 text"},
		row{`"AQ\n=="`, "expected base64 text"}, row{`" AQID"`, "expected base64 text"}, row{"[1]", "expected base64 text, got a list"}, row{"null", "null, expected base64 text"})
	rows[struct {
		B []byte `min:"2" max:"3"`
	}](t, Strict, row{`{"b":"AQID"}`, "{B:[1 2 3]}"}, row{`{"b":"AQ=="}`, "b: at least 2 bytes, got 1"}, row{`{"b":"AQIDBA=="}`, "b: at most 3 bytes, got 4"})
	// Only CBOR has bytes as such.
	for _, raw := range []string{"\xd6\x43\x01\x02\x03", "\x43\x01\x02\x03", "\x64AQID"} {
		var b []byte
		if faults := For[[]byte]().Decode(wire.Value{Enc: wire.CBOR, Raw: []byte(raw)}, &b, Strict); faults != nil || string(b) != "\x01\x02\x03" {
			t.Errorf("%x: %v %v", raw, b, faults)
		}
	}
	var s string
	if faults := For[string]().Decode(wire.Value{Enc: wire.CBOR, Raw: []byte("\x41a")}, &s, Strict); lines(faults) != "expected a string, got bytes\n" {
		t.Error(faults)
	}
}

// clause: T4
func TestTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-23T10:00:00Z": "2026-11-23T10:00:00Z", "2026-11-23T10:00:00.5Z": "2026-11-23T10:00:00.5Z",
		"2026-11-23T10:00:00.123456789Z": "2026-11-23T10:00:00.123456789Z", "2026-11-23T10:00:00.500Z": "2026-11-23T10:00:00.5Z",
		"0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z": "9999-12-31T23:59:59.999999999Z", "2024-02-29T00:00:00Z": "2024-02-29T00:00:00Z",
	} {
		v, faults := decode[time.Time](t, `"`+in+`"`, Strict)
		b, err := For[time.Time]().Append(nil, wire.JSON, &v)
		if faults != nil || err != nil || string(b) != `"`+want+`"` || v.Location() != time.UTC {
			t.Errorf("%s: %v %s %v %v", in, faults, b, err, v.Location())
		}
	}
	const bad = `expected a time in UTC like "2026-11-23T10:00:00Z"`
	for _, in := range []string{
		"", "now", "2026-11-23", "2026-11-23T10:00:00", "2026-11-23T10:00:00+00:00", "2026-11-23T10:00:00+01:00", "2026-11-23T10:00:00-00:00", "2026-11-23T10:00Z",
		"2026-11-23T10:00:60Z", "2016-12-31T23:59:60Z", "2026-11-23T24:00:00Z", "2026-11-23T10:60:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-11-23T10:00:00.Z",
		"2026-11-23T10:00:00.1234567890Z", "2026-11-23T10:00:00,5Z", "2026-11-23t10:00:00Z", "2026-11-23T10:00:00z", "2026-11-23 10:00:00Z", " 2026-11-23T10:00:00Z",
		"2026-11-23T10:00:00Z ", "2026-1-23T10:00:00.0Z", "+026-11-23T10:00:00Z", "2026-11-23T-1:00:00Z", "2026-11-23T10:00:00.-5Z", "2026/11/23T10:00:00Z",
	} {
		rows[time.Time](t, Strict, row{`"` + in + `"`, bad})
	}
	rows[time.Time](t, Strict, row{"0", "expected a time as text, got a number"}, row{"null", "null, expected a time as text"})
}

// clause: T5, T10
func TestAny(t *testing.T) {
	rows[any](t, Strict,
		row{"null", "<nil>"}, row{"1", "1"}, row{"1.0", "1"}, row{`"x"`, "x"}, row{"[]", "[]"}, row{`{"b":[1,null],"a":{}}`, "map[a:map[] b:[1 <nil>]]"},
		row{`{"__proto__":{"constructor":1}}`, "map[__proto__:map[constructor:1]]"},
		row{"9007199254740992", "number out of range"}, row{`{"a":[0,1e400]}`, "a[1]: number out of range"}, row{`{"a b":{"":-9007199254740992}}`, `["a b"][""]: number out of range`})
	for in, want := range map[string]string{"1": "int64", "1.0": "float64", "1e2": "float64", `"x"`: "string", "true": "bool", "[]": "[]interface {}", "{}": "map[string]interface {}"} {
		v, faults := decode[any](t, in, Strict)
		if faults != nil || fmt.Sprintf("%T", v) != want {
			t.Errorf("%s: %T %v", in, v, faults)
		}
	}
	var v any
	if faults := For[any]().Decode(wire.Value{Enc: wire.CBOR, Raw: []byte("\xd6\x41a")}, &v, Strict); faults != nil || fmt.Sprintf("%T %s", v, v) != "[]uint8 a" {
		t.Errorf("%T %v", v, faults)
	}
	// As raw bytes it is kept as it came, once it is known to be in range.
	rows[struct{ V wire.Value }](t, Strict,
		row{`{"v":[1,9007199254740992,{"a":1e999}]}`, "v[1]: number out of range\nv[2].a: number out of range"})
	raw, faults := decode[struct{ V wire.Value }](t, `{"v": [1, 2.50] }`, Strict)
	if faults != nil || string(raw.V.Raw) != "[1, 2.50]" {
		t.Errorf("%s %v", raw.V.Raw, faults)
	}
}

// clause: T5, T6
func TestListsAndMaps(t *testing.T) {
	rows[[]int](t, Strict, row{"[]", "[]"}, row{"[1,2,3,4,5,6,7,8,9]", "[1 2 3 4 5 6 7 8 9]"},
		row{"[1,null,2.5,\"x\"]", "[1]: null, expected an integer\n[2]: expected an integer within ±(2^53-1)\n[3]: expected an integer, got a string"},
		row{"{}", "expected a list, got an object"}, row{"null", "null, expected a list"})
	rows[[][]string](t, Strict, row{`[["a"],[],["b",1]]`, "[2][1]: expected a string, got a number"})
	rows[map[string]int](t, Strict, row{"{}", "map[]"}, row{`{"__proto__":1,"constructor":2,"":3,"A b":4}`, "map[:3 A b:4 __proto__:1 constructor:2]"},
		row{`{"a":null,"B":"x"}`, "a: null, expected an integer\nB: expected an integer, got a string"}, row{"[]", "expected an object, got a list"})
	type bounded struct {
		L []int          `min:"1" max:"2"`
		M map[string]int `min:"1" max:"2"`
		S string         `min:"2" max:"3"`
		I int            `min:"-1" max:"1"`
		F float64        `min:"-0.5" max:"0.5"`
		W int64          `min:"0" max:"10"`
	}
	rows[bounded](t, Strict,
		row{`{"l":[1],"m":{"a":1},"s":"żó","i":1,"f":0.5,"w":"10"}`, "{L:[1] M:map[a:1] S:żó I:1 F:0.5 W:10}"},
		row{`{"l":[1,2],"m":{"a":1,"b":2},"s":"😀😀😀","i":-1,"f":-0.5,"w":0}`, "{L:[1 2] M:map[a:1 b:2] S:😀😀😀 I:-1 F:-0.5 W:0}"},
		row{`{"l":[],"m":{},"s":"ż","i":-2,"f":-0.75,"w":"-1"}`, "l: at least 1 element, got 0\nm: at least 1 member, got 0\ns: at least 2 characters, got 1\n" +
			"i: at least -1, got -2\nf: at least -0.5, got -0.75\nw: at least 0, got -1"},
		row{`{"l":[1,2,3],"m":{"a":1,"b":2,"c":3},"s":"😀😀😀😀","i":2,"f":0.75,"w":"11"}`, "l: at most 2 elements, got 3\nm: at most 2 members, got 3\ns: at most 3 characters, got 4\n" +
			"i: at most 1, got 2\nf: at most 0.5, got 0.75\nw: at most 10, got 11"})
}

// clause: T7
func TestPattern(t *testing.T) {
	rows[struct {
		Room string `pattern:"[a-z0-9-]{1,8}" max:"4"`
	}](t, Strict, row{`{"room":"dev"}`, "{Room:dev}"}, row{`{"room":"Dev"}`, "room: does not match [a-z0-9-]{1,8}"}, row{`{"room":"dev\n"}`, "room: does not match [a-z0-9-]{1,8}"},
		row{`{"room":"develop"}`, "room: at most 4 characters, got 7"})
}

// clause: T8
func TestEnum(t *testing.T) {
	rows[colour](t, Strict, row{`"red"`, "red"}, row{`"Red"`, "expected one of red, green, blue"}, row{`"pink"`, "expected one of red, green, blue"},
		row{"1", "expected one of red, green, blue, got a number"}, row{"null", "null, expected one of red, green, blue"})
	rows[colour](t, Lenient, row{`"red"`, "red"}, row{`"pink"`, "pink"}, row{"1", "expected one of red, green, blue, got a number"})
}

// The zero value of an enum is no case of it in any version, and whoever sends it is told where.
// clause: T8
func TestEnumWritten(t *testing.T) {
	type leaf struct {
		Colour colour
		Maybe  *colour
		Rather colour `sabir:",optional"`
	}
	type tree struct{ Leaves []leaf }
	for in, want := range map[colour]string{
		"red": "", "pink": "", // pink may be one of the next version
		"": `leaves: [1]: colour: "", expected one of red, green, blue`, "Red": `leaves: [1]: colour: "Red", expected one of red, green, blue`,
	} {
		for _, enc := range []wire.Encoding{wire.JSON, wire.CBOR} {
			_, err := For[tree]().Append(nil, enc, &tree{[]leaf{{Colour: "red"}, {Colour: in}}})
			if got := fmt.Sprint(err); err == nil && want != "" || err != nil && got != want {
				t.Errorf("%q: %v", in, err)
			}
		}
	}
}

// A value that is bytes already may be anything: what is not strict is told and not sent,
// and line ends, of which a message has one, are blanks.
// clause: M14
func TestRawWritten(t *testing.T) {
	type holder struct{ Value wire.Value }
	for in, want := range map[string]string{
		"{\n  \"a\": [1,\r\n 2]\n}\n": `{"value":{   "a": [1,   2] } }`,
		`"a\nb"`:                      `{"value":"a\nb"}`,
		"garbage":                     "value: not strict JSON: expected a value at byte 0",
		`{"a":1`:                      "value: not strict JSON: unexpected end of an object at byte 6",
		`1}`:                          "value: not strict JSON: data after the value at byte 1",
		`{"a":1,"a":2}`:               "value: not strict JSON: key occurs twice at byte 7",
	} {
		for _, v := range []any{&holder{wire.Value{Raw: []byte(in)}}, &struct{ Value any }{wire.Value{Raw: []byte(in)}}} {
			c, err := Of(reflect.TypeOf(v).Elem())
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Append(nil, wire.JSON, v)
			if err != nil {
				got = []byte(err.Error())
			}
			if string(got) != want {
				t.Errorf("%q: %s, want %s", in, got, want)
			}
			if _, inCBOR := c.Append(nil, wire.CBOR, v); (inCBOR == nil) != (err == nil) {
				t.Errorf("%q in CBOR: %v", in, inCBOR)
			}
		}
	}
	for _, bad := range []string{"", "\xff", "\x82\x01", "\xa2\x61a\x01\x61a\x01"} {
		v := holder{wire.Value{Enc: wire.CBOR, Raw: []byte(bad)}}
		if _, err := For[holder]().Append(nil, wire.JSON, &v); (err == nil) != (bad == "") {
			t.Errorf("CBOR %x: %v", bad, err)
		}
	}
}
