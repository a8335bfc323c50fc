package idl

import (
	"math"
	"slices"
	"strconv"
)

// list reads what stands between two brackets, apart by commas. After a fault
// in an element it goes on with the next. It returns the marks of the elements.
func (p *parser) list(opening, closing tokenKind, what string, element func(m *mark)) (marks []*mark) {
	if !p.is(opening) {
		p.expected(strconv.Quote(string(opening))+" and "+what, "")
	}
	p.advance()
	depth := p.depth
	atEnd := func() bool { return p.depth == depth && (p.is(",") || p.is(closing)) || p.atDeclaration() }
	for !p.is(closing) {
		p.recovering(func() {
			if p.is(tokEnd) {
				p.expected(strconv.Quote(string(closing))+" after "+what, "")
			}
			m, end := p.begin()
			element(m)
			if !p.is(",") && !p.is(closing) {
				p.expected(strconv.Quote(",")+" or "+strconv.Quote(string(closing))+" after "+what, listHint(p.peek()))
			}
			p.accept(",")
			end()
			marks = append(marks, m)
		}, atEnd)
		if p.is(tokEnd) || p.atDeclaration() {
			if len(p.faults) == 0 {
				p.expected(strconv.Quote(string(closing))+" after "+what, "")
			}
			panic(bail{})
		}
		p.skipComma(marks)
	}
	if n := len(marks); n > 0 {
		for _, b := range blocks(p.peek().comments) {
			marks[n-1].after = append(marks[n-1].after, b.lines)
		}
		p.peek().comments = nil
	}
	p.advance()
	return marks
}

// skipComma takes the comma at which recovering has stopped.
func (p *parser) skipComma([]*mark) {
	if len(p.faults) > 0 {
		p.accept(",")
	}
}

func listHint(t *token) string {
	switch t.kind {
	case "?":
		return "the question mark stands before the type: ?string"
	case "[":
		return "a list of T is [T]"
	case "=":
		return "a default is an annotation: int(default=5)"
	}
	return ""
}

func (p *parser) fields(opening, closing tokenKind) []Field {
	fs := []Field{}
	var types []*mark
	marks := p.list(opening, closing, "fields", func(m *mark) {
		f, at := p.field(m)
		fs, types = append(fs, f), append(types, at)
	})
	if len(marks) == len(fs) { // else there were faults
		for i := range fs {
			p.f.marks[&fs[i]], p.f.marks[&fs[i].Type] = marks[i], types[i]
		}
	}
	return fs
}

func (p *parser) field(m *mark) (f Field, at *mark) {
	m.at = p.peek().pos
	f.Doc = m.doc
	f.Name = p.name("a field")
	p.want(":", "and a type after "+strconv.Quote(f.Name), f.Name+": string")
	f.Optional = p.accept("?")
	f.Type, at = p.typ(true)
	if !p.is("(") {
		return f, at
	}
	p.notes(at, func(key string) { p.annotation(&f, at, key) })
	return f, at
}

// notes reads annotations: of a field, or of a type alone.
func (p *parser) notes(at *mark, note func(key string)) {
	p.advance()
	for {
		t := p.peek()
		if t.kind != tokWord {
			p.expected("an annotation", "string(min=1, max=64)")
		}
		if _, twice := at.notes[t.text]; twice {
			p.faultAt(t.pos, "", "%s is there twice", t.text)
		}
		at.notes[t.text] = t.pos
		note(t.text)
		if p.accept(")") {
			return
		}
		if !p.is(",") {
			p.expected(`"," or ")" after an annotation`, "")
		}
		p.advance()
		if p.accept(")") {
			return
		}
	}
}

var (
	boundNames = []string{"pattern", "min", "max"}
	noteNames  = []string{"pattern", "min", "max", "default", "example", "unit", "deprecated", "since", "sensitive"}
)

func (p *parser) annotation(f *Field, at *mark, key string) {
	if slices.Contains(boundNames, key) {
		p.bound(&f.Type, key)
		return
	}
	if !slices.Contains(noteNames, key) {
		p.noNote(key, noteNames)
	}
	p.advance()
	if key == "sensitive" {
		f.Sensitive = true
		return
	}
	p.want("=", "after "+key, "")
	switch key {
	case "default":
		f.Default = p.value()
	case "example":
		f.Example = p.value()
	case "unit":
		f.Unit = p.quoted("a unit")
	case "deprecated":
		f.Deprecated = p.quoted("what to use instead")
	case "since":
		f.Since = p.quoted("a version")
	}
}

func (p *parser) noNote(key string, known []string) {
	hint := suggest(key, known)
	switch {
	case hint != "":
	case key == "optional":
		hint = "an optional field has a question mark: ?string"
	case key == "doc":
		hint = "the doc is a // comment above the field"
	case slices.Contains(noteNames, key):
		hint = key + " is for fields; bounds are pattern, min, max"
	}
	p.fail(hint, "no annotation %q here", key)
}

