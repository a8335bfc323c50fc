package idl

import "strings"

// String returns the field as it stands in text, without its doc.
func (f *Field) String() string { return new(printer).field(f) }

// String returns the type as it stands in text.
func (t *Type) String() string { return new(printer).typ(t, nil) }

// element is one of a list: a field or a case.
type element struct {
	node any
	doc  string
	text string
}

// list writes elements on one line, or one a line if any has a doc or a remark,
// or the file has them so.
func (p *printer) list(opening, closing, pad string, elements []element) string {
	broken := false
	for i, e := range elements {
		m := p.marks[e.node]
		broken = broken || len(docLines(e.doc)) > 0 || m.remarked() || i == 0 && m != nil && m.broken
	}
	if !broken {
		texts := make([]string, len(elements))
		for i, e := range elements {
			texts[i] = e.text
		}
		return opening + pad + strings.Join(texts, ", ") + pad + closing
	}
	in := printer{marks: p.marks}
	for _, e := range elements {
		in.element(e)
	}
	return opening + "\n" + indent(in.String()) + closing
}

// element writes one on lines of its own.
func (p *printer) element(e element) {
	m := p.marks[e.node]
	if m == nil {
		m = new(mark)
	}
	for _, block := range m.loose {
		p.comment(block)
		p.line()
	}
	p.doc(e.doc)
	p.ended(e.node, e.text, ",")
	for i, block := range m.after {
		if i > 0 {
			p.line()
		}
		p.comment(block)
	}
}

// indent puts a tab before each line that is not empty.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteByte('\t')
		}
		b.WriteString(line)
	}
	return b.String()
}

func (p *printer) fields(opening, closing, pad string, fs []Field) string {
	if len(fs) == 0 {
		return opening + closing
	}
	elements := make([]element, len(fs))
	for i := range fs {
		elements[i] = element{&fs[i], fs[i].Doc, p.field(&fs[i])}
	}
	return p.list(opening, closing, pad, elements)
}

func (p *printer) field(f *Field) string {
	var notes []string
	add := func(is bool, key, value string) {
		if is {
			notes = append(notes, key+value)
		}
	}
	add(f.Default != nil, "default=", Literal(f.Default))
	add(f.Example != nil, "example=", Literal(f.Example))
	add(f.Unit != "", "unit=", quote(f.Unit))
	add(f.Deprecated != "", "deprecated=", quote(f.Deprecated))
	add(f.Since != "", "since=", quote(f.Since))
	add(f.Sensitive, "sensitive", "")
	s := f.Name + ": "
	if f.Optional {
		s += "?"
	}
	return s + p.typ(&f.Type, notes)
}

// typ writes a type with its bounds and, in the same brackets, the notes of the
// field that has it.
func (p *printer) typ(t *Type, notes []string) string {
	if t == nil {
		return "?" // left out of a description that came from elsewhere
	}
	var bounds []string
	if t.Pattern != "" {
		bounds = append(bounds, "pattern="+quote(t.Pattern))
	}
	if t.Min != nil {
		bounds = append(bounds, "min="+number(*t.Min))
	}
	if t.Max != nil {
		bounds = append(bounds, "max="+number(*t.Max))
	}
	s := p.bare(t)
	if notes = append(bounds, notes...); len(notes) > 0 {
		s += "(" + strings.Join(notes, ", ") + ")"
	}
	return s
}

func (p *printer) bare(t *Type) string {
	switch t.Kind {
	case List:
		return "[" + p.typ(t.Of, nil) + "]"
	case Map:
		return "{" + p.typ(t.Of, nil) + "}"
	case Named:
		return t.Name
	case Struct:
		return p.fields("{", "}", " ", t.Fields)
	case Enum, Union:
		if len(t.Options) == 0 {
			return string(t.Kind) + "()"
		}
		elements := make([]element, len(t.Options))
		for i := range t.Options {
			c := &t.Options[i]
			elements[i] = element{c, c.Doc, c.Name}
			if c.Type != nil {
				elements[i].text += ": " + p.typ(c.Type, nil)
			}
		}
		return p.list(string(t.Kind)+"(", ")", "", elements)
	}
	return string(t.Kind)
}
