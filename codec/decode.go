package codec

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// decoder reads one value. After a fault it goes on, to find the others. It is on
// the stack of whoever decodes, so nothing may keep a pointer to it: out of a pool
// it was an eighth of the time to decode a small struct.
type decoder struct {
	c      wire.Cursor
	rules  Rules
	faults []Fault
	path   []step    // where the value is that is being read
	steps  *[16]step // memory for path; nil: there was none to note
	whole  string    // all of the value, of which texts are parts; empty: none were yet
	budget int       // bytes of memory that what is not plain text may still take
	frame  *[]byte   // of DecodeFrame
}

// begin and end are around the use of a decoder.
func (d *decoder) begin(v wire.Value, rules Rules) {
	if v.IsZero() {
		v = emptyObject
	}
	d.c, d.rules, d.budget = v.Cursor(), rules, maxDecoded
	d.faults = nil
}

func (d *decoder) end() []Fault {
	if d.steps != nil {
		allSteps.Put(d.steps)
	}
	return d.faults
}

// enter goes to a part of the value, as paths to faults tell it; leave goes back.
func (d *decoder) enter(s step) {
	if d.steps == nil {
		d.steps = allSteps.Get().(*[16]step)
		d.path = d.steps[:0]
	}
	d.path = append(d.path, s)
}

func (d *decoder) leave() { d.path = d.path[:len(d.path)-1] }

var allSteps = sync.Pool{New: func() any { return new([16]step) }}

// maxDecoded bounds what one message takes: [{},{},…] is three bytes an element
// on the wire and a whole struct in memory. Text takes as much as on the wire.
// spec [B4]
const maxDecoded = 64 << 20

func (d *decoder) value(p *plan, v reflect.Value) {
	if len(d.faults) == MaxFaults {
		d.c.Skip() // nobody will hear of more
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
			v.SetBool(d.c.Bool())
		}
	case idl.Int:
		if d.is(kind, wire.Number, p) {
			d.integer(p, v)
		}
	case idl.Int64, idl.Uint64:
		d.wide(p, v, kind)
	case idl.Float:
		if d.is(kind, wire.Number, p) {
			d.float(p, v)
		}
	case idl.String:
		if d.is(kind, wire.String, p) {
			d.text(p, v)
		}
	case idl.Enum:
		if d.is(kind, wire.String, p) {
			v.SetString(string(d.checkedCase(p)))
		}
	case idl.Bytes:
		d.bytes(p, v, kind)
	case idl.Time:
		if d.is(kind, wire.String, p) {
			if p.boxed {
				v = v.Field(0)
			}
			*v.Addr().Interface().(*time.Time) = d.checkedTime()
		}
	case idl.List:
		if d.is(kind, wire.List, p) {
			d.list(p, v)
		}
	case idl.Map:
		if d.is(kind, wire.Map, p) {
			d.dict(p, v)
		}
	case idl.Struct:
		if d.is(kind, wire.Map, p) {
			d.structure(p, v, "")
		}
	case idl.Union:
		if d.is(kind, wire.Map, p) {
			d.union(p, v)
		}
	case idl.Any:
		if p.boxed {
			v = v.Field(0)
		}
		d.anything(v)
	}
}

// is checks the kind of the next value; if it is another, the value is passed.
func (d *decoder) is(got, want wire.Kind, p *plan) bool {
	if got == want {
		return true
	}
	d.c.Skip()
	d.fault("expected %s, got %s", expected(p), got)
	return false
}

func expected(p *plan) string {
	switch p.kind {
	case idl.Bool:
		return "true or false"
	case idl.Int:
		return "an integer"
	case idl.Int64, idl.Uint64:
		return "a whole number of 64 bits as text"
	case idl.Float:
		return "a number"
	case idl.String:
		return "a string"
	case idl.Enum:
		return "one of " + strings.Join(p.cases, ", ")
	case idl.Bytes:
		return "base64 text"
	case idl.Time:
		return "a time as text"
	case idl.List:
		return "a list"
	}
	return "an object"
}

func (d *decoder) integer(p *plan, v reflect.Value) {
	n, ok := d.checkedInt(p)
	switch {
	case !ok:
	case v.CanInt():
		v.SetInt(n)
	default:
		v.SetUint(uint64(n))
	}
}

func (d *decoder) float(p *plan, v reflect.Value) {
	if f, ok := d.checkedFloat(p); ok {
		v.SetFloat(f)
	}
}

func (d *decoder) wide(p *plan, v reflect.Value, kind wire.Kind) {
	n, u, ok := d.checkedWide(p, kind)
	switch {
	case !ok:
	case p.kind == idl.Int64:
		v.SetInt(n)
	default:
		v.SetUint(u)
	}
}

func (d *decoder) text(p *plan, v reflect.Value) { v.SetString(string(d.checkedText(p))) }

func (d *decoder) bytes(p *plan, v reflect.Value, kind wire.Kind) {
	if b, ok := d.checkedBytes(p, kind); ok {
		v.SetBytes(b)
	}
}

