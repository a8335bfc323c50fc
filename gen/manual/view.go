package manual

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/sabir-ipc/sabir/idl"
)

// view is what the templates show.
type view struct {
	Title    string
	Style    template.CSS
	Services []*service
}

// service is one service; ids and links begin with its name.
type service struct {
	Name, Version string
	Doc           []block
	Members       []*member
	Types         []*declared
	Errors        []*declared
}

type member struct {
	ID, Name, Kind string
	Signature      []token // the whole of it, on lines
	Short          string  // the first sentence of the doc
	Doc            []block
	Marks          []string // flags, access, since
	Deprecated     string
	Params, Result []field
	Errors         []link
	Example        string
}

// declared is a type or an error.
type declared struct {
	ID, Name string
	Short    string
	Doc      []block
	Fields   []field // of a struct or an error
	Cases    []field // of an enum or a union
	Code     []token // of any other type
	Uses     []link  // the members that need it
}

type field struct {
	Name       string
	Type       []token
	Optional   bool
	Doc        []block
	Notes      []note
	Deprecated string
}

// note is one more thing about a field: "default", "3". Without a value it is a
// word alone.
type note struct{ Key, Value string }

type link struct{ ID, Name, Short string }

func newView(services []*idl.Service) *view {
	v := &view{Style: template.CSS(style)}
	var names []string
	for _, s := range services {
		v.Services = append(v.Services, newService(s))
		names = append(names, s.Name)
	}
	v.Title = strings.Join(names, ", ")
	return v
}

type builder struct {
	s  *idl.Service
	ws *words
}

func newService(s *idl.Service) *service {
	b := &builder{s, newWords(s)}
	v := &service{Name: s.Name, Version: s.Version, Doc: blocks(s.Doc)}
	for i := range s.Members {
		v.Members = append(v.Members, b.member(&s.Members[i]))
	}
	for i := range s.Types {
		v.Types = append(v.Types, b.namedType(&s.Types[i]))
	}
	for i := range s.Errors {
		e := &s.Errors[i]
		d := &declared{ID: b.ws.errorID(e.Name), Name: e.Name, Short: firstSentence(e.Doc), Doc: blocks(e.Doc), Fields: b.fields(e.Fields)}
		for _, m := range s.Members {
			for _, name := range m.Errors {
				if name == e.Name {
					d.Uses = append(d.Uses, b.memberLink(&m))
				}
			}
		}
		v.Errors = append(v.Errors, d)
	}
	return v
}

func (b *builder) memberLink(m *idl.Member) link {
	return link{b.ws.memberID(m.Name), m.Name, firstSentence(m.Doc)}
}

func (b *builder) member(m *idl.Member) *member {
	v := &member{
		ID: b.ws.memberID(m.Name), Name: m.Name, Kind: string(m.Kind), Short: firstSentence(m.Doc), Doc: blocks(m.Doc),
		Signature: b.ws.tokens(bare(m).Signature()), Deprecated: m.Deprecated,
		Params: telling(b.fields(m.Params)), Result: telling(b.fields(m.Result)), Example: example(b.s, m),
	}
	mark := func(is bool, text string) {
		if is {
			v.Marks = append(v.Marks, text)
		}
	}
	mark(m.Readonly, "readonly")
	mark(m.Idempotent, "idempotent")
	mark(m.Destructive, "destructive")
	mark(m.Common, "common")
	mark(m.Unstable, "unstable")
	mark(true, "access "+string(m.Needs()))
	mark(m.Since != "", "since "+m.Since)
	told := false
	for _, name := range m.Errors {
		l := link{ID: b.ws.errorID(name), Name: name}
		for i := range b.s.Errors {
			if b.s.Errors[i].Name == name {
				l.Short = firstSentence(b.s.Errors[i].Doc)
			}
		}
		told = told || l.Short != ""
		v.Errors = append(v.Errors, l)
	}
	if !told {
		v.Errors = nil // the signature names them
	}
	return v
}

