package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// clause: M14
func TestSyntax(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}" }
	keys := func(n int, last string) string {
		var b strings.Builder
		b.WriteString(`{"method":"a.b",`)
		for i := range n {
			fmt.Fprintf(&b, `"k%d":{"k%d":[{}]},`, i, i)
		}
		return b.String() + last + "}"
	}
	many := len(keys(40, "")) - 1
	for _, test := range []struct {
		frame  string
		offset int // -1: strict
		reason string
	}{
		{deep(64), -1, ""},
		{deep(65), 68, "nested deeper than 64"},
		{`{"a":` + strings.Repeat(`{"b":`, 63) + "1" + strings.Repeat("}", 64), -1, ""},
		{`{"a":` + strings.Repeat(`{"b":`, 64) + "1" + strings.Repeat("}", 65), 320, "nested deeper than 64"},
		{`{"a":1,"a":2}`, 7, "key occurs twice"},
		{`{"method":1,"m\u0065thod":2}`, 12, "key occurs twice"},
		{`{"m\u0065thod":1,"method":2}`, 17, "key occurs twice"},
		{`{"x":{"é":1,"\u00e9":2}}`, 13, "key occurs twice"},
		{`{"x":{"😀":1,"\ud83d\uDE00":2}}`, 15, "key occurs twice"},
		{`{"method":1,"Method":2}`, -1, ""},
		{`{"method":1,"method\u0000":2}`, -1, ""},
		{`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`, -1, ""},
		{keys(15, `"z":1`), -1, ""},
		{keys(40, `"z":1`), -1, ""},
		{keys(40, `"k0":1`), many, "key occurs twice"},
		{keys(40, `"k39":1`), many, "key occurs twice"},
		{keys(40, `"z":`+keys(40, `"k7":1`)), many + 4 + many, "key occurs twice"},
		{keys(40, `"z":`+keys(40, `"z":1`)+`,"k39":1`), many + 4 + many + 7, "key occurs twice"},
		{`{"a":"\ud800"}`, 6, "unpaired surrogate"},
		{`{"a":"\udc00\ud800"}`, 6, "unpaired surrogate"},
		{`{"a":"\ud800\ud800"}`, 6, "unpaired surrogate"},
		{`{"a":"\ud800x"}`, 6, "unpaired surrogate"},
		{`{"a":"\ud83d\ude00"}`, -1, ""},
		{`{"a":"\u12"}`, 6, "expected four hex digits"},
		{`{"a":"\x"}`, 6, "unknown escape"},
		{`{"a":"\`, 6, "unexpected end of a string"},
		{`{"a":"`, 6, "unexpected end of a string"},
		{"{\"a\":\"12345678\xff\"}", 14, "bad UTF-8"},
		{"{\"a\":\"\xed\xa0\x80\"}", 6, "bad UTF-8"},
		{"{\"a\":\"\xc0\x80\"}", 6, "bad UTF-8"},
		{"{\"a\":\"ż\xf4\x90\x80\x80\"}", 8, "bad UTF-8"},
		{"{\"\xff\":1}", 2, "bad UTF-8"},
		{"{\"a\":\"1234567\t\"}", 13, "control character in a string"},
		{"{\"a\":\"\x00\"}", 6, "control character in a string"},
		{"{\"a\":\"\x7f\"}", -1, ""},
		{"{\"a\":\"\xff\x01\"}", 6, "bad UTF-8"},
		{"\xef\xbb\xbf{}", 0, "expected an object"},
		{"\x00{}", 0, "expected an object"},
		{"", 0, "expected an object"},
		{"[{}]", 0, "expected an object"},
		{"{} {}", 3, "data after the message"},
		{"{}x", 2, "data after the message"},
		{"{\"a\":1\x00}", 6, "expected , or }"},
		{`{"a":1,}`, 7, "expected a key"},
		{`{,}`, 1, "expected a key"},
		{`{a:1}`, 1, "expected a key"},
		{`{"a" 1}`, 5, "expected :"},
		{`{"a":[1,]}`, 8, "expected a value"},
		{`{"a":[1 2]}`, 8, "expected , or ]"},
		{`{"a":{"b":1 "c":2}}`, 12, "expected , or }"},
		{`{"a":[1`, 7, "unexpected end of a list"},
		{`{"a":{"b":1`, 11, "unexpected end of an object"},
		{`{"a":`, 5, "unexpected end"},
		{`{"a":1`, 6, "expected , or }"},
		{`{"a":01}`, 5, "number with a leading zero"},
		{`{"a":-01}`, 5, "number with a leading zero"},
		{`{"a":+1}`, 5, "expected a value"},
		{`{"a":.5}`, 5, "expected a value"},
		{`{"a":-}`, 5, "expected a value"},
		{`{"a":1.}`, 7, "expected a digit"},
		{`{"a":1e}`, 7, "expected a digit"},
		{`{"a":1e+}`, 8, "expected a digit"},
		{`{"a":NaN}`, 5, "expected a value"},
		{`{"a":nul}`, 5, "expected a value"},
		{`{"a":Infinity}`, 5, "expected a value"},
		{`{"a":-Infinity}`, 5, "expected a value"},
		{`{"a":1e400}`, -1, ""},
		{" {\t\"a\" :\r\n1 , \"b\":[ ] } ", -1, ""},
	} {
		p := Parser{Enc: JSON}
		var m Message
		err := p.Parse([]byte(test.frame), &m)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			syntax = &SyntaxError{Offset: -1}
		}
		if syntax.Offset != test.offset || syntax.Reason != test.reason {
			t.Errorf("%.80q: %q at %d, want %q at %d", test.frame, syntax.Reason, syntax.Offset, test.reason, test.offset)
		}
		if depth, valid := jsonOracle([]byte(test.frame)); test.offset < 0 && (!valid || depth > MaxDepth) {
			t.Errorf("%.80q: the oracle refuses it", test.frame)
		}
	}
}

