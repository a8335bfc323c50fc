package idl

import (
	"slices"
	"strings"
)

// openRPCVersion is what every tool of OpenRPC reads.
const openRPCVersion = "1.3.2"

// OpenRPC returns services as one OpenRPC document, as in spec [G5]. Without a
// title it has the name and the version of the first service. The text has no
// white space between its tokens.
func OpenRPC(title, version string, services []*Service) []byte {
	doc := ""
	if len(services) == 1 {
		doc = services[0].Doc
	}
	if title == "" && len(services) > 0 {
		title, version = services[0].Name, services[0].Version
	}
	info := object{{"title", title}, {"version", version}}
	info.has("description", doc)
	methods, types := array{}, object{}
	for _, s := range services {
		b := newSchemas(s, "#/components/schemas/"+s.Name+".")
		for i := range s.Members {
			if m := &s.Members[i]; slices.Contains(m.Kind.Cases(), string(m.Kind)) {
				methods = append(methods, b.method(m))
			}
		}
		types = append(types, b.components()...)
	}
	return appendJSON(nil, object{{"openrpc", openRPCVersion}, {"info", info}, {"methods", methods}, {"components", object{{"schemas", types}}}})
}

// components are the types and errors of a service.
func (b *schemas) components() (all object) {
	add := func(name, doc string, schema object) {
		all.put(b.s.Name+"."+name, about(titled(name, schema), doc))
	}
	for i := range b.s.Types {
		t := &b.s.Types[i]
		add(t.Name, words(t.Doc, caseDocs(&t.Type)), b.bare(&t.Type, b.closed[t.Name]))
	}
	for i := range b.s.Errors {
		e := &b.s.Errors[i]
		add(e.Name+".params", e.Doc, b.fields(e.Fields, false))
	}
	return all
}

func (b *schemas) method(m *Member) object {
	first, rest, _ := strings.Cut(m.Doc, "\n")
	o := object{{"name", b.s.Name + "." + m.Name}}
	o.has("summary", first)
	if strings.TrimSpace(rest) != "" || m.Deprecated != "" {
		doc := m.Doc
		if m.Deprecated != "" {
			doc = words(doc, "Deprecated: "+m.Deprecated)
		}
		o.put("description", doc)
	}
	o.put("tags", array{object{{"name", b.s.Name}}})
	o.put("paramStructure", "by-name")
	params := array{}
	for i := range m.Params {
		params = append(params, b.param(&m.Params[i]))
	}
	o.put("params", params)
	o.put("result", b.answer(m))
	if len(m.Errors) > 0 {
		o.put("errors", array{object{{"code", 1}, {"message", strings.Join(m.Errors, ", ")}}})
	}
	if m.Deprecated != "" {
		o.put("deprecated", true)
	}
	o.put("x-sabir", b.own(m))
	return o
}

func (b *schemas) param(f *Field) object {
	o := object{{"name", f.Name}}
	o.has("description", words(f.Doc, notes(b.s.Resolve(&f.Type), f)))
	o.put("required", !f.Optional)
	if f.Deprecated != "" {
		o.put("deprecated", true)
	}
	o.put("schema", b.field(&Field{Type: f.Type, Default: f.Default, Example: f.Example}, true))
	return o
}

// answer is what a plain request is answered with. spec [L5]
func (b *schemas) answer(m *Member) object {
	item := b.typ(m.Item, false)
	list := object{{"type", "array"}, {"items", item}}
	switch m.Kind {
	case Stream:
		return object{{"name", "items"}, {"schema", list}}
	case State:
		return object{{"name", "value"}, {"schema", item}}
	case Table:
		row := object{{"type", "object"}}.with(object{{"key", object{{"type", "string"}}}, {"value", item}}, array{"key", "value"}, false)
		return object{{"name", "rows"}, {"schema", object{{"type", "array"}, {"items", row}}}}
	case Topic:
		whole := object{{"type", "integer"}}
		came := object{{"epoch", object{{"type", "string"}}}, {"seq", whole}, {"lost", whole}, {"items", list}}
		return object{{"name", "came"}, {"schema", object{{"type", "object"}}.with(came, array{"epoch", "seq", "lost", "items"}, false)}}
	}
	return object{{"name", "result"}, {"schema", b.fields(m.Result, false)}}
}

// own is what OpenRPC has no place for.
func (b *schemas) own(m *Member) object {
	o := object{{"kind", string(m.Kind)}, {"access", string(m.Needs())}}
	flag := func(key string, is bool) {
		if is {
			o.put(key, true)
		}
	}
	flag("readonly", m.Readonly)
	flag("idempotent", m.Idempotent)
	flag("destructive", m.Destructive)
	flag("common", m.Common)
	flag("unstable", m.Unstable)
	o.has("since", m.Since)
	o.has("deprecated", m.Deprecated)
	if m.Item != nil {
		o.put("item", b.typ(m.Item, false))
	}
	var errors object
	for _, name := range m.Errors {
		errors.put(b.s.Name+"."+name, object{{"$ref", b.refs + name + ".params"}})
	}
	if len(errors) > 0 {
		o.put("errors", errors)
	}
	return o
}