// bare is a member without what is said apart from its signature.
func bare(m *idl.Member) *idl.Member {
	strip := func(fs []idl.Field) (out []idl.Field) {
		for _, f := range fs {
			out = append(out, idl.Field{Name: f.Name, Type: f.Type, Optional: f.Optional})
		}
		return out
	}
	return &idl.Member{Kind: m.Kind, Name: m.Name, Params: strip(m.Params), Result: strip(m.Result), Item: m.Item, Errors: m.Errors}
}

func (b *builder) namedType(t *idl.NamedType) *declared {
	d := &declared{ID: b.ws.typeID(t.Name), Name: t.Name, Short: firstSentence(t.Doc), Doc: blocks(t.Doc)}
	switch t.Type.Kind {
	case idl.Struct:
		d.Fields = b.fields(t.Type.Fields)
	case idl.Enum, idl.Union:
		for _, c := range t.Type.Options {
			f := field{Name: c.Name, Doc: blocks(c.Doc)}
			if c.Type != nil {
				f.Type = b.ws.tokens(c.Type.String())
			}
			d.Cases = append(d.Cases, f)
		}
	default:
		d.Code = b.ws.tokens(t.Type.String())
	}
	for i := range b.s.Members {
		if m := &b.s.Members[i]; b.s.Uses(m, t.Name) {
			d.Uses = append(d.Uses, b.memberLink(m))
		}
	}
	return d
}

func (b *builder) fields(fs []idl.Field) (all []field) {
	for i := range fs {
		f := &fs[i]
		v := field{Name: f.Name, Type: b.ws.tokens(f.Type.String()), Optional: f.Optional, Doc: blocks(f.Doc), Deprecated: f.Deprecated}
		add := func(is bool, key, value string) {
			if is {
				v.Notes = append(v.Notes, note{key, value})
			}
		}
		add(f.Default != nil, "default", idl.Literal(f.Default))
		add(f.Example != nil, "example", idl.Literal(f.Example))
		add(f.Unit != "", "unit", f.Unit)
		add(f.Since != "", "since", f.Since)
		add(f.Sensitive, "sensitive", "")
		all = append(all, v)
	}
	return all
}

// telling leaves out fields of which the signature says all.
func telling(fs []field) []field {
	for _, f := range fs {
		if len(f.Doc)+len(f.Notes) > 0 || f.Deprecated != "" {
			return fs
		}
	}
	return nil
}

// example is a line for a shell.
func example(s *idl.Service, m *idl.Member) string {
	var args strings.Builder
	for i := range m.Params {
		if f := &m.Params[i]; !f.Optional {
			fmt.Fprintf(&args, " %s", argument(s, f))
		}
	}
	verb := "call"
	switch {
	case m.Kind == idl.Topic || m.Kind == idl.State || m.Kind == idl.Table:
		verb = "watch"
	case m.Readonly && m.Kind == idl.Method:
		verb = "get"
	}
	return "sabir " + verb + " " + s.Name + "." + m.Name + args.String()
}

// argument is a param as a person would type it: its example, else a word for
// what goes there.
func argument(s *idl.Service, f *idl.Field) string {
	t := s.Resolve(&f.Type)
	if t == nil {
		return f.Name + "=…"
	}
	if text, ok := f.Example.(string); ok {
		return f.Name + "=" + shellWord(text)
	}
	if f.Example != nil {
		return f.Name + ":=" + shellWord(idl.Literal(f.Example))
	}
	switch t.Kind {
	case idl.Enum:
		if len(t.Options) > 0 {
			return f.Name + "=" + t.Options[0].Name
		}
	case idl.Bool:
		return f.Name + "=true"
	case idl.Time:
		return f.Name + "=now"
	case idl.List, idl.Map, idl.Struct, idl.Union:
		return f.Name + ":=" + map[bool]string{true: "'[…]'", false: "'{…}'"}[t.Kind == idl.List]
	}
	return f.Name + "=…"
}

// shellWord quotes a text for a shell where it needs it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,@%+", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
