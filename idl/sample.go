package idl

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Sample appends a value of the type as JSON, one that its bounds allow and that
// a reader understands: what the description has as examples and defaults, and
// else something plain. name is what the value is called, "" for nothing. ok is
// false if no such value is found, as of a pattern that its bounds contradict.
func (s *Service) Sample(dst []byte, name string, t *Type) (_ []byte, ok bool) {
	return s.sample(dst, name, t, 0)
}

// SampleFields is Sample of an object: of params, a result or an error.
func (s *Service) SampleFields(dst []byte, fields []Field) ([]byte, bool) {
	return s.sampleFields(dst, "", fields, 0)
}

// sampleDepth is from where on what may be left out is: types may hold themselves.
const sampleDepth = 4

func (s *Service) sample(dst []byte, name string, t *Type, depth int) (_ []byte, ok bool) {
	if t = s.Resolve(t); t == nil || depth > 16*sampleDepth {
		return dst, false
	}
	switch t.Kind {
	case Bool:
		return append(dst, "true"...), true
	case Int, Float:
		return appendValue(dst, t.within(1)), true
	case Int64, Uint64:
		text, err := json.Marshal(t.within(1))
		return append(append(append(dst, '"'), text...), '"'), err == nil
	case String:
		text, ok := t.text(name)
		if !ok {
			return dst, false
		}
		return appendValue(dst, text), true
	case Bytes:
		return appendValue(dst, base64.StdEncoding.EncodeToString([]byte(strings.Repeat("sabir", 1+t.count(5)/5)[:t.count(5)]))), true
	case Time:
		return append(dst, `"2026-01-02T03:04:05Z"`...), true
	case Any:
		return append(dst, `"anything"`...), true
	case Enum:
		if len(t.Options) == 0 {
			return dst, false
		}
		return appendValue(dst, t.Options[0].Name), true
	case List:
		return s.sampleList(dst, name, t, depth)
	case Map:
		return s.sampleMap(dst, t, depth)
	case Struct:
		return s.sampleFields(dst, "", t.Fields, depth)
	case Union:
		for i := range t.Options {
			c := &t.Options[i]
			if of := s.Resolve(c.Type); of != nil {
				if b, ok := s.sampleFields(dst, c.Name, of.Fields, depth+1); ok {
					return b, true
				}
			}
		}
	}
	return dst, false
}

// sampleFields writes an object; tag is the case of a union, "" for none.
func (s *Service) sampleFields(dst []byte, tag string, fields []Field, depth int) (_ []byte, ok bool) {
	start, n := len(dst), 0
	key := func(name string) {
		if n++; n > 1 {
			dst = append(dst, ',')
		}
		dst = append(appendValue(dst, name), ':')
	}
	dst = append(dst, '{')
	if tag != "" {
		key("type")
		dst = appendValue(dst, tag)
	}
	for i := range fields {
		f := &fields[i]
		value := f.Example
		if value == nil {
			value = f.Default
		}
		if f.Optional && value == nil && depth >= sampleDepth {
			continue
		}
		before, had := len(dst), n
		key(f.Name)
		if value != nil {
			dst = appendValue(dst, value)
			continue
		}
		if dst, ok = s.sample(dst, f.Name, &f.Type, depth+1); !ok && !f.Optional {
			return dst[:start], false
		} else if !ok {
			dst, n = dst[:before], had
		}
	}
	return append(dst, '}'), true
}

func (s *Service) sampleList(dst []byte, name string, t *Type, depth int) ([]byte, bool) {
	n := t.count(1)
	if depth >= sampleDepth && (t.Min == nil || *t.Min < 1) {
		n = 0
	}
	start := len(dst)
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		var ok bool
		if dst, ok = s.sample(dst, name, t.Of, depth+1); !ok {
			return dst[:start], false
		}
	}
	return append(dst, ']'), true
}

func (s *Service) sampleMap(dst []byte, t *Type, depth int) ([]byte, bool) {
	n := t.count(1)
	if depth >= sampleDepth && (t.Min == nil || *t.Min < 1) {
		n = 0
	}
	start := len(dst)
	dst = append(dst, '{')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendValue(dst, strings.Repeat("k", i)+"key"), ':')
		var ok bool
		if dst, ok = s.sample(dst, "", t.Of, depth+1); !ok {
			return dst[:start], false
		}
	}
	return append(dst, '}'), true
}

// within is f, or what the bounds have nearest to it; whole where it can be.
func (t *Type) within(f float64) float64 {
	if t.Min != nil && f < *t.Min {
		f = *t.Min
	}
	if t.Max != nil && f > *t.Max {
		f = *t.Max
	}
	if up := math.Ceil(f); t.Kind != Float && (t.Max == nil || up <= *t.Max) {
		return up
	}
	return f
}

// count is n, or the length that the bounds have nearest to it, up to 4096.
func (t *Type) count(n int) int {
	if t.Max != nil && float64(n) > *t.Max {
		n = int(*t.Max)
	}
	if t.Min != nil && float64(n) < *t.Min {
		n = int(min(math.Ceil(*t.Min), 4096))
	}
	return n
}

// text is a text for something of that name.
func (t *Type) text(name string) (string, bool) {
	if name == "" {
		name = "text"
	}
	fits := func(s string) bool {
		n := float64(utf8.RuneCountInString(s))
		return (t.Min == nil || n >= *t.Min) && (t.Max == nil || n <= *t.Max)
	}
	if t.Pattern == "" {
		n := t.count(len(name))
		s := strings.Repeat(name, 1+n/len(name))[:n]
		return s, fits(s)
	}
	pattern, err := CompilePattern(t.Pattern)
	if err != nil {
		return "", false
	}
	if fits(name) && pattern.MatchString(name) {
		return name, true
	}
	tree, err := syntax.Parse(pattern.String(), syntax.Perl)
	if err != nil {
		return "", false
	}
	for more := range 64 {
		if s := matching(tree, more); fits(s) && pattern.MatchString(s) {
			return s, true
		}
	}
	return "", false
}

// matching is a text that a pattern matches, each part that may be repeated so
// many times more than it has to be.
func matching(re *syntax.Regexp, more int) string {
	repeat := func(least, most int) string {
		n := least + more
		if most >= 0 {
			n = min(n, most)
		}
		return strings.Repeat(matching(re.Sub[0], more), n)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 { // a letter where there is one
			if re.Rune[i] <= 'a' && re.Rune[i+1] >= 'a' {
				return "a"
			}
		}
		if len(re.Rune) > 0 {
			return string(re.Rune[0])
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpStar:
		return repeat(0, -1)
	case syntax.OpPlus:
		return repeat(1, -1)
	case syntax.OpQuest:
		return repeat(0, 1)
	case syntax.OpRepeat:
		return repeat(re.Min, re.Max)
	case syntax.OpCapture:
		return matching(re.Sub[0], more)
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(matching(sub, more))
		}
		return b.String()
	case syntax.OpAlternate:
		return matching(re.Sub[0], more)
	}
	return ""
}

func appendValue(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, text...)
}
