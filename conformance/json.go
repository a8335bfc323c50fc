package conformance

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// Values are nil, bool, int64, float64, string, [Bytes], []any and [Object].
// The suite reads JSON and CBOR itself, so that no fault of the library's codec
// is its own as well.

// Object is a map that keeps the order of its members.
type Object []Member

type Member struct {
	Name  string
	Value any
}

// Bytes is a byte string of CBOR; JSON has none.
type Bytes struct {
	Data   []byte
	Tagged bool // with tag 22
}

// at returns a member, or nil.
func (o Object) at(name string) any {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

func (o Object) has(name string) bool {
	for _, m := range o {
		if m.Name == name {
			return true
		}
	}
	return false
}

const (
	maxInteger = 1<<53 - 1
	maxDepth   = 64
)

// jsonReader reads strict JSON (spec/messages.md).
type jsonReader struct {
	b []byte
	i int
}

// parseJSON reads one value, which is all of b.
func parseJSON(b []byte) (any, error) {
	r := &jsonReader{b: b}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.space(); r.i < len(b) {
		return nil, r.fail("nothing after the value")
	}
	return v, nil
}

func (r *jsonReader) fail(expected string) error {
	if r.i >= len(r.b) {
		return fmt.Errorf("JSON ends at byte %d: expected %s", r.i, expected)
	}
	return fmt.Errorf("JSON at byte %d: expected %s, got %q", r.i, expected, r.b[r.i])
}

func (r *jsonReader) space() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\t' || r.b[r.i] == '\r' || r.b[r.i] == '\n') {
		r.i++
	}
}

// take takes one byte if it comes next.
func (r *jsonReader) take(c byte) bool {
	r.space()
	if r.i < len(r.b) && r.b[r.i] == c {
		r.i++
		return true
	}
	return false
}

func (r *jsonReader) word(w string, v any) (any, error) {
	if len(r.b)-r.i < len(w) || string(r.b[r.i:r.i+len(w)]) != w {
		return nil, r.fail(w)
	}
	r.i += len(w)
	return v, nil
}

func (r *jsonReader) value(depth int) (any, error) {
	r.space()
	if r.i >= len(r.b) {
		return nil, r.fail("a value")
	}
	if depth == maxDepth && (r.b[r.i] == '{' || r.b[r.i] == '[') {
		return nil, errors.New("JSON is nested deeper than 64 levels")
	}
	switch c := r.b[r.i]; {
	case c == '{':
		r.i++
		return r.object(depth + 1)
	case c == '[':
		r.i++
		return r.list(depth + 1)
	case c == '"':
		return r.text()
	case c == 't':
		return r.word("true", true)
	case c == 'f':
		return r.word("false", false)
	case c == 'n':
		return r.word("null", nil)
	}
	return r.number()
}

func (r *jsonReader) object(depth int) (any, error) {
	o := Object{}
	if r.take('}') {
		return o, nil
	}
	for {
		if r.space(); r.i >= len(r.b) || r.b[r.i] != '"' {
			return nil, r.fail("a name")
		}
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if o.has(name) {
			return nil, fmt.Errorf("JSON has the name %q twice in one object", name)
		}
		if !r.take(':') {
			return nil, r.fail("a colon")
		}
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		o = append(o, Member{name, v})
		if r.take('}') {
			return o, nil
		}
		if !r.take(',') {
			return nil, r.fail("a comma or }")
		}
	}
}

func (r *jsonReader) list(depth int) (any, error) {
	all := []any{}
	if r.take(']') {
		return all, nil
	}
	for {
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		if r.take(']') {
			return all, nil
		}
		if !r.take(',') {
			return nil, r.fail("a comma or ]")
		}
	}
}

func (r *jsonReader) text() (string, error) {
	var out []byte
	for r.i++; r.i < len(r.b); {
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return string(out), nil
		case c < 0x20:
			return "", r.fail("no control character in a text")
		case c == '\\':
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, char)
		default:
			char, n := utf8.DecodeRune(r.b[r.i:])
			if char == utf8.RuneError && n == 1 {
				return "", r.fail("UTF-8")
			}
			out = append(out, r.b[r.i:r.i+n]...)
			r.i += n
		}
	}
	return "", r.fail("the end of a text")
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (r *jsonReader) escape() (rune, error) {
	if r.i++; r.i >= len(r.b) {
		return 0, r.fail("an escape")
	}
	if char, ok := escapes[r.b[r.i]]; ok {
		r.i++
		return char, nil
	}
	char, ok := r.unit()
	if !ok {
		return 0, r.fail("an escape")
	}
	switch {
	case char >= 0xDC00 && char <= 0xDFFF:
		return 0, r.fail("a high surrogate before the low one")
	case char >= 0xD800 && char <= 0xDBFF:
		if r.i >= len(r.b) || r.b[r.i] != '\\' {
			return 0, r.fail("a low surrogate")
		}
		r.i++
		low, ok := r.unit()
		if !ok || low < 0xDC00 || low > 0xDFFF {
			return 0, r.fail("a low surrogate")
		}
		char = (char-0xD800)<<10 | (low - 0xDC00) + 0x10000
	}
	return char, nil
}

// unit reads uXXXX.
func (r *jsonReader) unit() (rune, bool) {
	if len(r.b)-r.i < 5 || r.b[r.i] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(r.b[r.i+1:r.i+5]), 16, 32)
	if err != nil {
		return 0, false
	}
	r.i += 5
	return rune(n), true
}

func (r *jsonReader) digits() bool {
	from := r.i
	for r.i < len(r.b) && r.b[r.i] >= '0' && r.b[r.i] <= '9' {
		r.i++
	}
	return r.i > from
}

func (r *jsonReader) number() (any, error) {
	from, integer := r.i, true
	if r.b[r.i] == '-' {
		r.i++
	}
	if zero := r.i < len(r.b) && r.b[r.i] == '0'; zero {
		r.i++
	} else if !r.digits() {
		return nil, r.fail("a value")
	}
	if r.i < len(r.b) && r.b[r.i] == '.' {
		r.i++
		if integer = false; !r.digits() {
			return nil, r.fail("a digit")
		}
	}
	if r.i < len(r.b) && (r.b[r.i] == 'e' || r.b[r.i] == 'E') {
		r.i++
		if r.i < len(r.b) && (r.b[r.i] == '+' || r.b[r.i] == '-') {
			r.i++
		}
		if integer = false; !r.digits() {
			return nil, r.fail("a digit")
		}
	}
	text := string(r.b[from:r.i])
	if integer {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > maxInteger || n < -maxInteger {
			return nil, fmt.Errorf("JSON has the integer %s, which is beyond ±(2^53-1)", text)
		}
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("JSON has the number %s, which no float holds", text)
	}
	return f, nil
}

// appendJSON writes a value in one line; byte strings become base64 text.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			text = strconv.FormatFloat(v, 'f', 1, 64) // or it would be read as an integer
		}
		return append(b, text...)
	case string:
		return appendText(b, v)
	case Bytes:
		return appendText(b, v.text())
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case Object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, m.Name), ':')
			b = appendJSON(b, m.Value)
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("conformance: a value of type %T", v))
}

func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < 0x20 || c == 0x7f:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return append(b, '"')
}

func show(v any) string { return string(appendJSON(nil, v)) }
