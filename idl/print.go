package idl

import (
	"strings"
)

// String returns the service as text: its doc and members, then its types and
// errors, in declared order.
func (s *Service) String() string {
	var p printer
	p.service(s)
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
	s.reach(m, seen)
	for _, name := range m.Errors {
		seen["!"+name] = true
		for i := range s.Errors {
			if s.Errors[i].Name == name {
				s.reach(&s.Errors[i], seen)
			}
		}
	}
	return seen
}

// printer writes declarations. With marks, of a file, it writes what the file
// has beside the tree as well. spec [I2]
type printer struct {
	strings.Builder
	marks map[any]*mark
}

func (p *printer) line(parts ...string) {
	for _, s := range parts {
		p.WriteString(s)
	}
	p.WriteByte('\n')
}

func (p *printer) doc(doc string) { p.comment(docLines(doc)) }

func (p *printer) comment(lines []string) {
	for _, l := range lines {
		p.line(strings.TrimRight("// "+l, " "))
	}
}

// Format returns the text of the file in the one form that there is for it,
// with all its comments. What is formatted already stays as it is.
func (f *File) Format() string {
	p := printer{marks: f.marks}
	for i, node := range f.order {
		m := f.marks[node]
		if i > 0 && m.blank {
			p.line()
		}
		for _, block := range m.loose {
			p.comment(block)
			p.line()
		}
		p.declaration(node)
	}
	for i, block := range f.end {
		if i > 0 || len(f.order) > 0 {
			p.line()
		}
		p.comment(block)
	}
	return p.String()
}

func (p *printer) declaration(node any) {
	switch n := node.(type) {
	case *Import:
		p.ended(node, "import ", strings.Join(n.Names, ", "), " from ", quote(n.From))
	case *Service:
		p.service(n)
	case *Member:
		p.member(n)
	case *NamedType:
		p.namedType(n)
	case *NamedError:
		p.namedError(n)
	}
}

// ended writes the last line of a declaration, with the remark after it.
func (p *printer) ended(node any, parts ...string) {
	if m := p.marks[node]; m != nil && m.trail != "" {
		parts = append(parts, " // ", m.trail)
	}
	p.line(parts...)
}

func (p *printer) service(s *Service) {
	p.doc(s.Doc)
	p.ended(s, "service ", s.Name, " ", version(s.Version))
}

// version writes a version bare if it can stand so. spec [I1]
func version(v string) string {
	if v == "" || v[0] == '"' || strings.Contains(v, "//") || declarations[v] || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return quote(v)
	}
	return v
}

func (p *printer) member(m *Member) {
	p.doc(m.Doc)
	p.ended(m, p.signature(m), m.flags())
}

// Signature returns the member on one line (more where fields have docs),
// without doc and flags.
func (m *Member) Signature() string { return new(printer).signature(m) }

func (p *printer) signature(m *Member) string {
	keyword := string(m.Kind)
	if m.Kind == Stream {
		keyword = string(Method)
	}
	s := keyword + " " + m.Name
	if len(m.Params) > 0 || !m.Kind.Subscribed() {
		s += p.fields("(", ")", "", m.Params)
	}
	switch {
	case m.Kind == Stream:
		s += " -> stream " + p.typ(m.Item, nil)
	case m.Kind.Subscribed():
		s += ": " + p.typ(m.Item, nil)
	case len(m.Result) > 0:
		s += " -> " + p.fields("(", ")", "", m.Result)
	}
	if len(m.Errors) > 0 {
		s += " ! " + strings.Join(m.Errors, ", ")
	}
	return s
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
	p.doc(t.Doc)
	p.ended(t, "type ", t.Name, " ", p.typ(&t.Type, nil))
}

func (p *printer) namedError(e *NamedError) {
	p.doc(e.Doc)
	if len(e.Fields) == 0 {
		p.ended(e, "error ", e.Name)
		return
	}
	p.ended(e, "error ", e.Name, " ", p.fields("{", "}", " ", e.Fields))
}

// Uses reports whether a member, or one of its errors, needs a named type,
// directly or not.
func (s *Service) Uses(m *Member, typeName string) bool { return s.used(m)[typeName] }
