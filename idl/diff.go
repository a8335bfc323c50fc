package idl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Harm is what a change does to programs made from the old description.
type Harm int

const (
	Fine         Harm = iota
	BreaksSource      // they do not compile any more, or mean something else
	BreaksPeers       // they and new ones refuse or misread each other's messages
)

func (h Harm) String() string { return [...]string{"fine", "source", "peers"}[h] }

// Change is one difference between two descriptions. spec [V1]
type Change struct {
	Harm   Harm
	Clause string // the rule, "V3"
	Where  string // "lounge.say(text)"
	What   string // "is gone"
	Reason string
	Old    any // the node of the old tree, nil for what is new
	New    any // the node of the new tree, nil for what is gone
}

func (c Change) String() string {
	s := c.Harm.String() + ": " + c.Where + " " + c.What
	if c.Reason != "" {
		s += ": " + c.Reason
	}
	return s + " [" + c.Clause + "]"
}

// Diff judges what has changed, the worst first, by the rules of
// spec/evolution.md. Docs and examples are not compared.
func Diff(before, after *Service) []Change {
	d := differ{before: before, after: after, seen: make(map[string]bool)}
	d.service()
	worst := make(map[string]int)
	var out []Change
	for _, c := range d.changes {
		key := c.Where + " " + c.What
		if i, there := worst[key]; !there {
			worst[key] = len(out)
			out = append(out, c)
		} else if c.Harm > out[i].Harm {
			out[i] = c
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int { return cmp.Compare(b.Harm, a.Harm) })
	return out
}

// way is in which direction a value goes.
type way string

const (
	in  way = "in"
	out way = "out"
)

type differ struct {
	before, after *Service
	unstable      bool
	seen          map[string]bool // pairs of named types, by way
	changes       []Change
}

func (d *differ) change(h Harm, clause, where, what, reason string, before, after any) {
	if d.unstable && h > Fine {
		h, clause, reason = Fine, "V10", "it was unstable"
	}
	d.changes = append(d.changes, Change{h, clause, where, what, reason, before, after})
}

func (d *differ) service() {
	b, a := d.before, d.after
	if b.Name != a.Name {
		d.change(BreaksPeers, "V2", b.Name, "is called "+a.Name, "a service is found by its name", b, a)
	}
	for i := range b.Members {
		old := &b.Members[i]
		d.unstable = old.Unstable
		where := b.Name + "." + old.Name
		if m := a.Member(old.Name); m != nil {
			d.member(where, old, m)
		} else {
			d.change(BreaksPeers, "V2", where, "is gone", "callers get rpc.MethodNotFound", old, nil)
		}
	}
	d.unstable = false
	for i := range a.Members {
		if m := &a.Members[i]; b.Member(m.Name) == nil {
			d.change(Fine, "V9", a.Name+"."+m.Name, "is new", "", nil, m)
		}
	}
	d.definitions()
}

// definitions compares which types and errors there are. What the types stand
// for is compared where members use them; here too for those that none does.
func (d *differ) definitions() {
	for i := range d.before.Types {
		old := &d.before.Types[i]
		if t := named(d.after, old.Name); t == nil {
			d.change(BreaksSource, "V8", old.Name, "is gone", "programs may name the type", old, nil)
		}
	}
	for i := range d.after.Types {
		if t := &d.after.Types[i]; named(d.before, t.Name) == nil {
			d.change(Fine, "V9", t.Name, "is new", "", nil, t)
		}
	}
	for i := range d.before.Errors {
		old := &d.before.Errors[i]
		j := slices.IndexFunc(d.after.Errors, func(e NamedError) bool { return e.Name == old.Name })
		if j < 0 {
			d.change(BreaksSource, "V8", "error "+old.Name, "is gone", "programs may look for it", old, nil)
			continue
		}
		e := &d.after.Errors[j]
		d.fields("error "+old.Name, old.Fields, e.Fields, out, old, e)
	}
	for i := range d.after.Errors {
		e := &d.after.Errors[i]
		if !slices.ContainsFunc(d.before.Errors, func(old NamedError) bool { return old.Name == e.Name }) {
			d.change(Fine, "V9", "error "+e.Name, "is new", "", nil, e)
		}
	}
}

func named(s *Service, name string) *NamedType {
	for i := range s.Types {
		if s.Types[i].Name == name {
			return &s.Types[i]
		}
	}
	return nil
}

func (d *differ) member(where string, b, a *Member) {
	if b.Kind != a.Kind {
		d.change(BreaksPeers, "V2", where, fmt.Sprintf("was a %s and is a %s", b.Kind, a.Kind), "what comes back has another form", b, a)
		return
	}
	d.begins(where, "params", len(b.Params), len(a.Params), b, a)
	d.begins(where, "result", len(b.Result), len(a.Result), b, a)
	d.fields(where+" params", b.Params, a.Params, in, b, a)
	d.fields(where+" result", b.Result, a.Result, out, b, a)
	if b.Item != nil && a.Item != nil {
		d.typ(where+" item", b.Item, a.Item, out)
	}
	for _, name := range b.Errors {
		if !slices.Contains(a.Errors, name) {
			d.change(Fine, "V9", where, "does not declare "+name+" any more", "", b, a)
		}
	}
	for _, name := range a.Errors {
		if !slices.Contains(b.Errors, name) {
			d.change(Fine, "V9", where, "declares "+name, "whoever does not know it shows its message", b, a)
		}
	}
	d.flags(where, b, a)
}

// begins compares whether there are params, or a result, at all.
func (d *differ) begins(where, what string, before, after int, b, a *Member) {
	switch {
	case before == 0 && after > 0:
		d.change(BreaksSource, "V8", where, "has "+map[string]string{"params": "params", "result": "a result"}[what], "the function made of it has another signature", b, a)
	case before > 0 && after == 0:
		d.change(BreaksSource, "V8", where, "has no "+what+" any more", "the function made of it has another signature", b, a)
	}
}

func (d *differ) flags(where string, b, a *Member) {
	for _, flag := range flagNames {
		was, is := memberFlag(b, flag), memberFlag(a, flag)
		switch {
		case was == nil || *was == *is:
		case *is:
			d.change(Fine, "V9", where, "is "+flag, "", b, a)
		case flag == "readonly" || flag == "idempotent":
			d.change(BreaksPeers, "V7", where, "is not "+flag+" any more", "callers repeat it when an answer is lost", b, a)
		default:
			d.change(Fine, "V9", where, "is not "+flag+" any more", "", b, a)
		}
	}
	switch was, is := b.Needs(), a.Needs(); {
	case was.Allows(is) && was != is:
		d.change(Fine, "V9", where, fmt.Sprintf("needs access %s, not %s", is, was), "", b, a)
	case was != is:
		d.change(BreaksPeers, "V7", where, fmt.Sprintf("needs access %s, not %s", is, was), "callers with less get rpc.Denied", b, a)
	}
	if b.Deprecated == "" && a.Deprecated != "" {
		d.change(Fine, "V9", where, "is deprecated", a.Deprecated, b, a)
	}
}

// fields compares fields that go one way; before and after have them.
func (d *differ) fields(where string, b, a []Field, w way, before, after any) {
	var order, kept []string
	for i := range b {
		old := &b[i]
		j := slices.IndexFunc(a, func(f Field) bool { return f.Name == old.Name })
		at := where + "." + old.Name
		switch {
		case j >= 0:
			order = append(order, old.Name)
			d.field(at, old, &a[j], w)
		case w == in:
			d.change(BreaksPeers, "V3", at, "is gone", "a service refuses params that it does not know", old, after)
		case old.Optional:
			d.change(BreaksSource, "V8", at, "is gone", "readers find it absent, as it might be", old, after)
		default:
			d.change(BreaksPeers, "V4", at, "is gone", "readers expect it", old, after)
		}
	}
	for i := range a {
		f := &a[i]
		at := where + "." + f.Name
		switch {
		case slices.ContainsFunc(b, func(old Field) bool { return old.Name == f.Name }):
			kept = append(kept, f.Name)
		case w == in && !f.Optional:
			d.change(BreaksPeers, "V3", at, "is new", "nobody gives it yet, and it must be given", before, f)
		default:
			d.change(Fine, "V9", at, "is new", "", before, f)
		}
	}
	if !slices.Equal(order, kept) {
		d.change(BreaksSource, "V8", where, "has its fields in another order", "values that are given by position go elsewhere: "+strings.Join(kept, ", "), before, after)
	}
}

func (d *differ) field(at string, b, a *Field, w way) {
	switch {
	case b.Optional == a.Optional:
	case w == in && !a.Optional:
		d.change(BreaksPeers, "V3", at, "must be given", "it was optional", b, a)
	case w == in:
		d.change(BreaksSource, "V8", at, "is optional", "it is of another type where it is given", b, a)
	case a.Optional:
		d.change(BreaksPeers, "V4", at, "is optional", "readers expect it", b, a)
	default:
		d.change(BreaksSource, "V8", at, "is always there", "it is of another type where it is read", b, a)
	}
	if b.Unit != "" && a.Unit != "" && b.Unit != a.Unit {
		d.change(BreaksPeers, "V6", at, fmt.Sprintf("is in %s, not in %s", a.Unit, b.Unit), "the same number means something else", b, a)
	}
	if w == in && b.Default != nil && Literal(b.Default) != Literal(a.Default) {
		d.change(BreaksPeers, "V6", at, fmt.Sprintf("is %s if it is left out, not %s", Literal(a.Default), Literal(b.Default)), "leaving it out means something else", b, a)
	}
	if b.Deprecated == "" && a.Deprecated != "" {
		d.change(Fine, "V9", at, "is deprecated", a.Deprecated, b, a)
	}
	d.typ(at, &b.Type, &a.Type, w)
}
