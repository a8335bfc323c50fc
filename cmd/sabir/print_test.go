package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// terminal is a world without files, in which stdout is what tty says.
func terminal(tty bool) (a *app, out, errout *bytes.Buffer) {
	out, errout = new(bytes.Buffer), new(bytes.Buffer)
	return &app{stdio: stdio{
		in: strings.NewReader(""), out: out, errout: errout, outTTY: tty,
		getenv: func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] },
	}}, out, errout
}

func TestPretty(t *testing.T) {
	long := strings.Repeat("x", 50)
	for _, c := range []struct {
		in, want string
		oneLine  bool
	}{
		{in: `{}`, want: `{}`},
		{in: `{"a":1,"b":[true,null,"x"]}`, want: `{"a": 1, "b": [true, null, "x"]}`},
		{in: `{"a":"` + long + `","b":{"c":"` + long + `"},"d":[]}`,
			want: "{\n  \"a\": \"" + long + "\",\n  \"b\": {\"c\": \"" + long + "\"},\n  \"d\": []\n}"},
		{in: `["` + long + `","` + long + `"]`, want: `["` + long + `", "` + long + `"]`, oneLine: true},
		{in: "\"\u009b\u2028\"", want: `"\u009b\u2028"`},
	} {
		if got := appendPretty(nil, wire.Value{Raw: []byte(c.in)}, plain, c.oneLine); string(got) != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.in, got, c.want)
		}
	}
}

