package golang

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/names"
)

// kind is that of what a type stands for.
func (b *builder) kind(t *idl.Type) idl.Kind {
	if of := b.s.Resolve(t); of != nil {
		return of.Kind
	}
	return idl.Any
}

// expr writes a type where it is used. What Go has to name and the description
// does not is declared under a name made of site.
func (b *builder) expr(t *idl.Type, site string) string {
	switch t.Kind {
	case idl.Named:
		return b.types[t.Name]
	case idl.List:
		return "[]" + b.expr(t.Of, site)
	case idl.Map:
		return "map[string]" + b.expr(t.Of, site)
	case idl.Struct, idl.Enum, idl.Union:
		return b.inline(t, site)
	case idl.Float:
		return "float64"
	case idl.Bytes:
		return "[]byte"
	case idl.Time:
		b.uses["time"] = true
		return "time.Time"
	}
	return string(t.Kind)
}

func (b *builder) inline(t *idl.Type, site string) string {
	name := b.names.Free(site)
	place := len(b.v.Inner)
	b.v.Inner = append(b.v.Inner, nil)
	b.v.Inner[place] = b.declare(name, "", t)
	return name
}

// item writes the type of items, which have no tags for their bounds.
func (b *builder) item(t *idl.Type, site string) string {
	if t.Kind != idl.Named && bounds(t, "") != "" {
		return b.inline(t, site)
	}
	return b.expr(t, site)
}

// declare makes the Go type called name of a type; said is its name in the
// description.
func (b *builder) declare(name, said string, t *idl.Type) *decl {
	d := &decl{Kind: "other", Name: name, Named: name != said, Said: said}
	if t.Kind == idl.Named {
		d.Of = b.types[t.Name]
		d.Alias = b.zero(t)
	}
	of := b.s.Resolve(t)
	switch of.Kind {
	case idl.Struct, idl.Union:
		if t.Kind == idl.Named {
			return d
		}
		d.Kind = string(of.Kind)
		reserved := make(names.Scope).With("SabirName", "SabirAlias")
		if of.Kind == idl.Struct {
			d.Fields = b.fields(of.Fields, reserved, name)
			return d
		}
		for i := range of.Options {
			o := &of.Options[i]
			f := field{Name: reserved.With("Union", "Other", "Body").Free(camel(o.Name))}
			f.Type = "*" + b.expr(o.Type, name+f.Name)
			f.Tag = literalTag(sabirTag(o.Name, f.Name, false) + tag("doc", o.Doc))
			d.Fields = append(d.Fields, f)
		}
	case idl.Enum:
		b.cases(d, of, t.Kind == idl.Named)
	case idl.Time, idl.Any:
		d.Bounded = true
		if t.Kind != idl.Named {
			d.Of = "struct{ Value any }"
			if of.Kind == idl.Time {
				b.uses["time"] = true
				d.Of = "struct{ time.Time }"
			}
		}
	default:
		d.Bounded, d.Bounds = true, strings.TrimSpace(bounds(of, ""))
		if t.Kind != idl.Named {
			d.Of = b.expr(t, name+"Item")
		}
	}
	return d
}

// zero is a value of a named type.
func (b *builder) zero(t *idl.Type) string {
	name := b.types[t.Name]
	switch b.kind(t) {
	case idl.Bool:
		return name + "(false)"
	case idl.Int, idl.Int64, idl.Uint64, idl.Float:
		return name + "(0)"
	case idl.String, idl.Enum:
		return name + `("")`
	}
	return name + "{}"
}

func (b *builder) cases(d *decl, t *idl.Type, again bool) {
	var all []string
	for i := range t.Options {
		o := &t.Options[i]
		all = append(all, strconv.Quote(o.Name))
		if again {
			continue
		}
		d.Kind = "enum"
		d.Docs = d.Docs || o.Doc != ""
		c := enumCase{Const: b.names.Free(d.Name + camel(o.Name)), Name: strconv.Quote(o.Name), Doc: lines(o.Doc)}
		if o.Doc != "" {
			c.About = quote(o.Doc)
		}
		d.Cases = append(d.Cases, c)
	}
	if again {
		d.Kind = "other"
	}
	d.Names = strings.Join(all, ", ")
}

func (b *builder) fields(fs []idl.Field, scope names.Scope, site string) (all []field) {
	for i := range fs {
		f := &fs[i]
		out := field{Name: scope.Free(camel(f.Name))}
		out.Type = b.expr(&f.Type, site+out.Name)
		omit := false
		if f.Optional {
			switch kind := b.kind(&f.Type); {
			case kind == idl.List, kind == idl.Map, kind == idl.Bytes, kind == idl.Enum, kind == idl.Any && f.Type.Kind == idl.Any:
				omit = true
			default:
				out.Type = "*" + out.Type
			}
		}
		text := sabirTag(f.Name, out.Name, omit)
		if f.Type.Kind != idl.Named {
			text += bounds(&f.Type, "")
		}
		text += b.sample("default", f, f.Default) + b.sample("example", f, f.Example)
		text += tag("unit", f.Unit) + tag("deprecated", f.Deprecated) + tag("since", f.Since)
		if f.Sensitive {
			text += tag("sensitive", "true")
		}
		out.Tag = literalTag(text + tag("doc", f.Doc))
		all = append(all, out)
	}
	return all
}

func sabirTag(name, goName string, omit bool) string {
	said := ""
	if names.Snake(goName) != name {
		said = name
	}
	if omit {
		said += ",optional"
	}
	return tag("sabir", said)
}

func tag(key, value string) string {
	if value == "" {
		return ""
	}
	return " " + key + ":" + strconv.Quote(value)
}

// bounds are the tags of a type, and of its elements.
func bounds(t *idl.Type, prefix string) string {
	if t.Kind == idl.Named || t.Kind == idl.Struct || t.Kind == idl.Union || t.Kind == idl.Enum {
		return ""
	}
	s := ""
	if t.Min != nil {
		s += tag(prefix+"min", strconv.FormatFloat(*t.Min, 'g', -1, 64))
	}
	if t.Max != nil {
		s += tag(prefix+"max", strconv.FormatFloat(*t.Max, 'g', -1, 64))
	}
	s += tag(prefix+"pattern", t.Pattern)
	if t.Of != nil {
		s += bounds(t.Of, prefix+"of.")
	}
	return s
}

// sample writes a default or an example: bare where a text is meant.
func (b *builder) sample(key string, f *idl.Field, v any) string {
	if v == nil {
		return ""
	}
	text, isText := v.(string)
	switch b.kind(&f.Type) {
	case idl.String, idl.Enum, idl.Time, idl.Bytes:
	default:
		isText = false
	}
	if !isText {
		text = idl.Literal(v)
	}
	return fmt.Sprintf(" %s:%s", key, strconv.Quote(text))
}

// literalTag writes a tag as Go does.
func literalTag(text string) string {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return ""
	case strconv.CanBackquote(text):
		return "`" + string(reflect.StructTag(text)) + "`"
	}
	return strconv.Quote(text)
}