// take charges the budget; false: it is spent.
func (d *decoder) take(n int) bool {
	if d.budget < 0 {
		return false
	}
	if d.budget -= n; d.budget < 0 {
		d.fault("takes more than %d MiB of memory", maxDecoded>>20)
	}
	return d.budget >= 0
}

func (d *decoder) list(p *plan, v reflect.Value) {
	v.SetZero()
	room := 4 // to count those of a short list in JSON takes longer than to grow it
	if d.c.Enc == wire.CBOR {
		room = d.c.Count()
	}
	var texts *[]string // v, if it is that: package reflect takes as long as all the rest
	if v.Type() == textsType {
		texts = v.Addr().Interface().(*[]string)
	}
	n := 0
	d.enter(step{})
	for it := d.c.Open(); d.c.More(&it); n++ {
		d.path[len(d.path)-1].index = n
		if !d.take(p.elem.size) {
			d.c.Skip()
			continue
		}
		if n == v.Cap() {
			if n >= longList {
				room = n + countOn(d.c, it)
			}
			more := max(1, min(room-n, d.budget/max(1, p.elem.size)))
			switch {
			case texts == nil:
				v.Grow(more)
			case n == 0:
				*texts = make([]string, 0, more)
			default:
				*texts = slices.Grow(*texts, more)
			}
		}
		v.SetLen(n + 1)
		if texts != nil && d.c.Kind() == wire.String {
			(*texts)[n] = string(d.checkedText(p.elem))
			continue
		}
		d.value(p.elem, v.Index(n))
	}
	d.leave()
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	d.length(p, n, "element")
}

var textsType = reflect.TypeFor[[]string]()

// longList is from how many elements on the rest of a list is counted before
// there is memory for it: to grow step by step takes twice the memory, and the
// time to copy.
const longList = 256

// countOn counts the elements that are left, the one before c included.
func countOn(c wire.Cursor, it wire.Iter) int {
	n := 1
	for c.Skip(); c.More(&it); n++ {
		c.Skip()
	}
	return n
}

// mapEntry is about what an entry of a Go map takes beside its key and value.
const mapEntry = 48

func (d *decoder) dict(p *plan, v reflect.Value) {
	if !d.take(mapEntry) { // for an empty one
		d.c.Skip()
		return
	}
	m := reflect.MakeMap(v.Type())
	var k, elem reflect.Value // the same for all entries: the map has copies
	n := 0
	for it := d.c.Open(); d.c.More(&it); n++ {
		key := string(d.c.Key())
		if !d.take(p.elem.size + len(key) + mapEntry) {
			d.c.Skip()
			continue
		}
		d.enter(step{name: key, key: true})
		if !elem.IsValid() {
			k, elem = reflect.New(v.Type().Key()).Elem(), reflect.New(p.elem.typ).Elem()
		}
		elem.SetZero()
		d.value(p.elem, elem)
		k.SetString(key)
		m.SetMapIndex(k, elem)
		d.leave()
	}
	v.Set(m)
	d.length(p, n, "member")
}

// structure reads an object. skip names a member that belongs to a union.
func (d *decoder) structure(p *plan, v reflect.Value, skip string) {
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
		optional := f.pointer || f.omit
		if optional && d.c.Kind() == wire.Null {
			d.c.Skip()
			continue
		}
		seen.set(i)
		d.enter(step{name: f.name})
		place := v.Field(f.index)
		switch {
		case !f.pointer:
			d.value(f.plan, place)
		case d.take(f.plan.size):
			fresh := reflect.New(f.plan.typ)
			d.value(f.plan, fresh.Elem())
			place.Set(fresh)
		default:
			d.c.Skip()
		}
		d.leave()
	}
	for w := range p.needed {
		if p.needed[w]&^seen[w] != 0 {
			d.missing(p, &seen)
			return
		}
	}
}

func (d *decoder) missing(p *plan, seen *mask) {
	for i := range p.fields {
		if p.needed.has(i) && !seen.has(i) {
			d.enter(step{name: p.fields[i].name})
			d.fault("required")
			d.leave()
		}
	}
}

func (d *decoder) unknown(p *plan, key string) {
	d.c.Skip()
	if d.rules == Lenient || len(d.faults) == MaxFaults {
		return
	}
	d.enter(step{name: key, key: true})
	var names []string
	for i := range p.fields {
		names = append(names, p.fields[i].name)
	}
	if near := Nearest(key, names); near != "" {
		d.fault("unknown, did you mean %s?", near)
	} else {
		d.fault("unknown")
	}
	d.leave()
}

func (d *decoder) union(p *plan, v reflect.Value) {
	name, ok := d.caseAhead()
	i := p.find([]byte(name), 0)
	v.SetZero()
	switch {
	case i >= 0 && !d.take(p.fields[i].plan.size):
		d.c.Skip()
	case i >= 0:
		fresh := reflect.New(p.fields[i].plan.typ)
		d.structure(p.fields[i].plan, fresh.Elem(), "type")
		v.Field(p.fields[i].index).Set(fresh)
	case ok && d.rules == Lenient:
		body := d.c.Skip()
		v.Field(0).Set(reflect.ValueOf(Union{name, wire.Value{Enc: body.Enc, Raw: slices.Clone(body.Raw)}}))
	default:
		d.noCase(p)
	}
}
