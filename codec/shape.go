package codec

import (
	"fmt"
	"math"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Shape is a type that is known by its description alone, without a Go type. It
// judges values as the codec of a Go type with that description does, in the
// same words. It may be used by any number of goroutines at once.
type Shape struct{ plan *plan }

// Shapes makes the shapes of one service's description. It belongs to one
// goroutine at a time.
type Shapes struct {
	service *idl.Service
	named   map[string]*plan
}

// NewShapes begins with a description, which is not to be changed afterwards.
func NewShapes(s *idl.Service) *Shapes {
	return &Shapes{s, make(map[string]*plan)}
}

// Of returns the shape of a type. The error says what the description lacks:
// it may come from anybody.
func (s *Shapes) Of(t *idl.Type) (*Shape, error) {
	p, err := s.plan(t, 0)
	if err != nil {
		return nil, err
	}
	return &Shape{p}, nil
}

// OfFields returns the shape of an object: of params, a result or an error.
func (s *Shapes) OfFields(fields []idl.Field) (*Shape, error) {
	return s.Of(&idl.Type{Kind: idl.Struct, Fields: fields})
}

// maxTypeDepth is how deep types may stand in each other without a name.
const maxTypeDepth = 64

func (s *Shapes) plan(t *idl.Type, depth int) (*plan, error) {
	switch {
	case t == nil:
		return nil, fmt.Errorf("the description has a type that is of nothing")
	case depth > maxTypeDepth:
		return nil, fmt.Errorf("the description has types over %d levels deep", maxTypeDepth)
	case t.Kind == idl.Named:
		return s.ref(t.Name, depth)
	}
	p := new(plan)
	return p, s.fill(p, t, depth)
}

// ref returns the plan of a named type, which may hold itself.
func (s *Shapes) ref(name string, depth int) (*plan, error) {
	if p := s.named[name]; p != nil {
		return p, nil
	}
	for i := range s.service.Types {
		if n := &s.service.Types[i]; n.Name == name {
			t := s.service.Resolve(&n.Type) // it may be another name of another
			if t == nil {
				break
			}
			p := new(plan)
			s.named[name] = p
			return p, s.fill(p, t, depth+1)
		}
	}
	return nil, fmt.Errorf("the description has no type %s", name)
}

func (s *Shapes) fill(p *plan, t *idl.Type, depth int) (err error) {
	p.kind, p.desc, p.min, p.max = t.Kind, *t, math.Inf(-1), math.Inf(1)
	if t.Min != nil {
		p.min = *t.Min
	}
	if t.Max != nil {
		p.max = *t.Max
	}
	if t.Pattern != "" {
		if p.pattern, err = idl.CompilePattern(t.Pattern); err != nil {
			return err
		}
	}
	switch t.Kind {
	case idl.List, idl.Map:
		p.elem, err = s.plan(t.Of, depth+1)
	case idl.Struct:
		for i := range t.Fields {
			if err := s.field(p, &t.Fields[i], depth); err != nil {
				return err
			}
		}
	case idl.Enum, idl.Union:
		for i := range t.Options {
			c := &t.Options[i]
			p.cases = append(p.cases, c.Name)
			if t.Kind == idl.Enum {
				continue
			}
			cp, err := s.plan(c.Type, depth+1)
			if err != nil {
				return err
			}
			p.fields = append(p.fields, field{name: c.Name, plan: cp})
		}
	case idl.Bool, idl.Int, idl.Int64, idl.Uint64, idl.Float, idl.String, idl.Bytes, idl.Time, idl.Any:
	default:
		return fmt.Errorf("the description has a type %q", t.Kind)
	}
	return err
}

func (s *Shapes) field(p *plan, f *idl.Field, depth int) error {
	if len(p.fields) == maxFields {
		return fmt.Errorf("the description has a type of more than %d fields", maxFields)
	}
	fp, err := s.plan(&f.Type, depth+1)
	if err != nil {
		return err
	}
	if !f.Optional {
		p.needed.set(len(p.fields))
	}
	p.fields = append(p.fields, field{name: f.Name, plan: fp, omit: f.Optional})
	return nil
}

// Check returns what is wrong with a value, at most MaxFaults.
func (s *Shape) Check(v wire.Value, rules Rules) []Fault {
	var d decoder
	d.begin(v, rules)
	d.check(s.plan)
	return d.end()
}

// check is value without a place to put it.
func (d *decoder) check(p *plan) {
	if len(d.faults) == MaxFaults {
		d.c.Skip()
		return
	}
	kind := d.c.Kind()
	if kind == wire.Null && p.kind != idl.Any {
		d.c.Skip()
		d.fault("null, expected %s", expected(p))
		return
	}
	switch p.kind {
	case idl.Bool:
		if d.is(kind, wire.Bool, p) {
			d.c.Bool()
		}
	case idl.Int:
		if d.is(kind, wire.Number, p) {
			d.checkedInt(p)
		}
	case idl.Int64, idl.Uint64:
		d.checkedWide(p, kind)
	case idl.Float:
		if d.is(kind, wire.Number, p) {
			d.checkedFloat(p)
		}
	case idl.String:
		if d.is(kind, wire.String, p) {
			d.checkedText(p)
		}
	case idl.Enum:
		if d.is(kind, wire.String, p) {
			d.checkedCase(p)
		}
	case idl.Bytes:
		d.checkedBytes(p, kind)
	case idl.Time:
		if d.is(kind, wire.String, p) {
			d.checkedTime()
		}
	case idl.List:
		if d.is(kind, wire.List, p) {
			d.checkList(p)
		}
	case idl.Map:
		if d.is(kind, wire.Map, p) {
			d.checkMap(p)
		}
	case idl.Struct:
		if d.is(kind, wire.Map, p) {
			d.checkStruct(p, "")
		}
	case idl.Union:
		if d.is(kind, wire.Map, p) {
			d.checkUnion(p)
		}
	case idl.Any:
		d.c.Skip()
	}
}

func (d *decoder) checkList(p *plan) {
	n := 0
	d.enter(step{})
	for it := d.c.Open(); d.c.More(&it); n++ {
		d.path[len(d.path)-1].index = n
		d.check(p.elem)
	}
	d.leave()
	d.length(p, n, "element")
}

func (d *decoder) checkMap(p *plan) {
	n := 0
	for it := d.c.Open(); d.c.More(&it); n++ {
		d.enter(step{name: string(d.c.Key()), key: true})
		d.check(p.elem)
		d.leave()
	}
	d.length(p, n, "member")
}

func (d *decoder) checkStruct(p *plan, skip string) {
	var seen mask
	next := 0
	for it := d.c.Open(); d.c.More(&it); {
		key := d.c.Key()
		if skip != "" && string(key) == skip {
			d.c.Skip()
			continue
		}
		i := p.find(key, next)
		if i < 0 {
			d.unknown(p, string(key))
			continue
		}
		next = i + 1
		f := &p.fields[i]
		if f.omit && d.c.Kind() == wire.Null {
			d.c.Skip()
			continue
		}
		seen.set(i)
		d.enter(step{name: f.name})
		d.check(f.plan)
		d.leave()
	}
	d.missing(p, &seen)
}

func (d *decoder) checkUnion(p *plan) {
	name, ok := d.caseAhead()
	switch i := p.find([]byte(name), 0); {
	case i >= 0:
		d.checkStruct(p.fields[i].plan, "type")
	case ok && d.rules == Lenient:
		d.c.Skip()
	default:
		d.noCase(p)
	}
}