// clause: C2, B4
func TestCBORSyntax(t *testing.T) {
	for _, test := range []struct{ frame, reason string }{
		{"a0", ""}, {"b800", ""}, {"b90000", ""}, {"ba00000000", ""}, {"bb0000000000000000", ""}, {"a1780161f6", ""},
		{"", "unexpected end"}, {"80", "expected a map"}, {"40", "expected a map"}, {"d9d9f7a0", "expected a map"},
		{"a000", "data after the message"}, {"a16161", "unexpected end"}, {"a2616101", "map longer than its bytes"},
		{"a161610000", "data after the message"}, {"a26161016162", "unexpected end"},
		{"a2616101616102", "key occurs twice"}, {"a26161017801" + "6102", "key occurs twice"},
		{"a10101", "key is no text"}, {"a1416101", "key is no text"}, {"a1f601", "key is no text"}, {"a1f97e0001", "key is no text"},
		{"a161ff01", "bad UTF-8"}, {"a1616161ff", "bad UTF-8"}, {"a1616163eda080", "bad UTF-8"},
		{"bf616101ff", "indefinite length"}, {"a161615f4101ff", "indefinite length"}, {"a161617f6161ff", "indefinite length"}, {"a161619fff", "indefinite length"},
		{"a16161ff", "indefinite length"}, {"a161611c", "reserved head"}, {"a161611f", "indefinite length"},
		{"a16161c000", "tag other than 22"}, {"a16161c249010000000000000000", "tag other than 22"}, {"a16161d74101", "tag other than 22"},
		{"a16161d64101", ""}, {"a16161d81641" + "01", ""}, {"a16161d66161", "tag 22 on no byte string"}, {"a16161d6d64101", "tag 22 on no byte string"},
		{"a16161d6", "unexpected end"}, {"a16161d6420" + "1", "string longer than its bytes"},
		{"a16161f7", "unknown simple value"}, {"a16161f0", "unknown simple value"}, {"a16161f820", "unknown simple value"}, {"a16161f814", "unknown simple value"},
		{"a16161f97e00", "NaN or infinity"}, {"a16161f97c00", "NaN or infinity"}, {"a16161f9fc00", "NaN or infinity"},
		{"a16161fa7fc00000", "NaN or infinity"}, {"a16161faff800000", "NaN or infinity"}, {"a16161fb7ff8000000000000", "NaN or infinity"},
		{"a16161fa7f80", "unexpected end"}, {"a16161f93c00", ""}, {"a161611bffffffffffffffff", ""}, {"a161613bffffffffffffffff", ""},
		{"a161619b00ffffffffffffff", "list longer than its bytes"}, {"a161619bffffffffffffffff", "list longer than its bytes"},
		{"a161615bffffffffffffffff", "string longer than its bytes"}, {"a161617b7fffffffffffffff", "string longer than its bytes"},
		{"a16161bb7fffffffffffffff", "map longer than its bytes"}, {"bbffffffffffffffff", "map longer than its bytes"}, {"a161619a00000002" + "0001", ""},
	} {
		b, err := hex.DecodeString(test.frame)
		if err != nil {
			t.Fatal(test.frame, err)
		}
		p := Parser{Enc: CBOR}
		var m Message
		var syntax *SyntaxError
		reason := ""
		if errors.As(p.Parse(b, &m), &syntax) {
			reason = syntax.Reason
		}
		if reason != test.reason {
			t.Errorf("%s: %q, want %q", test.frame, reason, test.reason)
		}
		if oracle := cborOracle(b); (oracle == nil && len(b) > 0 && b[0]>>5 == majorMap) != (test.reason == "") {
			t.Errorf("%s: %q, but the oracle says %v", test.frame, reason, oracle)
		}
	}
}

