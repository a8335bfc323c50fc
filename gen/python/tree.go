package python

import (
	"strings"

	"github.com/sabir-ipc/sabir/idl"
)

// tree writes a description as rpc.describe has it, a member, type and error a
// line, which Python reads when the module is loaded. spec [D1]
func tree(s *idl.Service) string {
	var head object
	head.put("name", s.Name)
	head.put("version", s.Version)
	head.text("doc", s.Doc)
	open := strings.TrimSuffix(head.String(), "}")
	return open + `,"members":` + lines(s.Members, member) + `,"types":` + lines(s.Types, func(t *idl.NamedType) string {
		var o object
		o.put("name", t.Name)
		o.text("doc", t.Doc)
		o.raw("type", typ(&t.Type))
		return o.String()
	}) + `,"errors":` + lines(s.Errors, func(e *idl.NamedError) string {
		var o object
		o.put("name", e.Name)
		o.text("doc", e.Doc)
		o.raw("fields", list(e.Fields, field))
		return o.String()
	}) + "}"
}

// object is JSON in the making.
type object struct{ parts []string }

func (o *object) String() string        { return "{" + strings.Join(o.parts, ",") + "}" }
func (o *object) raw(key, value string) { o.parts = append(o.parts, idl.Literal(key)+":"+value) }
func (o *object) put(key string, v any) { o.raw(key, idl.Literal(v)) }

func (o *object) text(key, v string) {
	if v != "" {
		o.put(key, v)
	}
}

func (o *object) flag(key string, is bool) {
	if is {
		o.raw(key, "true")
	}
}

func list[T any](all []T, one func(*T) string) string {
	parts := make([]string, len(all))
	for i := range all {
		parts[i] = one(&all[i])
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func lines[T any](all []T, one func(*T) string) string {
	if len(all) == 0 {
		return "[]"
	}
	parts := make([]string, len(all))
	for i := range all {
		parts[i] = "\n" + one(&all[i])
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func member(m *idl.Member) string {
	var o object
	o.put("kind", string(m.Kind))
	o.put("name", m.Name)
	o.text("doc", m.Doc)
	o.raw("params", list(m.Params, field))
	if m.Kind == idl.Method {
		o.raw("result", list(m.Result, field))
	}
	if m.Item != nil {
		o.raw("item", typ(m.Item))
	}
	if len(m.Errors) > 0 {
		o.raw("errors", list(m.Errors, func(e *string) string { return idl.Literal(*e) }))
	}
	o.flag("readonly", m.Readonly)
	o.flag("idempotent", m.Idempotent)
	o.flag("destructive", m.Destructive)
	o.flag("common", m.Common)
	o.text("access", string(m.Access))
	o.text("deprecated", m.Deprecated)
	o.text("since", m.Since)
	o.flag("unstable", m.Unstable)
	return o.String()
}

func field(f *idl.Field) string {
	var o object
	o.put("name", f.Name)
	o.text("doc", f.Doc)
	o.raw("type", typ(&f.Type))
	o.flag("optional", f.Optional)
	if f.Default != nil {
		o.put("default", f.Default)
	}
	if f.Example != nil {
		o.put("example", f.Example)
	}
	o.text("unit", f.Unit)
	o.text("deprecated", f.Deprecated)
	o.text("since", f.Since)
	o.flag("sensitive", f.Sensitive)
	return o.String()
}

func typ(t *idl.Type) string {
	var o object
	o.put("kind", string(t.Kind))
	o.text("name", t.Name)
	if t.Of != nil {
		o.raw("of", typ(t.Of))
	}
	if t.Kind == idl.Struct {
		o.raw("fields", list(t.Fields, field))
	}
	if len(t.Options) > 0 {
		o.raw("cases", list(t.Options, func(c *idl.Case) string {
			var o object
			o.put("name", c.Name)
			o.text("doc", c.Doc)
			if c.Type != nil {
				o.raw("type", typ(c.Type))
			}
			return o.String()
		}))
	}
	if t.Min != nil {
		o.put("min", *t.Min)
	}
	if t.Max != nil {
		o.put("max", *t.Max)
	}
	o.text("pattern", t.Pattern)
	return o.String()
}
