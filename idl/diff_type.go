package idl

import (
	"fmt"
	"math"
	"slices"
)

// typ compares what two types stand for. spec [V5]
func (d *differ) typ(where string, b, a *Type, w way) {
	if nameOf(b) != nameOf(a) {
		if !d.alike(b, a) {
			d.change(BreaksPeers, "V5", where, fmt.Sprintf("is %s, not %s", a.short(), b.short()), "its values have another form", b, a)
			return
		}
		d.change(BreaksSource, "V5", where, fmt.Sprintf("is %s, not %s", a.short(), b.short()), "programs name the type", b, a)
	}
	if b.Kind == Named || a.Kind == Named {
		where = nameOf(a)
		if where == "" {
			where = nameOf(b)
		}
		key := fmt.Sprint(nameOf(b), " ", nameOf(a), " ", w, d.unstable)
		if d.seen[key] {
			return
		}
		d.seen[key] = true
	}
	b, a = d.before.Resolve(b), d.after.Resolve(a)
	if b == nil || a == nil {
		return
	}
	if b.Kind != a.Kind {
		d.change(BreaksPeers, "V5", where, fmt.Sprintf("is %s, not %s", a.short(), b.short()), "its values have another form", b, a)
		return
	}
	d.bounds(where, b, a, w)
	switch b.Kind {
	case List, Map:
		d.typ(where+"[]", b.Of, a.Of, w)
	case Struct:
		d.fields(where, b.Fields, a.Fields, w, b, a)
	case Enum, Union:
		d.cases(where, b, a, w)
	}
}

func nameOf(t *Type) string {
	if t.Kind == Named {
		return t.Name
	}
	return ""
}

// alike reports whether two types are of one kind, whatever they are called. What
// is inside is compared after that.
func (d *differ) alike(b, a *Type) bool {
	b, a = d.before.Resolve(b), d.after.Resolve(a)
	return b != nil && a != nil && b.Kind == a.Kind
}

// short is a type in a sentence.
func (t *Type) short() string {
	switch t.Kind {
	case Struct:
		return "a struct"
	case Enum, Union:
		return "an " + string(t.Kind)
	case List:
		return "a list of " + t.Of.short()
	case Map:
		return "a map of " + t.Of.short()
	}
	return t.bareName()
}

func (d *differ) bounds(where string, b, a *Type, w way) {
	if b.Pattern != a.Pattern {
		switch was, is := b.Pattern == "", a.Pattern == ""; {
		case w == in && is || w == out && was:
			d.change(Fine, "V9", where, patternChange(b, a), "", b, a)
		default:
			d.change(BreaksPeers, clauseOf(w), where, patternChange(b, a), reasonOf(w), b, a)
		}
	}
	d.bound(where, "min", lower(b.Min), lower(a.Min), false, b, a, w)
	d.bound(where, "max", upper(b.Max), upper(a.Max), true, b, a, w)
}

func patternChange(b, a *Type) string {
	switch {
	case a.Pattern == "":
		return "has no pattern any more"
	case b.Pattern == "":
		return "has the pattern " + a.Pattern
	}
	return "has another pattern, " + a.Pattern
}

func clauseOf(w way) string {
	if w == in {
		return "V3"
	}
	return "V4"
}

func reasonOf(w way) string {
	if w == in {
		return "values that were good are refused"
	}
	return "readers refuse what they did not expect"
}

func lower(f *float64) float64 {
	if f == nil {
		return math.Inf(-1)
	}
	return *f
}

func upper(f *float64) float64 {
	if f == nil {
		return math.Inf(1)
	}
	return *f
}

func (d *differ) bound(where, name string, was, is float64, isMax bool, b, a *Type, w way) {
	if was == is {
		return
	}
	what := fmt.Sprintf("has %s %s, not %s", name, boundText(is), boundText(was))
	wider := is > was == isMax
	if wider == (w == in) {
		d.change(Fine, "V9", where, what, "", b, a)
		return
	}
	d.change(BreaksPeers, clauseOf(w), where, what, reasonOf(w), b, a)
}

func boundText(f float64) string {
	if math.IsInf(f, 0) {
		return "none"
	}
	return number(f)
}

func (d *differ) cases(where string, b, a *Type, w way) {
	for i := range b.Options {
		old := &b.Options[i]
		j := slices.IndexFunc(a.Options, func(c Case) bool { return c.Name == old.Name })
		at := where + " case " + old.Name
		switch {
		case j < 0 && w == in:
			d.change(BreaksPeers, "V3", at, "is gone", "a service refuses cases that it does not know", old, a)
		case j < 0:
			d.change(BreaksSource, "V8", at, "is gone", "programs may name it", old, a)
		case old.Type != nil && a.Options[j].Type != nil:
			d.typ(at, old.Type, a.Options[j].Type, w)
		}
	}
	for i := range a.Options {
		c := &a.Options[i]
		if !slices.ContainsFunc(b.Options, func(old Case) bool { return old.Name == c.Name }) {
			d.change(Fine, "V9", where+" case "+c.Name, "is new", "", b, c)
		}
	}
}
