package codec

import (
	"strconv"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Value reads a value and returns it as Go has its type, and what is wrong with
// it, as Check does: bool, int64 (of int and int64), uint64, float64, string (of
// enums, too), []byte, time.Time, []any, and map[string]any of maps, structs and
// unions. Optional fields that are absent are absent. In an any integers are
// int64. With faults the value is not to be used.
func (s *Shape) Value(v wire.Value, rules Rules) (any, []Fault) {
	if faults := s.Check(v, rules); len(faults) > 0 {
		return nil, faults
	}
	var d decoder
	d.begin(v, rules)
	x := d.valued(s.plan)
	return x, d.end()
}

// Append writes what Value returns, or anything that is encoded alike, and says
// what is wrong with it. The error is that of a Go value that no message can hold.
func (s *Shape) Append(dst []byte, enc wire.Encoding, x any) ([]byte, []Fault, error) {
	start := len(dst)
	dst, err := AppendAny(dst, enc, widened(s.plan, x))
	if err != nil {
		return dst[:start], nil, err
	}
	return dst, s.Check(wire.Value{Enc: enc, Raw: dst[start:]}, Strict), nil
}

// valued is the value that comes next, which has been checked.
func (d *decoder) valued(p *plan) any {
	kind := d.c.Kind()
	if kind == wire.Null {
		d.c.Skip()
		return nil
	}
	switch p.kind {
	case idl.Int:
		n, _ := d.checkedInt(p)
		return n
	case idl.Int64:
		n, _, _ := d.checkedWide(p, kind)
		return n
	case idl.Uint64:
		_, u, _ := d.checkedWide(p, kind)
		return u
	case idl.Float:
		f, _ := d.checkedFloat(p)
		return f
	case idl.Bytes:
		b, _ := d.checkedBytes(p, kind)
		return b
	case idl.Time:
		return d.checkedTime()
	case idl.List:
		list := []any{}
		for it := d.c.Open(); d.c.More(&it); {
			if !d.take(anySize) {
				d.c.Skip()
				continue
			}
			list = append(list, d.valued(p.elem))
		}
		return list
	case idl.Map:
		return d.valuedMap(p, func(string) *plan { return p.elem })
	case idl.Struct:
		return d.valuedMap(p, p.fieldPlan)
	case idl.Union:
		name, _ := d.caseAhead()
		if of := p.fieldPlan(name); of != nil {
			m := d.valuedMap(p, of.fieldPlan)
			m["type"] = name
			return m
		}
	}
	return d.tree() // bool, string, enum, any, and cases of unions that are not known
}

// valuedMap reads an object by the plans of its members; those without one are
// left out.
func (d *decoder) valuedMap(p *plan, of func(key string) *plan) map[string]any {
	m := map[string]any{}
	for it := d.c.Open(); d.c.More(&it); {
		key := string(d.c.Key())
		member := of(key)
		if member == nil || !d.take(anySize+len(key)+mapEntry) {
			d.c.Skip()
			continue
		}
		if x := d.valued(member); x != nil || p.kind == idl.Map || member.kind == idl.Any {
			m[key] = x
		}
	}
	return m
}

func (p *plan) fieldPlan(name string) *plan {
	if i := p.find([]byte(name), 0); i >= 0 {
		return p.fields[i].plan
	}
	return nil
}

// widened makes texts of integers where the type wants them: in a tree without
// types an integer is a number, and then not every int64 is one. spec [T2]
func widened(p *plan, x any) any {
	if p == nil {
		return x
	}
	switch v := x.(type) {
	case int64:
		if p.kind == idl.Int64 {
			return strconv.FormatInt(v, 10)
		}
	case []any:
		if p.kind == idl.List {
			out := make([]any, len(v))
			for i := range v {
				out[i] = widened(p.elem, v[i])
			}
			return out
		}
	case map[string]any:
		of := p.fieldPlan
		switch p.kind {
		case idl.Map:
			of = func(string) *plan { return p.elem }
		case idl.Union:
			name, _ := v["type"].(string)
			if of = func(string) *plan { return nil }; p.fieldPlan(name) != nil {
				of = p.fieldPlan(name).fieldPlan
			}
		case idl.Struct:
		default:
			return x
		}
		out := make(map[string]any, len(v))
		for key, member := range v {
			out[key] = widened(of(key), member)
		}
		return out
	}
	return x
}