func (p *parser) bound(t *Type, key string) {
	p.advance()
	p.want("=", "after "+key, "")
	if key == "pattern" {
		t.Pattern = p.quoted("a pattern")
		return
	}
	if !p.is(tokNumber) {
		p.expected("a number", "")
	}
	n, err := strconv.ParseFloat(p.peek().text, 64)
	if err != nil || math.IsInf(n, 0) || !jsonNumber(p.peek().text) {
		p.fail("", "%s is no number", p.peek().text)
	}
	p.advance()
	if key == "min" {
		t.Min = &n
	} else {
		t.Max = &n
	}
}

// typ reads a type. In a field, what stands in brackets after it is the field's.
func (p *parser) typ(inField bool) (t Type, at *mark) {
	at = &mark{at: p.peek().pos, notes: make(map[string]Pos)}
	t = p.bare()
	if !inField && p.is("(") {
		p.notes(at, func(key string) {
			if !slices.Contains(boundNames, key) {
				p.noNote(key, boundNames)
			}
			p.bound(&t, key)
		})
	}
	return t, at
}

func (p *parser) bare() Type {
	tok := p.peek()
	p.shallow()
	switch {
	case tok.kind == "[":
		p.advance()
		t := Type{Kind: List, Of: p.of()}
		p.want("]", "after the type of a list", "")
		return t
	case tok.kind == "{":
		return p.braced()
	case tok.kind == "?":
		p.fail("only fields are optional", "? does not belong here")
	case tok.kind != tokWord:
		p.expected("a type", "")
	case tok.text == "enum" || tok.text == "union":
		return p.cases(Kind(p.advance().text))
	case isTypeName(tok.text):
		return Type{Kind: Named, Name: p.advance().text}
	case slices.Contains(scalars, tok.text):
		return Type{Kind: Kind(p.advance().text)}
	}
	hint := meant[tok.text]
	if hint == "" {
		hint = suggest(tok.text, scalars)
	}
	if hint == "" {
		hint = "the types are bool int int64 uint64 float string bytes time any [T] {T} { name: T } enum(…) union(…), and names with a capital"
	}
	p.fail(hint, "no type %q", tok.text)
	panic(bail{})
}

var scalars = []string{"bool", "int", "int64", "uint64", "float", "string", "bytes", "time", "any"}

// meant are words of other languages.
var meant = map[string]string{
	"str": "did you mean string?", "text": "did you mean string?", "char": "did you mean string?",
	"boolean": "did you mean bool?", "integer": "did you mean int?", "number": "did you mean float, or int?",
	"i32": "did you mean int?", "int32": "did you mean int?", "uint32": "int(min=0, max=4294967295) is its like", "uint": "int(min=0) is its like",
	"i64": "did you mean int64, or int?", "long": "did you mean int64, or int?", "u64": "did you mean uint64?",
	"double": "did you mean float?", "float64": "did you mean float?", "float32": "did you mean float?",
	"byte": "did you mean bytes?", "blob": "did you mean bytes?", "data": "did you mean bytes?",
	"date": "did you mean time?", "datetime": "did you mean time?", "timestamp": "did you mean time?",
	"duration": `did you mean float(unit="s")?`,
	"list":     "a list of T is [T]", "array": "a list of T is [T]", "map": "a map to T is {T}", "dict": "a map to T is {T}",
	"object": "did you mean any, or {any}?", "json": "did you mean any?", "void": "a method without a result ends after its params",
	"struct": "a struct is { name: type }", "stream": "a stream is what a method gives: -> stream Type",
}

// of reads the type of elements.
func (p *parser) of() *Type {
	t, at := p.typ(false)
	p.f.marks[&t] = at
	return &t
}

// braced reads a map, {T}, or a struct, { name: T }.
func (p *parser) braced() Type {
	name, colon := p.ahead(1), p.ahead(2)
	if name.kind == "}" || name.kind == tokWord && colon.kind == ":" {
		return Type{Kind: Struct, Fields: p.fields("{", "}")}
	}
	p.advance()
	t := Type{Kind: Map, Of: p.of()}
	p.want("}", "after the type of a map", "a struct is { name: type }")
	return t
}

func (p *parser) cases(kind Kind) Type {
	cs := []Case{}
	var types []*mark
	marks := p.list("(", ")", "cases", func(m *mark) {
		m.at = p.peek().pos
		c := Case{Doc: m.doc, Name: p.name("a case")}
		var at *mark
		switch {
		case kind == Union:
			p.want(":", "and a struct after "+strconv.Quote(c.Name), "union("+c.Name+": { … })")
			var t Type
			t, at = p.typ(false)
			c.Type = &t
		case p.is(":"):
			p.fail("cases with values are those of a union", "the cases of an enum are names alone")
		}
		cs, types = append(cs, c), append(types, at)
	})
	if len(marks) == len(cs) {
		for i := range cs {
			p.f.marks[&cs[i]] = marks[i]
			if cs[i].Type != nil {
				p.f.marks[cs[i].Type] = types[i]
			}
		}
	}
	return Type{Kind: kind, Options: cs}
}
