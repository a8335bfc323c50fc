package idl

import (
	"github.com/sabir-ipc/sabir/internal/near"
)

// incoming are the types and errors that a file imports.
type incoming struct {
	f      *File
	types  map[string]Pos // the names that are taken, and where
	errors map[string]Pos
	moreT  []*NamedType
	moreE  []*NamedError
	faults Faults
}

func newIncoming(f *File) *incoming {
	in := &incoming{f: f, types: make(map[string]Pos), errors: make(map[string]Pos)}
	for i := range f.Service.Types {
		t := &f.Service.Types[i]
		in.types[t.Name] = f.At(t)
	}
	for i := range f.Service.Errors {
		e := &f.Service.Errors[i]
		in.errors[e.Name] = f.At(e)
	}
	return in
}

// take adds a definition of another file; ok is false if it has none.
func (in *incoming) take(other *File, name string) (ok bool) {
	for i := range other.Service.Types {
		if t := &other.Service.Types[i]; t.Name == name {
			in.takeType(other, t)
			ok = true
		}
	}
	for i := range other.Service.Errors {
		e := &other.Service.Errors[i]
		if e.Name != name {
			continue
		}
		ok = true
		if !in.free(in.errors, "error "+name, name, other.At(e)) {
			continue
		}
		in.moreE = append(in.moreE, e)
		in.adopt(other, e)
		in.takeNeeded(other, &Type{Kind: Struct, Fields: e.Fields})
	}
	return ok
}

func (in *incoming) takeType(other *File, t *NamedType) {
	if !in.free(in.types, "type "+t.Name, t.Name, other.At(t)) {
		return
	}
	in.moreT = append(in.moreT, t)
	in.adopt(other, t)
	in.takeNeeded(other, &t.Type)
}

// free reports whether the definition at a place is new. The same one twice is
// no fault: what two imports need may be one type.
func (in *incoming) free(taken map[string]Pos, what, name string, at Pos) bool {
	before, there := taken[name]
	if there && before != at {
		in.faults = append(in.faults, Fault{Pos: before, Message: what + " is also defined at " + at.String(), Hint: "an import brings what it needs along; give one of them another name"})
	}
	taken[name] = at
	return !there
}

func (in *incoming) takeNeeded(other *File, t *Type) {
	walkNames(t, func(name string) {
		for i := range other.Service.Types {
			if n := &other.Service.Types[i]; n.Name == name {
				in.takeType(other, n)
			}
		}
	})
}

// adopt takes over the places of what hangs on a node.
func (in *incoming) adopt(other *File, node any) {
	visitNodes(node, func(n any) {
		if m := other.marks[n]; m != nil {
			in.f.marks[n] = m
		}
	})
}

// finish puts what came behind what the file has itself. The lists are new ones,
// so the places of their elements are noted again.
func (in *incoming) finish() {
	s := &in.f.Service
	marks := in.f.marks
	types := append(make([]NamedType, 0, len(s.Types)+len(in.moreT)), s.Types...)
	before := make([]*NamedType, 0, cap(types))
	for i := range s.Types {
		before = append(before, &s.Types[i])
	}
	for _, t := range in.moreT {
		before, types = append(before, t), append(types, *t)
	}
	for i, t := range before {
		marks[&types[i]], marks[&types[i].Type] = marks[t], marks[&t.Type]
	}
	errors := append(make([]NamedError, 0, len(s.Errors)+len(in.moreE)), s.Errors...)
	for i := range s.Errors {
		marks[&errors[i]] = marks[&s.Errors[i]]
	}
	for _, e := range in.moreE {
		errors = append(errors, *e)
		marks[&errors[len(errors)-1]] = marks[e]
	}
	s.Types, s.Errors = types, errors
}

// nearest guesses which definition was meant.
func (f *File) nearest(name string) string {
	var names []string
	for _, t := range f.Service.Types {
		names = append(names, t.Name)
	}
	for _, e := range f.Service.Errors {
		names = append(names, e.Name)
	}
	return suggest(name, names)
}

// suggest is a hint to the nearest of names, or empty.
func suggest(name string, names []string) string {
	if n := near.Word(name, names); n != "" && n != name {
		return "did you mean " + n + "?"
	}
	return ""
}
