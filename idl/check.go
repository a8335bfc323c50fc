package idl

import (
	"fmt"
	"math"
	"slices"
)

// Check returns what is wrong with a tree: names that nothing has or two have,
// bounds and defaults that do not fit, flags that do not belong. The faults say
// where by name; those of a file that [Load] returns, by line. spec [I4], [I6], [I7]
func Check(s *Service) Faults {
	c := checker{s: s, at: func(any, string) Pos { return Pos{} }}
	c.service()
	return c.faults
}

func (f *File) check() Faults {
	c := checker{s: &f.Service, at: f.place}
	if f.Service.Name == "" && len(f.Service.Members) > 0 {
		c.where = ""
		c.fault(&f.Service.Members[0], "", "the file begins with: service NAME VERSION", "members without a service")
	}
	c.service()
	return c.faults
}

// place is where a note of a node stands, or the node.
func (f *File) place(node any, note string) Pos {
	if m := f.marks[node]; m != nil {
		if at, ok := m.notes[note]; ok {
			return at
		}
	}
	return f.At(node)
}

type checker struct {
	s      *Service
	at     func(node any, note string) Pos
	where  string
	faults Faults
}

func (c *checker) fault(node any, note, hint, format string, args ...any) {
	c.faults = append(c.faults, Fault{Pos: c.at(node, note), Where: c.where, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) service() {
	s := c.s
	members, types, errors := make(names), make(names), make(names)
	for i := range s.Types {
		t := &s.Types[i]
		c.where = s.Name + "." + t.Name
		if !isTypeName(t.Name) {
			c.fault(t, "", "", "%q is no name for a type, [A-Z][A-Za-z0-9]*", t.Name)
		}
		c.twice(types, t, t.Name)
		c.typ(&t.Type)
		c.ends(t)
	}
	for i := range s.Errors {
		e := &s.Errors[i]
		c.where = s.Name + "." + e.Name
		if !isTypeName(e.Name) {
			c.fault(e, "", "", "%q is no name for an error, [A-Z][A-Za-z0-9]*", e.Name)
		}
		c.twice(errors, e, e.Name)
		c.fields(e.Fields)
	}
	for i := range s.Members {
		m := &s.Members[i]
		c.where = s.Name + "." + m.Name
		if !isName(m.Name) {
			c.fault(m, "", "", "%q is no name for a member, [a-z][a-z0-9_]*", m.Name)
		}
		c.twice(members, m, m.Name)
		c.member(m)
	}
}

// names are those that are taken, by what has them.
type names map[string]any

func (c *checker) twice(seen names, node any, name string) {
	before, there := seen[name]
	if !there {
		seen[name] = node
		return
	}
	if at := c.at(before, ""); at.Line > 0 {
		c.fault(node, "", "", "%s is there twice; the first is at %s", name, at)
		return
	}
	c.fault(node, "", "", "%s is there twice", name)
}

func (c *checker) member(m *Member) {
	where := c.where
	c.where = where + " params"
	c.fields(m.Params)
	c.where = where + " result"
	c.fields(m.Result)
	c.where = where
	switch {
	case m.Item != nil:
		c.typ(m.Item)
	case m.Kind != Method && slices.Contains(m.Kind.Cases(), string(m.Kind)):
		c.fault(m, "", "", "a %s of nothing", m.Kind)
	}
	for i, name := range m.Errors {
		if slices.Contains(m.Errors[:i], name) {
			c.fault(m, "!"+name, "", "%s is there twice", name)
			continue
		}
		if !slices.ContainsFunc(c.s.Errors, func(e NamedError) bool { return e.Name == name }) {
			c.fault(m, "!"+name, c.missingError(name), "no error %s", name)
		}
	}
	if m.Kind.Subscribed() {
		for _, flag := range []string{"readonly", "idempotent", "destructive"} {
			if *memberFlag(m, flag) {
				c.fault(m, flag, "a "+string(m.Kind)+" changes nothing, and needs no word for it", "%s is for methods", flag)
			}
		}
	}
}

func (c *checker) missingError(name string) string {
	var known []string
	for _, e := range c.s.Errors {
		known = append(known, e.Name)
	}
	if hint := suggest(name, known); hint != "" {
		return hint
	}
	return "declare it: error " + name + " { … }"
}

func (c *checker) fields(fs []Field) {
	seen := make(names)
	for i := range fs {
		f := &fs[i]
		if !isName(f.Name) {
			c.fault(f, "", "", "%q is no name for a field, [a-z][a-z0-9_]*", f.Name)
		}
		c.twice(seen, f, f.Name)
		before := len(c.faults)
		c.typ(&f.Type)
		if len(c.faults) > before {
			continue
		}
		for _, v := range []struct {
			key   string
			value any
		}{{"default", f.Default}, {"example", f.Example}} {
			if why := c.s.unfit(&f.Type, v.value); v.value != nil && why != "" {
				c.fault(&f.Type, v.key, "", "the %s of %s does not fit: %s", v.key, f.Name, why)
			}
		}
	}
}

func (c *checker) typ(t *Type) {
	c.bounds(t)
	switch t.Kind {
	case Named:
		c.name(t)
	case List, Map:
		if t.Of == nil {
			c.fault(t, "", "", "a %s of nothing", t.Kind)
			return
		}
		c.typ(t.Of)
	case Struct:
		c.fields(t.Fields)
	case Enum, Union:
		c.cases(t)
	}
}

func (c *checker) name(t *Type) {
	var known []string
	for i := range c.s.Types {
		if c.s.Types[i].Name == t.Name {
			return
		}
		known = append(known, c.s.Types[i].Name)
	}
	hint := suggest(t.Name, known)
	if hint == "" {
		hint = "define it: type " + t.Name + " { … }, or import it"
		for _, scalar := range scalars {
			if s := snake(t.Name); s == scalar {
				hint = "did you mean " + scalar + "?"
			}
		}
	}
	c.fault(t, "", hint, "no type %s", t.Name)
}

func (c *checker) cases(t *Type) {
	if len(t.Options) == 0 {
		c.fault(t, "", "", "%s without cases", t.Kind)
	}
	seen := make(names)
	for i := range t.Options {
		o := &t.Options[i]
		if !isName(o.Name) {
			c.fault(o, "", "", "%q is no name for a case, [a-z][a-z0-9_]*", o.Name)
		}
		c.twice(seen, o, o.Name)
		if t.Kind == Enum {
			continue
		}
		if o.Type == nil {
			c.fault(o, "", o.Name+": { … }", "the case %s of a union has no struct", o.Name)
			continue
		}
		c.typ(o.Type)
		s := c.s.Resolve(o.Type)
		switch {
		case s == nil: // a fault of its own
		case s.Kind != Struct:
			c.fault(o.Type, "", o.Name+": { value: "+o.Type.String()+" }", "the case %s of a union is a struct, not %s", o.Name, s.Kind)
		case slices.ContainsFunc(s.Fields, func(f Field) bool { return f.Name == "type" }):
			c.fault(o.Type, "", "type is the member that names the case", "the struct of the case %s has a field type", o.Name)
		}
	}
}

// bounds checks min, max and pattern. spec [T6], [T7]
func (c *checker) bounds(t *Type) {
	for _, b := range []struct {
		key   string
		value *float64
	}{{"min", t.Min}, {"max", t.Max}} {
		if b.value == nil {
			continue
		}
		v, whole := *b.value, *b.value == math.Trunc(*b.value)
		switch {
		case t.Kind == Named:
			c.fault(t, b.key, "bounds stand where the type is defined", "%s at the name of a type", b.key)
		case !bounded(t.Kind):
			c.fault(t, b.key, "", "%s has no %s", t.Kind, b.key)
		case t.Kind == Float:
		case !whole || math.Abs(v) > maxInt:
			c.fault(t, b.key, "", "%s=%s of %s is no integer within ±(2^53-1)", b.key, number(v), t.Kind)
		case v < 0 && t.Kind != Int && t.Kind != Int64:
			c.fault(t, b.key, "", "%s=%s of %s is below 0", b.key, number(v), t.Kind)
		}
	}
	if t.Min != nil && t.Max != nil && *t.Min > *t.Max {
		c.fault(t, "min", "", "min=%s is over max=%s", number(*t.Min), number(*t.Max))
	}
	if t.Pattern == "" {
		return
	}
	if t.Kind != String {
		c.fault(t, "pattern", "", "%s has no pattern", t.Kind)
	} else if _, err := CompilePattern(t.Pattern); err != nil {
		c.fault(t, "pattern", "literals, . [a-z] [^…] and ? * + {m,n}; no groups, no alternatives", "%v", err)
	}
}

func bounded(k Kind) bool {
	switch k {
	case Int, Int64, Uint64, Float, String, Bytes, List, Map:
		return true
	}
	return false
}

// ends refuses a type of which there is no value, or which Go, C and Rust cannot
// write: one that holds itself with nothing optional and no list between, and
// one that is itself without a struct between. spec [I8]
func (c *checker) ends(t *NamedType) {
	seen := make(map[*Type]bool)
	var holds func(u *Type, inStruct, may bool) bool
	holds = func(u *Type, inStruct, may bool) bool {
		if u == nil || seen[u] {
			return false
		}
		switch u.Kind {
		case Named:
			if u.Name == t.Name {
				return !inStruct || !may
			}
			seen[u] = true
			defer delete(seen, u)
			for i := range c.s.Types {
				if c.s.Types[i].Name == u.Name {
					return holds(&c.s.Types[i].Type, inStruct, may)
				}
			}
		case List, Map:
			return holds(u.Of, inStruct, true)
		case Struct:
			for i := range u.Fields {
				if holds(&u.Fields[i].Type, true, may || u.Fields[i].Optional) {
					return true
				}
			}
		case Union:
			for i := range u.Options {
				if holds(u.Options[i].Type, true, may || len(u.Options) > 1) {
					return true
				}
			}
		}
		return false
	}
	if holds(&t.Type, false, false) {
		c.fault(t, "", "make the field optional, or a list, in a struct", "%s holds itself, and no value of it can end", t.Name)
	}
}
