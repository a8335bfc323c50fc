package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sabir-ipc/sabir/wire"
)

func TestEscape(t *testing.T) {
	for _, c := range []struct {
		in, want string
		lines    bool
	}{
		{in: "plain äöü 日本 🙂 \\n \\x1b", want: "plain äöü 日本 🙂 \\n \\x1b"},
		{in: "\x1b[31m", want: `\x1b[31m`},
		{in: "a\nb\tc\r", want: `a\nb\tc\x0d`},
		{in: "a\nb\tc\r", want: "a\nb\tc\\x0d", lines: true},
		{in: "\u009b31m\x7f", want: `\u{9b}31m\x7f`},
		{in: "\u202eabc\u2066\u200f", want: `\u{202e}abc\u{2066}\u{200f}`},
		{in: "\xff\xc3", want: `\xff\xc3`},
		{in: "\uFFFD", want: "\uFFFD"},
	} {
		if got := escape(c.in, c.lines); got != c.want {
			t.Errorf("escape(%q, %v) = %q, want %q", c.in, c.lines, got, c.want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", "hello", nastyText, nastyDoc, "\xff\xfe", "\uFFFD", "ä\xc3"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, s string, lines bool) {
		got := escape(s, lines)
		if !utf8.ValidString(got) {
			t.Fatalf("escape(%q) = %q is not UTF-8", s, got)
		}
		harmless := utf8.ValidString(s)
		for _, r := range s {
			harmless = harmless && (!dangerous(r) || lines && (r == '\n' || r == '\t'))
		}
		if harmless != (got == s) {
			t.Fatalf("escape(%q, %v) = %q", s, lines, got)
		}
		for _, r := range got {
			if dangerous(r) && !(lines && (r == '\n' || r == '\t')) {
				t.Fatalf("escape(%q, %v) = %q lets %U through", s, lines, got, r)
			}
		}
	})
}

// FuzzPretty checks that what a terminal gets is the same value, and harmless.
func FuzzPretty(f *testing.F) {
	for _, seed := range []string{`null`, `{"a":[1,2.5,"x"],"b":{}}`, `"\u009b\u202e"`, "\"\u009b\"", `[[],[[]],{"k":"` + strings.Repeat("long ", 30) + `"}]`} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, oneLine bool) {
		p := wire.Parser{Enc: wire.JSON}
		if p.Check(raw) != nil {
			return
		}
		out := appendPretty(nil, wire.Value{Raw: raw}, plain, oneLine)
		for _, r := range string(out) {
			if dangerous(r) && (oneLine || r != '\n') {
				t.Fatalf("%q lets %U through: %q", raw, r, out)
			}
		}
		var before, after any
		if json.Unmarshal(raw, &before) != nil {
			return // a number beyond float64
		}
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q became %q: %v", raw, out, err)
		}
		a, _ := json.Marshal(before)
		b, _ := json.Marshal(after)
		if string(a) != string(b) {
			t.Fatalf("%q became %q", raw, out)
		}
	})
}
