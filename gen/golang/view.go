package golang

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/names"
)

// view is what the template shows. All text in it is Go.
type view struct {
	Package string
	Service string // "lounge"
	New     string // the arguments of sabir.NewService
	Doc     []string
	Imports []string
	Members []*member // in declared order
	Calls   []*member // methods and streams
	Feeds   []*member // topics, states and tables
	Types   []*decl
	Errors  []*decl
	Inner   []*decl // params, results, and types that have no name of their own
}

// member is one member on both sides.
type member struct {
	Kind    string
	Name    string // Say
	Full    string // lounge.say
	Short   string // say
	Doc     []string
	Params  string // "" where it has none
	In      string // the type of its params, in any case
	Result  string // "" where a method has none
	Item    string
	Watch   string // the client's methods
	Field   string // of the service
	Accept  string // of the hooks
	Listen  string
	Options []string
}

// decl is a type.
type decl struct {
	Kind    string // struct, enum, union, or other
	Name    string
	Doc     []string
	About   string // its doc, quoted
	Of      string // what is right of the name, if it is no struct
	Fields  []field
	Cases   []enumCase
	Names   string // the names of the cases, quoted
	Docs    bool   // some case has a doc
	Named   bool   // Said is not what Go would say
	Said    string
	Bounded bool
	Bounds  string
	Alias   string // a value of what it is another name for
	Message string // of an error: the arguments of Sprintf
}

type field struct{ Name, Type, Tag string }

type enumCase struct {
	Const, Name string
	Doc         []string
	About       string
}

type builder struct {
	s      *idl.Service
	v      *view
	names  names.Scope
	types  map[string]string // Go names by those of the description
	errors map[string]string
	uses   map[string]bool
}

func newView(s *idl.Service, name string) *view {
	b := &builder{s: s, v: &view{Package: name, Service: s.Name, Doc: lines(s.Doc)}, types: make(map[string]string), errors: make(map[string]string), uses: make(map[string]bool)}
	b.v.New = fmt.Sprintf("%q, %q, %s", s.Name, s.Version, quote(s.Doc))
	b.names = make(names.Scope).With("API", "Client", "NewClient", "Service", "NewService", "Hooks")
	for i := range s.Types {
		b.types[s.Types[i].Name] = b.names.Free(s.Types[i].Name, s.Types[i].Name+"Type")
	}
	for i := range s.Errors {
		b.errors[s.Errors[i].Name] = b.names.Free(s.Errors[i].Name, s.Errors[i].Name+"Error")
	}
	for i := range s.Types {
		t := &s.Types[i]
		d := b.declare(b.types[t.Name], t.Name, &t.Type)
		d.Doc, d.About = lines(t.Doc), quote(t.Doc)
		b.v.Types = append(b.v.Types, d)
	}
	for i := range s.Errors {
		b.v.Errors = append(b.v.Errors, b.failure(&s.Errors[i]))
	}
	b.members()
	b.imports()
	return b.v
}

func (b *builder) imports() {
	if len(b.s.Members) > 0 {
		b.uses["context"] = true
	}
	for _, m := range b.s.Members {
		if m.Kind != idl.Method {
			b.uses["iter"] = true
		}
	}
	for name := range b.uses {
		b.v.Imports = append(b.v.Imports, name)
	}
	slices.Sort(b.v.Imports)
}

func (b *builder) members() {
	scope := make(names.Scope)
	fields := make(names.Scope).With("Service", "Handle", "Describe", "Name", "Errors")
	hooks := make(names.Scope)
	var all []*member
	for i := range b.s.Members {
		m := &b.s.Members[i]
		all = append(all, &member{Kind: string(m.Kind), Name: scope.Free(camel(m.Name)), Short: m.Name, Full: b.s.Name + "." + m.Name})
	}
	for i, v := range all {
		m := &b.s.Members[i]
		v.Doc = docOf(m.Doc, m.Deprecated)
		v.In = "sabir.None"
		if len(m.Params) > 0 {
			v.Params = b.inner(v.Name+"Params", m.Params, "are the params of "+v.Full)
			v.In = v.Params
		}
		if len(m.Result) > 0 {
			v.Result = b.inner(v.Name+"Result", m.Result, "is the result of "+v.Full)
		}
		if m.Item != nil {
			v.Item = b.item(m.Item, v.Name+"Item")
		}
		if m.Kind.Subscribed() {
			v.Watch, v.Field = scope.Free("Watch"+v.Name), fields.Free(v.Name)
			v.Accept, v.Listen = hooks.Free("Accept"+v.Name), hooks.Free("On"+v.Name+"Listeners")
			b.v.Feeds = append(b.v.Feeds, v)
		} else {
			b.v.Calls = append(b.v.Calls, v)
		}
		v.Options = b.options(m, v)
		b.v.Members = append(b.v.Members, v)
	}
}