// clause: B4
func TestBombsTakeNoMemory(t *testing.T) {
	for _, text := range []string{"9b00ffffffffffffff", "5bffffffffffffffff", "bb7fffffffffffffff", "7bffffffffffffffff", "9b7fffffffffffffff"} {
		bomb, _ := hex.DecodeString("a16161" + text)
		p := Parser{Enc: CBOR}
		var m Message
		p.Parse([]byte{0xA0}, &m)
		if n := allocated(func() { p.Parse(bomb, &m) }); n > 1<<10 {
			t.Errorf("%s: %d bytes allocated", text, n)
		}
	}
}

// Depth is checked on the way down, so what is nested deeply costs nothing.
//
// clause: M14
func TestDepthIsCheap(t *testing.T) {
	const n = 100_000
	for enc, frame := range [][]byte{
		[]byte(`{"a":` + strings.Repeat("[", n)),
		append([]byte{0xA1, 0x61, 'a'}, bytes.Repeat([]byte{0x81}, n)...),
	} {
		p := Parser{Enc: Encoding(enc)}
		var m Message
		best := time.Hour
		for range 5 {
			start := time.Now()
			err := p.Parse(frame, &m)
			best = min(best, time.Since(start))
			if syntax, ok := err.(*SyntaxError); !ok || syntax.Reason != "nested deeper than 64" {
				t.Fatalf("%v: %v", Encoding(enc), err)
			}
		}
		if best > time.Millisecond {
			t.Errorf("%v: %v", Encoding(enc), best)
		}
	}
}

// clause: M14
func TestDepthIsTheSameInBoth(t *testing.T) {
	for n := 60; n < 70; n++ {
		for _, text := range []string{
			`{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}",
			strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1),
		} {
			raw := turned(t, text)
			for _, v := range []Value{{JSON, []byte(text)}, {CBOR, raw}} {
				p := Parser{Enc: v.Enc}
				var m Message
				_, bad := p.Parse(v.Raw, &m).(*SyntaxError)
				if bad != (n > MaxDepth) || (p.Check(v.Raw) != nil) != (n > MaxDepth) {
					t.Errorf("depth %d in %v: refused %v", n, v.Enc, bad)
				}
			}
		}
	}
}

// Many keys cost in proportion, also those that are alike.
func TestManyKeysAreLinear(t *testing.T) {
	object := func(n int) []byte {
		b := []byte(`{"a":{`)
		for i := range n {
			b = fmt.Appendf(b, `"%s%06d":0,`, strings.Repeat("p", 50), i)
		}
		return append(b, `"z":0}}`...)
	}
	cost := func(n int) time.Duration {
		frame, best := object(n), time.Hour
		for range 5 {
			p := Parser{Enc: JSON}
			start := time.Now()
			if err := p.Check(frame); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	small, large := cost(1024), cost(65536)
	if large > 10*64*small {
		t.Errorf("1024 keys take %v, 65536 take %v", small, large)
	}
}
