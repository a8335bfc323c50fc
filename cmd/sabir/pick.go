package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// pick is a way into a value: "members.0.name".
type pick []string

func parsePicks(texts []string) ([]pick, error) {
	var all []pick
	for _, text := range texts {
		p := pick(strings.Split(text, "."))
		if slices.Contains(p, "") {
			return nil, &usage{fmt.Sprintf("-o %q: not FIELD[.FIELD]", text), "-o name, -o members.0.name"}
		}
		all = append(all, p)
	}
	return all, nil
}

func (p pick) String() string { return strings.Join(p, ".") }

// from finds the place in a value.
func (p pick) from(v wire.Value) (wire.Value, error) {
	for i, step := range p {
		next, ok := child(v, step)
		if !ok {
			if strings.Contains(step, ",") {
				return wire.Value{}, fmt.Errorf("no field %s in the result; several are -o %s", p[:i+1], strings.ReplaceAll(p.String(), ",", " -o "))
			}
			return wire.Value{}, fmt.Errorf("no field %s in the result", p[:i+1])
		}
		v = next
	}
	return v, nil
}

func child(v wire.Value, step string) (wire.Value, bool) {
	c := v.Cursor()
	switch c.Kind() {
	case wire.Map:
		for it := c.Open(); c.More(&it); {
			if string(c.Key()) == step {
				return c.Skip(), true
			}
			c.Skip()
		}
	case wire.List:
		n, err := strconv.Atoi(step)
		if err != nil {
			break
		}
		i := 0
		for it := c.Open(); c.More(&it); i++ {
			if el := c.Skip(); i == n {
				return el, true
			}
		}
	}
	return wire.Value{}, false
}

// typeAt follows a pick through a type; nil where that is not known.
func (p pick) typeAt(s *idl.Service, t *idl.Type) *idl.Type {
	for _, step := range p {
		if s != nil && t != nil {
			t = s.Resolve(t)
		}
		if t == nil {
			return nil
		}
		switch t.Kind {
		case idl.List, idl.Map:
			t = t.Of
		case idl.Struct:
			t = fieldType(t.Fields, step)
		default:
			return nil
		}
	}
	return t
}

func fieldType(fields []idl.Field, name string) *idl.Type {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i].Type
		}
	}
	return nil
}
