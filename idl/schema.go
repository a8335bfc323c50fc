package idl

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// JSONSchema returns the types of a service as a JSON Schema, whose definitions
// are named as in spec [G4]. The text has no white space between its tokens.
func JSONSchema(s *Service) []byte {
	b := newSchemas(s, "#/definitions/")
	var defs object
	add := func(name, title, doc string, schema object) {
		defs.put(name, about(titled(title, schema), doc))
	}
	for i := range s.Types {
		t := &s.Types[i]
		add(t.Name, t.Name, words(t.Doc, caseDocs(&t.Type)), b.bare(&t.Type, b.closed[t.Name]))
	}
	for i := range s.Members {
		m := &s.Members[i]
		if !slices.Contains(m.Kind.Cases(), string(m.Kind)) {
			continue
		}
		add(m.Name+".params", m.Name+" params", m.Doc, b.fields(m.Params, true))
		if m.Kind == Method {
			add(m.Name+".result", m.Name+" result", "", b.fields(m.Result, false))
		} else {
			add(m.Name+".item", m.Name+" item", "", b.typ(m.Item, false))
		}
	}
	for i := range s.Errors {
		e := &s.Errors[i]
		add(e.Name+".params", e.Name+" params", e.Doc, b.fields(e.Fields, false))
	}
	root := object{{"title", strings.TrimSpace(s.Name + " " + s.Version)}}
	root.has("description", s.Doc)
	return appendJSON(nil, append(root, entry{"definitions", defs}))
}

// schemas makes the schemas of one service.
type schemas struct {
	s      *Service
	refs   string          // what goes before the name of a type in a $ref
	closed map[string]bool // the types that only go in. spec [G3]
}

func newSchemas(s *Service, refs string) *schemas {
	in, out := make(map[string]bool), make(map[string]bool)
	for i := range s.Members {
		m := &s.Members[i]
		s.reach(&Member{Params: m.Params}, in)
		s.reach(&Member{Result: m.Result, Item: m.Item}, out)
	}
	for i := range s.Errors {
		s.reach(&s.Errors[i], out)
	}
	b := &schemas{s, refs, make(map[string]bool)}
	for name := range in {
		b.closed[name] = !out[name]
	}
	return b
}

// typ is the schema of a type in its place.
func (b *schemas) typ(t *Type, closed bool) object {
	if t == nil {
		return object{}
	}
	if t.Kind != Named {
		return about(b.bare(t, closed), caseDocs(t))
	}
	if b.s.Resolve(t) == nil {
		return object{}
	}
	return object{{"$ref", b.refs + t.Name}}
}

func (b *schemas) bare(t *Type, closed bool) object {
	switch t.Kind {
	case Bool:
		return object{{"type", "boolean"}}
	case Int:
		lowest, highest := float64(-maxInt), float64(maxInt)
		if t.Min != nil {
			lowest = max(lowest, *t.Min)
		}
		if t.Max != nil {
			highest = min(highest, *t.Max)
		}
		return object{{"type", "integer"}, {"minimum", raw(number(lowest))}, {"maximum", raw(number(highest))}}
	case Float:
		return limited(object{{"type", "number"}}, t, "minimum", "maximum", nil)
	case String:
		o := limited(object{{"type", "string"}}, t, "minLength", "maxLength", nil)
		o.has("pattern", ecmaPattern(t.Pattern))
		return o
	case Int64:
		return object{{"type", "string"}, {"pattern", `^(0|-?[1-9][0-9]{0,18})$`}}
	case Uint64:
		return object{{"type", "string"}, {"pattern", `^(0|[1-9][0-9]{0,19})$`}}
	case Bytes:
		o := object{{"type", "string"}, {"contentEncoding", "base64"}, {"pattern", base64Pattern}}
		return limited(o, t, "minLength", "maxLength", func(n float64) float64 { return 4 * math.Ceil(n/3) })
	case Time:
		return object{{"type", "string"}, {"format", "date-time"}, {"pattern", timePattern}}
	case List:
		return limited(object{{"type", "array"}, {"items", b.typ(t.Of, closed)}}, t, "minItems", "maxItems", nil)
	case Map:
		return limited(object{{"type", "object"}, {"additionalProperties", b.typ(t.Of, closed)}}, t, "minProperties", "maxProperties", nil)
	case Struct:
		return b.fields(t.Fields, closed)
	case Enum:
		var names array
		for _, c := range t.Options {
			names = append(names, c.Name)
		}
		if len(names) == 0 {
			return object{{"type", "string"}}
		}
		return object{{"type", "string"}, {"enum", names}}
	case Union:
		return b.union(t, closed)
	case Named:
		return b.typ(t, closed)
	}
	return object{}
}

