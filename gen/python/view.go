package python

import (
	"strconv"
	"strings"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/names"
)

// view is what the template shows. All text in it is Python.
type view struct {
	Service string // "lounge"
	Doc     string // of the module, quoted
	Tree    string // JSON
	Members []*member_
	Types   []*decl
	Errors  []*decl
	Aliases []*decl
	Results []*decl
}

// member_ is one member on both sides.
type member_ struct {
	Kind      string
	Name      string // the function, say
	Short     string // in the description
	Full      string // "lounge.say"
	Doc       string // quoted, or ""
	Signature string // ", room: str, name: str", what may be left out last
	Params    string // {"room": room, "name": name}
	Result    string // None, SayResult
	Item      string
	Feed      string // Topic, State, Table
	Watch     string // the function that subscribes
	Accept    string
	Listen    string
}

// decl is a class, or another name for a type.
type decl struct {
	Kind   string // struct, enum, union
	Name   string
	Said   string // the name in the description, or that of the member
	Doc    string
	Fields []attribute
	Of     string
}

type attribute struct{ Name, Type, Default string }

type builder struct {
	s      *idl.Service
	v      *view
	names  names.Scope
	types  map[string]string // classes by the names of types
	errors map[string]string
}

func newView(s *idl.Service) *view {
	b := &builder{s: s, v: &view{Service: s.Name, Tree: tree(s)}, types: make(map[string]string), errors: make(map[string]string)}
	b.v.Doc = quote(s.Doc)
	if s.Doc == "" {
		b.v.Doc = quote("The service " + s.Name + ".")
	}
	b.names = names.Scope{"Client": true, "AsyncClient": true, "Service": true, "AsyncService": true, "DESCRIPTION": true, "None": true, "True": true, "False": true}
	for i := range s.Types {
		b.types[s.Types[i].Name] = b.names.Free(s.Types[i].Name, s.Types[i].Name+"Type")
	}
	for i := range s.Errors {
		b.errors[s.Errors[i].Name] = b.names.Free(s.Errors[i].Name, s.Errors[i].Name+"Error")
	}
	for i := range s.Types {
		b.declare(&s.Types[i])
	}
	for i := range s.Errors {
		e := &s.Errors[i]
		b.v.Errors = append(b.v.Errors, &decl{Kind: "struct", Name: b.errors[e.Name], Said: e.Name, Doc: quote(e.Doc), Fields: b.fields(e.Fields, safe)})
	}
	b.members()
	return b.v
}

func (b *builder) declare(t *idl.NamedType) {
	d := &decl{Kind: string(t.Type.Kind), Name: b.types[t.Name], Said: t.Name, Doc: quote(t.Doc)}
	switch t.Type.Kind {
	case idl.Struct:
		d.Fields = b.fields(t.Type.Fields, safe)
	case idl.Enum:
		scope := make(names.Scope).With(textMethods...)
		for _, c := range t.Type.Options {
			d.Fields = append(d.Fields, attribute{Name: scope.Free(safe(c.Name), safe(c.Name)+"_"), Default: strconv.Quote(c.Name)})
		}
	case idl.Union:
		for _, c := range t.Type.Options {
			of := "typing.Dict[str, typing.Any]"
			if c.Type != nil {
				of = b.expr(c.Type, false)
			}
			name := safe(c.Name)
			if name == "type" || name == "value" { // which every union has
				name += "_"
			}
			d.Fields = append(d.Fields, attribute{Name: name, Type: of})
		}
	default:
		d.Of = b.expr(&t.Type, true)
		b.v.Aliases = append(b.v.Aliases, d)
		return
	}
	b.v.Types = append(b.v.Types, d)
}

// fields are those of a data class: what may be left out comes last.
func (b *builder) fields(fs []idl.Field, name func(string) string) (all []attribute) {
	for _, optional := range []bool{false, true} {
		for i := range fs {
			if fs[i].Optional != optional {
				continue
			}
			a := attribute{Name: name(fs[i].Name), Type: b.expr(&fs[i].Type, false)}
			if optional {
				a.Type, a.Default = "typing.Optional["+a.Type+"]", "None"
			}
			all = append(all, a)
		}
	}
	return all
}

// expr writes a type. flat: names for what is no class are resolved, since they
// may stand below.
func (b *builder) expr(t *idl.Type, flat bool) string {
	switch t.Kind {
	case idl.Named:
		of := b.s.Resolve(t)
		if of == nil {
			return "typing.Any"
		}
		if flat && of.Kind != idl.Struct && of.Kind != idl.Enum && of.Kind != idl.Union {
			return b.expr(of, true)
		}
		if flat {
			return b.class(t.Name)
		}
		return b.types[t.Name]
	case idl.List:
		return "typing.List[" + b.expr(t.Of, flat) + "]"
	case idl.Map:
		return "typing.Dict[str, " + b.expr(t.Of, flat) + "]"
	case idl.Struct, idl.Union:
		return "typing.Dict[str, typing.Any]"
	case idl.Int, idl.Int64, idl.Uint64:
		return "int"
	case idl.String, idl.Enum:
		return "str"
	case idl.Time:
		return "datetime.datetime"
	case idl.Bool, idl.Float, idl.Bytes:
		return string(t.Kind)
	}
	return "typing.Any"
}

// class is the name of the class at the end of a chain of names.
func (b *builder) class(name string) string {
	for i := range b.s.Types {
		if t := &b.s.Types[i]; t.Name == name && t.Type.Kind == idl.Named {
			return b.class(t.Type.Name)
		}
	}
	return b.types[name]
}

func (b *builder) members() {
	scope := make(names.Scope).With("client", "service")
	for i := range b.s.Members {
		m := &b.s.Members[i]
		v := &member_{Kind: string(m.Kind), Name: scope.Free(safe(m.Name), safe(m.Name)+"_"), Short: m.Name, Full: b.s.Name + "." + m.Name, Doc: quote(m.Doc), Result: "None"}
		for _, f := range b.fields(m.Params, argument) {
			v.Signature += ", " + f.Name + ": " + f.Type
			if f.Default != "" {
				v.Signature += " = " + f.Default
			}
		}
		var params []string
		for _, f := range m.Params {
			params = append(params, strconv.Quote(f.Name)+": "+argument(f.Name))
		}
		v.Params = "{" + strings.Join(params, ", ") + "}"
		if len(m.Result) > 0 {
			d := &decl{Kind: "struct", Said: m.Name, Doc: quote("The result of " + m.Name + "."), Fields: b.fields(m.Result, safe)}
			d.Name = b.names.Free(camel(m.Name) + "Result")
			v.Result = d.Name
			b.v.Results = append(b.v.Results, d)
		}
		if m.Item != nil {
			v.Item = b.expr(m.Item, false)
		}
		b.v.Members = append(b.v.Members, v)
	}
	for _, v := range b.v.Members {
		if idl.MemberKind(v.Kind).Subscribed() {
			v.Feed = camel(v.Kind)
			v.Watch, v.Accept, v.Listen = scope.Free("watch_"+v.Name), scope.Free("accept_"+v.Name), scope.Free("on_"+v.Name)
		}
	}
}
