package idl

import (
	"encoding/json"
	"strconv"
	"strings"
)

// String returns the service as text: its doc and members, then its types and
// errors, in declared order.
func (s *Service) String() string {
	var p printer
	p.doc("", s.Doc)
	p.line("service ", s.Name, " ", s.Version)
	if len(s.Members) > 0 {
		p.line()
	}
	for i := range s.Members {
		p.member(&s.Members[i])
	}
	if len(s.Types)+len(s.Errors) > 0 {
		p.line()
	}
	for i := range s.Types {
		p.namedType(&s.Types[i])
	}
	for i := range s.Errors {
		p.namedError(&s.Errors[i])
	}
	return p.String()
}

// MemberText returns one member as text, followed by the types and errors that
// it uses, directly or not.
func (s *Service) MemberText(name string) string {
	m := s.Member(name)
	if m == nil {
		return ""
	}
	var p printer
	p.member(m)
	used := s.used(m)
	blank := true
	gap := func() {
		if blank {
			p.line()
			blank = false
		}
	}
	for i := range s.Types {
		if used[s.Types[i].Name] {
			gap()
			p.namedType(&s.Types[i])
		}
	}
	for i := range s.Errors {
		if used["!"+s.Errors[i].Name] {
			gap()
			p.namedError(&s.Errors[i])
		}
	}
	return p.String()
}

// used collects the names of the types a member needs and, with a !, of its errors.
func (s *Service) used(m *Member) map[string]bool {
	seen := make(map[string]bool)
	var walk func(t *Type)
	fields := func(fs []Field) {
		for i := range fs {
			walk(&fs[i].Type)
		}
	}
	walk = func(t *Type) {
		if t == nil {
			return
		}
		if t.Kind == Named && !seen[t.Name] {
			seen[t.Name] = true
			for i := range s.Types {
				if s.Types[i].Name == t.Name {
					walk(&s.Types[i].Type)
				}
			}
		}
		walk(t.Of)
		fields(t.Fields)
		for i := range t.Options {
			walk(t.Options[i].Type)
		}
	}
	fields(m.Params)
	fields(m.Result)
	walk(m.Item)
	for _, name := range m.Errors {
		seen["!"+name] = true
		for i := range s.Errors {
			if s.Errors[i].Name == name {
				fields(s.Errors[i].Fields)
			}
		}
	}
	return seen
}

type printer struct{ strings.Builder }

func (p *printer) line(parts ...string) {
	for _, s := range parts {
		p.WriteString(s)
	}
	p.WriteByte('\n')
}

func (p *printer) doc(indent, doc string) {
	if doc == "" {
		return
	}
	for l := range strings.SplitSeq(doc, "\n") {
		p.line(strings.TrimRight(indent+"// "+l, " "))
	}
}

func (p *printer) member(m *Member) {
	p.doc("", m.Doc)
	p.line(m.Signature(), m.flags())
}

// Signature returns the member on one line (more where fields have docs),
// without doc and flags.
func (m *Member) Signature() string {
	var p printer
	keyword := string(m.Kind)
	if m.Kind == Stream {
		keyword = string(Method)
	}
	p.WriteString(keyword + " " + m.Name)
	if len(m.Params) > 0 || !m.Kind.Subscribed() {
		p.WriteString("(")
		p.fields(m.Params, "")
		p.WriteString(")")
	}
	switch {
	case m.Kind == Stream:
		p.WriteString(" -> stream " + m.Item.String())
	case m.Kind.Subscribed():
		p.WriteString(": " + m.Item.String())
	case len(m.Result) > 0:
		p.WriteString(" -> (")
		p.fields(m.Result, "")
		p.WriteString(")")
	}
	if len(m.Errors) > 0 {
		p.WriteString(" ! " + strings.Join(m.Errors, ", "))
	}
	return p.String()
}

// flags come last, two spaces apart from what they qualify.
func (m *Member) flags() string {
	var out []string
	add := func(is bool, s string) {
		if is {
			out = append(out, s)
		}
	}
	add(m.Readonly, "readonly")
	add(m.Idempotent, "idempotent")
	add(m.Destructive, "destructive")
	add(m.Common, "common")
	add(m.Access != NoAccess, "access="+string(m.Access))
	add(m.Deprecated != "", "deprecated="+quote(m.Deprecated))
	add(m.Since != "", "since="+quote(m.Since))
	add(m.Unstable, "unstable")
	if len(out) == 0 {
		return ""
	}
	return "  " + strings.Join(out, " ")
}

func (p *printer) namedType(t *NamedType) {
	p.doc("", t.Doc)
	p.line("type ", t.Name, " ", t.Type.String())
}

func (p *printer) namedError(e *NamedError) {
	p.doc("", e.Doc)
	if len(e.Fields) == 0 {
		p.line("error ", e.Name)
		return
	}
	t := Type{Kind: Struct, Fields: e.Fields}
	p.line("error ", e.Name, " ", t.String())
}

// fields writes them on one line, or one a line if any has a doc.
func (p *printer) fields(fs []Field, pad string) {
	documented := false
	for i := range fs {
		documented = documented || fs[i].Doc != ""
	}
	if !documented {
		for i := range fs {
			if i > 0 {
				p.WriteString(", ")
			} else {
				p.WriteString(pad)
			}
			p.WriteString(fs[i].String())
		}
		p.WriteString(pad)
		return
	}
	p.line()
	for i := range fs {
		p.doc("\t", fs[i].Doc)
		p.line("\t", strings.ReplaceAll(fs[i].String(), "\n", "\n\t"), ",")
	}
}

// String returns the field as it stands in text, without its doc.
func (f *Field) String() string {
	var notes []string
	add := func(is bool, key, value string) {
		if is {
			notes = append(notes, key+value)
		}
	}
	add(f.Default != nil, "default=", literal(f.Default))
	add(f.Example != nil, "example=", literal(f.Example))
	add(f.Unit != "", "unit=", quote(f.Unit))
	add(f.Deprecated != "", "deprecated=", quote(f.Deprecated))
	add(f.Since != "", "since=", quote(f.Since))
	add(f.Sensitive, "sensitive", "")
	s := f.Name + ": "
	if f.Optional {
		s += "?"
	}
	return s + f.Type.text(notes)
}

// String returns the type as it stands in text.
func (t *Type) String() string { return t.text(nil) }

func (t *Type) text(notes []string) string {
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
	s := t.bare()
	if notes = append(bounds, notes...); len(notes) > 0 {
		s += "(" + strings.Join(notes, ", ") + ")"
	}
	return s
}

func (t *Type) bare() string {
	switch t.Kind {
	case List:
		return "[" + t.Of.String() + "]"
	case Map:
		return "{" + t.Of.String() + "}"
	case Named:
		return t.Name
	case Struct:
		if len(t.Fields) == 0 {
			return "{}"
		}
		var p printer
		p.WriteString("{")
		p.fields(t.Fields, " ")
		p.WriteString("}")
		return p.String()
	case Enum, Union:
		var cases []string
		for _, c := range t.Options {
			if c.Type != nil {
				cases = append(cases, c.Name+": "+c.Type.String())
			} else {
				cases = append(cases, c.Name)
			}
		}
		return string(t.Kind) + "(" + strings.Join(cases, ", ") + ")"
	}
	return string(t.Kind)
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func quote(s string) string { return literal(s) }

// literal writes a value as JSON, without the escapes that are for HTML.
func literal(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}