const (
	base64Pattern = `^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?$`
	timePattern   = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$`
)

func raw(text string) json.RawMessage { return json.RawMessage(text) }

// limited adds the bounds of a type, each by way of scale, if that is given.
func limited(o object, t *Type, lowest, highest string, scale func(float64) float64) object {
	add := func(key string, bound *float64) {
		switch {
		case bound == nil:
		case scale != nil:
			o.put(key, raw(number(scale(*bound))))
		default:
			o.put(key, raw(number(*bound)))
		}
	}
	add(lowest, t.Min)
	add(highest, t.Max)
	return o
}

// ecmaPattern is a pattern as a regular expression of ECMA-262 and of everybody
// else: the whole text, in which a dot is any character. spec [T7]
func ecmaPattern(pattern string) string {
	if pattern == "" {
		return ""
	}
	var out strings.Builder
	inClass := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			out.WriteString(pattern[i : i+2])
			i++
			continue
		case c == '.' && !inClass:
			out.WriteString(`[\s\S]`)
			continue
		case c == '[':
			inClass = true
		case c == ']':
			inClass = false
		}
		out.WriteByte(pattern[i])
	}
	return "^" + out.String() + "$"
}

// fields is the schema of an object with these fields.
func (b *schemas) fields(fs []Field, closed bool) object {
	return object{{"type", "object"}}.with(b.properties(fs, closed), required(fs), closed)
}

func (o object) with(properties object, required array, closed bool) object {
	if len(properties) > 0 {
		o.put("properties", properties)
	}
	if len(required) > 0 {
		o.put("required", required)
	}
	if closed {
		o.put("additionalProperties", false)
	}
	return o
}

func (b *schemas) properties(fs []Field, closed bool) (all object) {
	for i := range fs {
		all.put(fs[i].Name, b.field(&fs[i], closed))
	}
	return all
}

func required(fs []Field) (names array) {
	for i := range fs {
		if !fs[i].Optional {
			names = append(names, fs[i].Name)
		}
	}
	return names
}

// field is the schema of a field's value, with what is said of it.
func (b *schemas) field(f *Field, closed bool) object {
	o := about(b.typ(&f.Type, closed), words(f.Doc, notes(b.s.Resolve(&f.Type), f)))
	if f.Default != nil {
		o = beside(o, "default", raw(Literal(b.s.written(&f.Type, f.Default))))
	}
	if f.Example != nil {
		o = beside(o, "examples", array{raw(Literal(b.s.written(&f.Type, f.Example)))})
	}
	return o
}

// union is one of several objects, told apart by their type. The struct of a
// case stands in it as it is, for in a $ref of its own it could not be closed.
func (b *schemas) union(t *Type, closed bool) object {
	var cases array
	for i := range t.Options {
		c := &t.Options[i]
		var fs []Field
		if s := b.s.Resolve(c.Type); s != nil {
			fs = s.Fields
		}
		properties := append(object{{"type", object{{"const", c.Name}}}}, b.properties(fs, closed)...)
		o := object{{"title", c.Name}, {"type", "object"}}.with(properties, append(array{"type"}, required(fs)...), closed)
		cases = append(cases, about(o, c.Doc))
	}
	if len(cases) == 0 {
		return object{{"type", "object"}}
	}
	return object{{"oneOf", cases}}
}

// about gives a schema a description, after the one that it has.
func about(o object, doc string) object {
	if doc == "" {
		return o
	}
	for i := range o {
		if o[i].key == "description" {
			o = slices.Clone(o)
			o[i].value = words(doc, o[i].value.(string))
			return o
		}
	}
	return beside(o, "description", doc)
}

// beside adds a keyword; nothing may stand beside a $ref. spec [G1]
func beside(o object, key string, value any) object {
	if len(o) == 1 && o[0].key == "$ref" {
		o = object{{"allOf", array{o}}}
	}
	return append(slices.Clip(o), entry{key, value})
}

// titled gives a schema a title, before all else.
func titled(title string, o object) object {
	if len(o) == 1 && o[0].key == "$ref" {
		o = object{{"allOf", array{o}}}
	}
	return append(object{{"title", title}}, o...)
}

// words puts texts together, with an empty line between them.
func words(texts ...string) string {
	texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	return strings.Join(texts, "\n\n")
}

// caseDocs is what the cases of an enum say of themselves.
func caseDocs(t *Type) string {
	if t.Kind != Enum || !slices.ContainsFunc(t.Options, func(c Case) bool { return c.Doc != "" }) {
		return ""
	}
	var lines []string
	for _, c := range t.Options {
		lines = append(lines, strings.TrimSuffix("- "+c.Name+": "+strings.Join(docLines(c.Doc), " "), ": "))
	}
	return strings.Join(lines, "\n")
}

// notes is what a schema has no keyword for, in words.
func notes(t *Type, f *Field) string {
	var lines []string
	add := func(is bool, text string) {
		if is {
			lines = append(lines, text)
		}
	}
	if t != nil && (t.Kind == Int64 || t.Kind == Uint64) {
		add(t.Min != nil, "At least "+number(value(t.Min))+".")
		add(t.Max != nil, "At most "+number(value(t.Max))+".")
	}
	add(f.Unit != "", "Unit: "+f.Unit+".")
	add(f.Since != "", "Since "+f.Since+".")
	add(f.Deprecated != "", "Deprecated: "+f.Deprecated)
	add(f.Sensitive, "Sensitive: it is not to be logged.")
	return strings.Join(lines, "\n")
}

func value(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}

// written is a default or an example as it would be sent: int64 and uint64 are
// texts. spec [T2]
func (s *Service) written(t *Type, v any) any {
	t = s.Resolve(t)
	if t == nil {
		return v
	}
	switch v := v.(type) {
	case int64:
		if t.Kind == Int64 || t.Kind == Uint64 {
			return Literal(v)
		}
	case []any:
		if t.Kind == List {
			out := make([]any, len(v))
			for i := range v {
				out[i] = s.written(t.Of, v[i])
			}
			return out
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, x := range v {
			out[key] = s.written(s.member(t, key, v), x)
		}
		return out
	}
	return v
}

// member is the type of a member of an object of type t; nil: it is not known.
func (s *Service) member(t *Type, key string, whole map[string]any) *Type {
	fields := t.Fields
	switch t.Kind {
	case Map:
		return t.Of
	case Union:
		for i := range t.Options {
			if t.Options[i].Name == whole["type"] {
				if c := s.Resolve(t.Options[i].Type); c != nil {
					fields = c.Fields
				}
			}
		}
	}
	for i := range fields {
		if fields[i].Name == key {
			return &fields[i].Type
		}
	}
	return nil
}