// inner declares a struct that has a name in Go alone.
func (b *builder) inner(name string, fields []idl.Field, about string) string {
	d := &decl{Kind: "struct", Name: b.names.Free(name)}
	d.Doc = []string{d.Name + " " + about + "."}
	b.v.Inner = append(b.v.Inner, d)
	d.Fields = b.fields(fields, make(names.Scope), d.Name)
	return d.Name
}

func (b *builder) options(m *idl.Member, v *member) []string {
	var flags, out []string
	add := func(is bool, s string) {
		if is {
			flags = append(flags, "sabir."+s)
		}
	}
	add(m.Readonly, "Readonly")
	add(m.Idempotent, "Idempotent")
	add(m.Destructive, "Destructive")
	add(m.Common, "Common")
	add(m.Access != "", "Needs("+strconv.Quote(string(m.Access))+")")
	add(m.Deprecated != "", "Deprecated("+quote(m.Deprecated)+")")
	add(m.Since != "", "Since("+quote(m.Since)+")")
	add(m.Unstable, "Unstable")
	if len(flags) > 0 {
		out = append(out, strings.Join(flags, ", "))
	}
	if len(m.Errors) > 0 {
		var samples []string
		for _, e := range m.Errors {
			samples = append(samples, b.errors[e]+"{}")
		}
		out = append(out, "sabir.Errors("+strings.Join(samples, ", ")+")")
	}
	if v.Field != "" {
		out = append(out, "sabir.Accept(hooks."+v.Accept+"), sabir.OnListeners(hooks."+v.Listen+")")
	}
	if m.Doc != "" {
		out = append(out, "sabir.Doc("+quote(m.Doc)+")")
	}
	return out
}

// failure declares an error, with a message out of its name and what is plain of
// its fields.
func (b *builder) failure(e *idl.NamedError) *decl {
	d := &decl{Kind: "struct", Name: b.errors[e.Name], Doc: lines(e.Doc), About: quote(e.Doc)}
	d.Named, d.Said = d.Name != e.Name, e.Name
	d.Fields = b.fields(e.Fields, make(names.Scope).With("Error", "SabirName"), d.Name)
	message, args := words(e.Name), ""
	for i := range e.Fields {
		f := &e.Fields[i]
		verb := map[idl.Kind]string{
			idl.Int: "%d", idl.Int64: "%d", idl.Uint64: "%d", idl.Bool: "%t", idl.Float: "%v", idl.String: "%q", idl.Enum: "%s",
		}[b.kind(&f.Type)]
		if verb != "" && !f.Optional && !f.Sensitive {
			message += cmp.Or(map[bool]string{true: ": "}[args == ""], ", ") + f.Name + " " + verb
			args += ", e." + d.Fields[i].Name
		}
	}
	d.Message = strconv.Quote(message)
	if args != "" {
		d.Message = "fmt.Sprintf(" + d.Message + args + ")"
		b.uses["fmt"] = true
	}
	return d
}

func quote(s string) string {
	if strconv.CanBackquote(s) && strings.Contains(s, `"`) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

func lines(doc string) []string {
	if doc == "" {
		return nil
	}
	return strings.Split(doc, "\n")
}

func docOf(doc, deprecated string) []string {
	all := lines(doc)
	if deprecated != "" {
		if len(all) > 0 {
			all = append(all, "")
		}
		all = append(all, lines("Deprecated: "+deprecated)...)
	}
	return all
}
