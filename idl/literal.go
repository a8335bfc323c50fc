package idl

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Defaults and examples are JSON. As everywhere, a number without fraction and
// exponent is an integer (int64), others are floats. spec [T1], [I6]

// maxInt is the greatest integer that every language has. spec [T1]
const maxInt = 1<<53 - 1

// value reads JSON.
func (p *parser) value() any {
	t := p.peek()
	p.shallow()
	switch {
	case t.kind == tokText:
		return p.quoted("a value")
	case t.kind == tokNumber:
		return p.numberValue()
	case t.kind == "[":
		return p.listValue()
	case t.kind == "{":
		return p.mapValue()
	case p.isWord("true"), p.isWord("false"):
		return p.advance().text == "true"
	case p.isWord("null"):
		p.fail("leave it out", "null is what an optional field is without a default")
	case t.kind == tokWord && isName(t.text):
		p.expected("a value", "a text stands in quotes: "+strconv.Quote(t.text))
	}
	p.expected("a value", "JSON: a number, true, a text in quotes, [ ] or { }")
	return nil
}

func (p *parser) numberValue() any {
	text := p.peek().text
	if !jsonNumber(text) {
		p.fail("", "%s is no number", text)
	}
	if !strings.ContainsAny(text, ".eE") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > maxInt || n < -maxInt {
			p.fail("larger integers are texts", "%s is beyond ±(2^53-1)", text)
		}
		p.advance()
		return n
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.fail("", "%s is beyond what a float holds", text)
	}
	p.advance()
	return f
}

func jsonNumber(text string) bool { return json.Valid([]byte(text)) }

func (p *parser) listValue() any {
	p.advance()
	list := []any{}
	for !p.accept("]") {
		list = append(list, p.inner())
		if !p.is("]") {
			p.want(",", "or \"]\" in a list", "")
		}
	}
	return list
}

// inner is a value inside of another, which may be null.
func (p *parser) inner() any {
	if p.isWord("null") {
		p.advance()
		return nil
	}
	return p.value()
}

func (p *parser) mapValue() any {
	p.advance()
	m := map[string]any{}
	for !p.accept("}") {
		at := p.peek().pos
		key := p.quoted("a key")
		if _, twice := m[key]; twice {
			p.faultAt(at, "", "%q is there twice", key)
		}
		p.want(":", "after a key", "")
		m[key] = p.inner()
		if !p.is("}") {
			p.want(",", "or \"}\" in an object", "")
		}
	}
	return m
}

// quoted takes a text in quotes.
func (p *parser) quoted(what string) string {
	t := p.peek()
	if t.kind != tokText {
		p.expected(what+" in quotes", "")
	}
	var s string
	if err := json.Unmarshal([]byte(t.text), &s); err != nil || loneSurrogate(t.text, s) {
		p.fail(`a text is as in JSON: \" \\ \n \t \u00e9`, "%s is no text", t.text)
	}
	p.advance()
	return s
}

// loneSurrogate reports whether decoding has put a replacement character where
// the text has none.
func loneSurrogate(text, decoded string) bool {
	const bad = string(unicode.ReplacementChar)
	return strings.Count(decoded, bad) > strings.Count(text, bad)+strings.Count(strings.ToLower(text), `\ufffd`)
}

func quote(s string) string { return Literal(s) }

// Literal writes a default or an example as JSON that is read back as the same
// value: a float has a point or an exponent.
func Literal(v any) string {
	switch v := v.(type) {
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = Literal(v[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, quote(k)+":"+Literal(v[k]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// number writes a bound.
func number(f float64) string {
	if math.Abs(f) >= 1e21 {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// commentText is a line of a comment without its slashes.
func commentText(s string) string {
	return cleanLine(strings.TrimPrefix(s, " "))
}

// cleanLine makes a line of a doc one that text can hold. spec [I3]
func cleanLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(strings.TrimRight(s, "\r"), string(unicode.ReplacementChar)))
	return strings.TrimRightFunc(s, unicode.IsSpace)
}

// docLines are the lines of a doc, without empty ones at its ends.
func docLines(doc string) []string {
	if doc == "" {
		return nil
	}
	lines := strings.Split(doc, "\n")
	for i := range lines {
		lines[i] = cleanLine(lines[i])
	}
	return trimLines(lines)
}

func trimLines(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
