package main

import (
	"errors"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

var testService = &idl.Service{
	Name: "test",
	Types: []idl.NamedType{
		{Name: "Point", Type: idl.Type{Kind: idl.Struct, Fields: []idl.Field{{Name: "x", Type: idl.Type{Kind: idl.Int}}}}},
		{Name: "Loop", Type: idl.Type{Kind: idl.Named, Name: "Loop"}},
		{Name: "Colour", Type: idl.Type{Kind: idl.Enum, Options: []idl.Case{{Name: "red"}}}},
	},
}

func testConverter() converter {
	return converter{
		service: testService,
		now:     func() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 5, time.UTC) },
		readFile: func(name string) ([]byte, error) {
			if name == "bad" {
				return []byte{0xFF}, nil
			}
			return []byte("content of " + name), nil
		},
	}
}

func listOf(k idl.Kind) idl.Type { return idl.Type{Kind: idl.List, Of: &idl.Type{Kind: k}} }

func TestConvert(t *testing.T) {
	point := idl.Type{Kind: idl.Named, Name: "Point"}
	for _, c := range []struct {
		typ        idl.Type
		text, want string // want empty: refused
	}{
		{idl.Type{Kind: idl.Bool}, "true", `true`},
		{idl.Type{Kind: idl.Bool}, "1", ``},
		{idl.Type{Kind: idl.Int}, "3", `3`},
		{idl.Type{Kind: idl.Int}, "+007", `7`},
		{idl.Type{Kind: idl.Int}, "3.0", ``},
		{idl.Type{Kind: idl.Int}, "", ``},
		{idl.Type{Kind: idl.Int}, "9007199254740991", `9007199254740991`},
		{idl.Type{Kind: idl.Int}, "-9007199254740992", ``},
		{idl.Type{Kind: idl.Int64}, "-9223372036854775808", `"-9223372036854775808"`},
		{idl.Type{Kind: idl.Int64}, "9223372036854775808", ``},
		{idl.Type{Kind: idl.Uint64}, "18446744073709551615", `"18446744073709551615"`},
		{idl.Type{Kind: idl.Uint64}, "-1", ``},
		{idl.Type{Kind: idl.Float}, "2.5", `2.5`},
		{idl.Type{Kind: idl.Float}, "inf", ``},
		{idl.Type{Kind: idl.Float}, "1e999", ``},
		{idl.Type{Kind: idl.String}, "3", `"3"`},
		{idl.Type{Kind: idl.String}, "a\n\"b\"", `"a\n\"b\""`},
		{idl.Type{Kind: idl.String}, "\xff", ``},
		{idl.Type{Kind: idl.String}, "@file", `"content of file"`},
		{idl.Type{Kind: idl.String}, "@bad", ``},
		{idl.Type{Kind: idl.String}, "@@file", `"@file"`},
		{idl.Type{Kind: idl.Bytes}, "hi", `"aGk="`},
		{idl.Type{Kind: idl.Bytes}, "@bad", `"/w=="`},
		{idl.Type{Kind: idl.Time}, "now", `"2026-11-23T10:00:00.000000005Z"`},
		{idl.Type{Kind: idl.Time}, "2026-11-23T10:00:00.5+02:00", `"2026-11-23T08:00:00.5Z"`},
		{idl.Type{Kind: idl.Time}, "2026-11-23", ``},
		{idl.Type{Kind: idl.Time}, "0001-01-01T00:00:00+01:00", ``},
		{idl.Type{Kind: idl.Any}, "[1, 2]", `[1,2]`},
		{idl.Type{Kind: idl.Any}, "01", `"01"`},
		{idl.Type{Kind: idl.Any}, "@x", `"@x"`},
		{listOf(idl.Int), "1,2", `[1,2]`},
		{listOf(idl.Int), "", `[]`},
		{listOf(idl.Int), "1,", ``},
		{listOf(idl.String), "a,,@b", `["a","","@b"]`},
		{listOf(idl.String), `["a,b"]`, `["a,b"]`},
		{listOf(idl.String), `[a]`, ``},
		{listOf(idl.Map), `{}`, ``},
		{idl.Type{Kind: idl.List, Of: &point}, `[{"x":1}]`, `[{"x":1}]`},
		{point, ` {"x": 1} `, `{"x":1}`},
		{point, `[1]`, ``},
		{point, `{"x":1,"x":2}`, ``},
		{idl.Type{Kind: idl.Named, Name: "Colour"}, "red", `"red"`},
		{idl.Type{Kind: idl.Named, Name: "Loop"}, "7", `7`},
		{idl.Type{Kind: idl.Named, Name: "Missing"}, "x", `"x"`},
		{idl.Type{Kind: "future"}, "x", `"x"`},
	} {
		conv := testConverter()
		got, err := conv.convert(&c.typ, c.text)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s of %q: got %s, %v, want %s", c.typ.String(), c.text, got, err, c.want)
		}
	}
}

func TestConvertWithoutFile(t *testing.T) {
	broken := errors.New("no such file")
	conv := converter{readFile: func(string) ([]byte, error) { return nil, broken }}
	if _, err := conv.convert(&idl.Type{Kind: idl.Bytes}, "@f"); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// FuzzConvert checks that whatever is typed, what comes out is strict JSON on
// one line, or nothing.
func FuzzConvert(f *testing.F) {
	var types []idl.Type
	for _, k := range idl.Kind("").Cases() {
		of := idl.Type{Kind: idl.Int}
		types = append(types, idl.Type{Kind: idl.Kind(k), Name: "Point", Of: &of}, listOf(idl.Kind(k)))
	}
	for i := range types {
		for _, seed := range []string{"", "1", "-1e3", "0x1p-2", "true", "now", "a,b", "[1,2]", `{"a":1}`, "@f", "@@", "\xff", "{\n}", "1_000"} {
			f.Add(uint8(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		typ := &types[int(which)%len(types)]
		conv := testConverter()
		raw, err := conv.convert(typ, text)
		if err != nil {
			return
		}
		p := wire.Parser{Enc: wire.JSON}
		if err := p.Check(raw); err != nil {
			t.Fatalf("%s of %q: %s: %v", typ.Kind, text, raw, err)
		}
		for _, b := range raw {
			if b == '\n' || b == '\r' {
				t.Fatalf("%s of %q: %q has a line end", typ.Kind, text, raw)
			}
		}
	})
}