func TestRowsText(t *testing.T) {
	rows := `[{"key":"ann","value":{"name":"Ann","said":1}},{"key":"bob\u001b","value":{"said":22,"extra":{"a": 1}}},{"key":"x","value":7}]`
	want := `key      name  said  extra    value
ann      Ann   1
bob\x1b        22    {"a":1}
x                             7
`
	if got := string(rowsText(wire.Value{Raw: []byte(rows)}, plain)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := rowsText(wire.Value{Raw: []byte(`[]`)}, plain); len(got) != 0 {
		t.Errorf("an empty table prints %q", got)
	}
}

// Every second column begins in the same cell of the terminal.
func TestColumnsOfWideText(t *testing.T) {
	rows := [][]string{{"key", "x"}, {"ann", "1"}, {"日本", "2"}, {"e\u0301t\u00e9", "3"}, {"👩‍👩‍👧", "4"}, {"🇨🇭", "5"}, {"한", "6"}}
	want := []string{"key   x", "ann   1", "日本  2", "e\u0301t\u00e9   3", "👩‍👩‍👧    4", "🇨🇭    5", "한    6"}
	if got := columns(rows); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestPrinter(t *testing.T) {
	text := idl.Type{Kind: idl.Bytes}
	for _, c := range []struct {
		name, in, want, said string
		typ                  *idl.Type
		tty, json            bool
		picks                []string
	}{
		{name: "pipe", in: `{"b": 1, "a": [ "x y" ]}`, want: "{\"b\":1,\"a\":[\"x y\"]}\n"},
		{name: "terminal", in: `{"b":1}`, want: "{\"b\": 1}\n", tty: true},
		{name: "json on a terminal", in: "{\"b\":\"\u009b\"}", want: "{\"b\":\"\\u009b\"}\n", tty: true, json: true},
		{name: "pick", in: `{"a":{"b":["x","y\n"]}}`, want: "y\n\n", picks: []string{"a.b.1"}},
		{name: "picks", in: `{"a":1,"b":"x","c":{"d": 2}}`, want: "x\t1\t{\"d\":2}\n", picks: []string{"b", "a", "c"}},
		{name: "pick as json", in: `{"a":"x"}`, want: "\"x\"\n", picks: []string{"a"}, json: true},
		{name: "pick on a terminal", in: `{"a":"\u001b"}`, want: "\\x1b\n", picks: []string{"a"}, tty: true},
		{name: "bytes", in: `"aGk="`, want: "hi", typ: &text},
		{name: "text on a terminal", in: `"aGk="`, want: "hi\n", typ: &text, tty: true},
		{name: "binary on a terminal", in: `"G1s="`, said: "sabir: 2 bytes of binary, redirect to a file\n", typ: &text, tty: true},
		{name: "bytes as json", in: `"aGk="`, want: "\"aGk=\"\n", typ: &text, json: true},
		{name: "no bytes", in: `null`, want: "null\n", typ: &text},
	} {
		a, out, errout := terminal(c.tty)
		a.json, a.picks = c.json, c.picks
		p, err := a.printer(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.value(wire.Value{Raw: []byte(c.in)}, c.typ); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if out.String() != c.want || errout.String() != c.said {
			t.Errorf("%s: %q and %q, want %q and %q", c.name, out, errout, c.want, c.said)
		}
	}
}

func TestPickMissing(t *testing.T) {
	for _, way := range []string{"x", "a.x", "a.0", "l.2", "l.-1", "l.x"} {
		picks, err := parsePicks([]string{way})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := picks[0].from(wire.Value{Raw: []byte(`{"a":1,"l":[1,2]}`)}); err == nil {
			t.Errorf("%s was found", way)
		}
	}
}

// TestSplitCharacters writes a stream of bytes to a terminal in pieces that cut
// characters.
func TestSplitCharacters(t *testing.T) {
	const text = "hällo 日本 🙂\n"
	for size := 1; size < 6; size++ {
		a, out, _ := terminal(true)
		s := &byteSink{app: a, progress: a.progress()}
		for at := 0; at < len(text); at += size {
			body, err := sabir.BodyOf([]byte(text[at:min(at+size, len(text))]))
			if err == nil {
				err = s.item(sabir.Item{Value: body})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != text {
			t.Errorf("pieces of %d: %q", size, out)
		}
	}
}

func TestProgress(t *testing.T) {
	var line bytes.Buffer
	p := &progress{w: &line, start: time.Now().Add(-2 * time.Second)}
	p.add(3 << 20)
	if got := line.String(); !strings.HasPrefix(got, "\r\x1b[K3.0 MiB, 1.") || !strings.HasSuffix(got, " MiB/s") {
		t.Errorf("%q", got)
	}
	p.add(1) // too soon to show
	line.Reset()
	p.done()
	if got := line.String(); got != "\r\x1b[K3.0 MiB, 1.5 MiB/s in 2s\n" {
		t.Errorf("%q", got)
	}
	for n, want := range map[float64]string{0: "0 bytes", 1023: "1023 bytes", 1536: "1.5 KiB", 5 << 30: "5.0 GiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%v) = %s, want %s", n, got, want)
		}
	}
}

func TestCheckService(t *testing.T) {
	whole := idl.Type{Kind: idl.List, Of: &idl.Type{Kind: idl.Int}}
	broken := idl.Type{Kind: idl.Union, Options: []idl.Case{{Name: "a", Type: &idl.Type{Kind: idl.Map}}}}
	for name, s := range map[string]*idl.Service{
		"item":   {Members: []idl.Member{{Kind: idl.Topic, Name: "t"}}},
		"param":  {Members: []idl.Member{{Kind: idl.Method, Name: "m", Params: []idl.Field{{Type: broken}}}}},
		"result": {Members: []idl.Member{{Kind: idl.Method, Name: "m", Result: []idl.Field{{Type: broken}}}}},
		"type":   {Types: []idl.NamedType{{Name: "T", Type: broken}}},
		"error":  {Errors: []idl.NamedError{{Name: "E", Fields: []idl.Field{{Type: broken}}}}},
	} {
		if checkService(s) == nil {
			t.Errorf("%s: passed", name)
		}
	}
	if err := checkService(&idl.Service{Members: []idl.Member{{Kind: idl.State, Name: "s", Item: &whole}}}); err != nil {
		t.Error(err)
	}
}

// TestIsStranger tells a peer that has never heard of rpc.describe from one
// that has no such service.
func TestIsStranger(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&sabir.Error{Code: -32601, Message: "no such method"}, true},
		{named(sabir.ErrMethodNotFound, errors.New("no service of that name")), false},
		{sabir.ErrDenied, false},
		{context.Canceled, false},
		{nil, false},
	} {
		if got := isStranger(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
