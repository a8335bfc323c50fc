package idl

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// unfit says why a value, as a default or an example has it, is none of a type;
// empty if it is one.
func (s *Service) unfit(t *Type, v any) string {
	if t = s.Resolve(t); t == nil {
		return ""
	}
	switch t.Kind {
	case Any:
		return ""
	case Bool:
		_, ok := v.(bool)
		return unless(ok, "expected true or false", v)
	case Int, Float:
		return numberUnfit(t, v)
	case Int64, Uint64:
		return bigUnfit(t, v)
	case List:
		return s.listUnfit(t, v)
	case Map:
		return s.mapUnfit(t, v)
	case Struct:
		return s.structUnfit(t.Fields, v, false)
	case Union:
		return s.unionUnfit(t, v)
	}
	text, ok := v.(string)
	if !ok {
		return unless(false, "expected a text", v)
	}
	return textUnfit(t, text)
}

func unless(ok bool, expected string, v any) string {
	if ok {
		return ""
	}
	return expected + ", found " + Literal(v)
}

func numberUnfit(t *Type, v any) string {
	var f float64
	switch n := v.(type) {
	case int64:
		f = float64(n)
	case float64:
		f = n
	default:
		return unless(false, "expected a number", v)
	}
	if t.Kind == Int && (f != math.Trunc(f) || math.Abs(f) > maxInt) {
		return unless(false, "expected an integer", v)
	}
	return outside(t, f, "", Literal(v))
}

// outside says which bound is passed.
func outside(t *Type, f float64, what, found string) string {
	switch {
	case t.Min != nil && f < *t.Min:
		return fmt.Sprintf("expected %sat least %s, found %s", what, number(*t.Min), found)
	case t.Max != nil && f > *t.Max:
		return fmt.Sprintf("expected %sat most %s, found %s", what, number(*t.Max), found)
	}
	return ""
}

// bigUnfit takes an integer or its decimal text. spec [T2]
func bigUnfit(t *Type, v any) string {
	text, ok := v.(string)
	if n, isInt := v.(int64); isInt {
		text, ok = strconv.FormatInt(n, 10), true
	}
	var f float64
	var err error
	if t.Kind == Int64 {
		n, e := strconv.ParseInt(text, 10, 64)
		f, err = float64(n), e
		ok = ok && strconv.FormatInt(n, 10) == text
	} else {
		n, e := strconv.ParseUint(text, 10, 64)
		f, err = float64(n), e
		ok = ok && strconv.FormatUint(n, 10) == text
	}
	if !ok || err != nil {
		return unless(false, "expected an integer of 64 bits", v)
	}
	return outside(t, f, "", text)
}

func textUnfit(t *Type, text string) string {
	switch t.Kind {
	case Time:
		_, err := time.Parse(time.RFC3339Nano, text)
		return unless(err == nil && strings.HasSuffix(text, "Z"), `expected a time such as "2026-11-23T10:00:00Z"`, text)
	case Bytes:
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return unless(false, "expected base64", text)
		}
		return outside(t, float64(len(b)), "", fmt.Sprintf("%d bytes", len(b)))
	case Enum:
		var names []string
		for _, c := range t.Options {
			names = append(names, c.Name)
		}
		return unless(slices.Contains(names, text), "expected one of "+strings.Join(names, ", "), text)
	}
	if why := outside(t, float64(utf8.RuneCountInString(text)), "a length of ", Literal(text)); why != "" {
		return why
	}
	if t.Pattern != "" {
		if re, err := CompilePattern(t.Pattern); err == nil && !re.MatchString(text) {
			return unless(false, "expected what matches "+t.Pattern, text)
		}
	}
	return ""
}

func (s *Service) listUnfit(t *Type, v any) string {
	list, ok := v.([]any)
	if !ok {
		return unless(false, "expected a list", v)
	}
	for i, e := range list {
		if why := s.unfit(t.Of, e); why != "" {
			return fmt.Sprintf("[%d]: %s", i, why)
		}
	}
	return outside(t, float64(len(list)), "", fmt.Sprintf("%d elements", len(list)))
}

func (s *Service) mapUnfit(t *Type, v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return unless(false, "expected an object", v)
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if why := s.unfit(t.Of, m[k]); why != "" {
			return k + ": " + why
		}
	}
	return outside(t, float64(len(m)), "", fmt.Sprintf("%d entries", len(m)))
}

// structUnfit checks the fields of an object; inUnion, it may have a type.
func (s *Service) structUnfit(fields []Field, v any, inUnion bool) string {
	m, ok := v.(map[string]any)
	if !ok {
		return unless(false, "expected an object", v)
	}
	known := make(map[string]bool)
	for i := range fields {
		f := &fields[i]
		known[f.Name] = true
		value, there := m[f.Name]
		switch {
		case f.Optional && value == nil:
		case !there:
			return f.Name + " is missing"
		default:
			if why := s.unfit(&f.Type, value); why != "" {
				return f.Name + ": " + why
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !known[k] && (k != "type" || !inUnion) {
			return "no field " + k
		}
	}
	return ""
}

func (s *Service) unionUnfit(t *Type, v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return unless(false, "expected an object", v)
	}
	for i := range t.Options {
		o := &t.Options[i]
		if m["type"] != o.Name {
			continue
		}
		if of := s.Resolve(o.Type); of != nil {
			return s.structUnfit(of.Fields, v, true)
		}
		return ""
	}
	return "type: " + unless(false, "expected a case of the union", m["type"])
}
