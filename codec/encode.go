package codec

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// maxNested is how deep a value may nest: what is around it in a message takes
// up to four of the levels that there are, as in the list of a plain request on
// a topic. spec [M14]
const maxNested = wire.MaxDepth - 4

var (
	errTooDeep = fmt.Errorf("nested over %d levels, or in itself", maxNested)
	errNotText = errors.New("string is not UTF-8")
)

// encoder writes a value. It checks what the wire cannot hold, not the bounds of
// the description: those are the reader's to check.
type encoder struct {
	enc   wire.Encoding
	depth int
	loose *wire.Loose // where bytes may be left out; nil: nowhere
}

func (e *encoder) value(dst []byte, p *plan, at unsafe.Pointer) ([]byte, error) {
	ok := true
	switch p.op {
	case opBool:
		return wire.AppendBool(dst, e.enc, *(*bool)(at)), nil
	case opInt:
		n := p.load(at)
		if n > wire.MaxInt || n < -wire.MaxInt {
			return dst, fmt.Errorf("integer %v beyond ±(2^53-1): use int64", reflect.NewAt(p.typ, at).Elem())
		}
		return wire.AppendInt(dst, e.enc, n), nil
	case opFloat:
		f := p.loadFloat(at)
		if dst, ok = wire.AppendFloat(dst, e.enc, f); !ok {
			return dst, fmt.Errorf("%v has no counterpart", f)
		}
		return dst, nil
	case opEnum:
		// What may be a case of another version passes, as when it is read. spec [T8]
		if s := *(*string)(at); !validName(s) {
			return dst, fmt.Errorf("%q, expected one of %s", s, strings.Join(p.cases, ", "))
		}
		dst, _ = wire.AppendString(dst, e.enc, *(*string)(at))
		return dst, nil
	case opString:
		if dst, ok = wire.AppendString(dst, e.enc, *(*string)(at)); !ok {
			return dst, errNotText
		}
		return dst, nil
	case opBytes:
		return e.loose.AppendBytes(dst, e.enc, *(*[]byte)(at)), nil
	case opOther:
		return e.rare(dst, p, at)
	}
	if e.depth == maxNested {
		return dst, errTooDeep
	}
	e.depth++
	var err error
	switch p.op {
	case opList:
		dst, err = e.list(dst, p, at)
	case opMap:
		if p.typ == textMapType {
			dst, err = e.textDict(dst, *(*map[string]string)(at))
		} else {
			dst, err = e.dict(dst, p, at)
		}
	case opStruct:
		dst, err = e.structure(dst, p, at, "")
	case opUnion:
		dst, err = e.union(dst, p, at)
	}
	e.depth--
	return dst, err
}

// rare writes the kinds that have no op. A box around a value is where its value is.
func (e *encoder) rare(dst []byte, p *plan, at unsafe.Pointer) ([]byte, error) {
	var b [20]byte
	switch p.kind {
	case idl.Int64:
		dst, _ = wire.AppendString(dst, e.enc, strconv.AppendInt(b[:0], *(*int64)(at), 10))
		return dst, nil
	case idl.Uint64:
		dst, _ = wire.AppendString(dst, e.enc, strconv.AppendUint(b[:0], *(*uint64)(at), 10))
		return dst, nil
	case idl.Time:
		return e.time(dst, *(*time.Time)(at))
	}
	if p.typ == valueType {
		return e.raw(dst, *(*wire.Value)(at))
	}
	return e.anything(dst, *(*any)(at))
}

// load is the integer at a place. What an int64 cannot hold is beyond what an
// int may be.
func (p *plan) load(at unsafe.Pointer) int64 {
	switch {
	case p.size == 8 && p.unsigned:
		return int64(min(*(*uint64)(at), wire.MaxInt+1))
	case p.size == 8:
		return *(*int64)(at)
	case p.size == 4 && p.unsigned:
		return int64(*(*uint32)(at))
	case p.size == 4:
		return int64(*(*int32)(at))
	case p.size == 2 && p.unsigned:
		return int64(*(*uint16)(at))
	case p.size == 2:
		return int64(*(*int16)(at))
	case p.unsigned:
		return int64(*(*uint8)(at))
	}
	return int64(*(*int8)(at))
}

func (p *plan) loadFloat(at unsafe.Pointer) float64 {
	if p.size == 4 {
		return float64(*(*float32)(at))
	}
	return *(*float64)(at)
}

func (e *encoder) time(dst []byte, t time.Time) ([]byte, error) {
	var b [40]byte
	text, ok := appendTime(b[:0], t)
	if !ok {
		return dst, fmt.Errorf("year %d beyond 1 to 9999", t.UTC().Year())
	}
	dst, _ = wire.AppendString(dst, e.enc, text)
	return dst, nil
}

// slice is what is in memory where a slice is. Its elements are of any type.
type slice struct {
	first    unsafe.Pointer
	len, cap int
}

func (e *encoder) list(dst []byte, p *plan, at unsafe.Pointer) (_ []byte, err error) {
	list := (*slice)(at)
	dst = wire.AppendList(dst, e.enc, list.len)
	if p.elem.op == opString {
		for i, s := range unsafe.Slice((*string)(list.first), list.len) {
			var ok bool
			if dst, ok = wire.AppendString(wire.AppendNext(dst, e.enc, i), e.enc, s); !ok {
				return dst, fmt.Errorf("[%d]: %w", i, errNotText)
			}
		}
		return wire.EndList(dst, e.enc), nil
	}
	for i := range list.len {
		dst = wire.AppendNext(dst, e.enc, i)
		if dst, err = e.value(dst, p.elem, unsafe.Add(list.first, i*p.elem.size)); err != nil {
			return dst, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return wire.EndList(dst, e.enc), nil
}

// dict writes the keys in order, so that equal maps are equal bytes.
func (e *encoder) dict(dst []byte, p *plan, at unsafe.Pointer) (_ []byte, err error) {
	v := reflect.NewAt(p.typ, at).Elem()
	type entry struct {
		key   string
		place int
	}
	n := v.Len()
	entries := make([]entry, 0, n)
	values := reflect.MakeSlice(p.slice, n, n) // at once: each on its own would be allocated
	key := reflect.New(v.Type().Key()).Elem()
	for it := v.MapRange(); it.Next(); {
		key.SetIterKey(it)
		values.Index(len(entries)).SetIterValue(it)
		entries = append(entries, entry{key.String(), len(entries)})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	dst = wire.AppendMap(dst, e.enc, n)
	for i, entry := range entries {
		var ok bool
		if dst, ok = wire.AppendKey(dst, e.enc, i, entry.key); !ok {
			return dst, fmt.Errorf("key %q is not UTF-8", entry.key)
		}
		if dst, err = e.value(dst, p.elem, values.Index(entry.place).Addr().UnsafePointer()); err != nil {
			return dst, fmt.Errorf("[%q]: %w", entry.key, err)
		}
	}
	return wire.EndMap(dst, e.enc), nil
}

// absent reports whether the field is left out.
func (f *field) absent(at unsafe.Pointer) bool {
	return f.pointer && *(*unsafe.Pointer)(at) == nil || f.omit && reflect.NewAt(f.plan.typ, at).Elem().IsZero()
}

// structure writes the fields in declared order, after the tag of a union if
// there is one.
func (e *encoder) structure(dst []byte, p *plan, at unsafe.Pointer, tag string) (_ []byte, err error) {
	n := len(p.fields)
	if e.enc == wire.CBOR {
		if !p.full {
			for i := range p.fields {
				if p.fields[i].absent(unsafe.Add(at, p.fields[i].offset)) {
					n--
				}
			}
		}
		if tag != "" {
			n++
		}
	}
	dst = wire.AppendMap(dst, e.enc, n)
	written := 0
	if tag != "" {
		dst, _ = wire.AppendKey(dst, e.enc, 0, "type")
		dst, _ = wire.AppendString(dst, e.enc, tag)
		written++
	}
	for i := range p.fields {
		f := &p.fields[i]
		place := unsafe.Add(at, f.offset)
		if !p.full && f.absent(place) {
			continue
		}
		if f.pointer {
			place = *(*unsafe.Pointer)(place)
		}
		if e.enc == wire.JSON && written == 0 {
			dst = append(dst, f.first.Text()...)
		} else {
			dst = append(dst, f.key[e.enc].Text()...)
		}
		written++
		if f.plan.op == opString { // as most are, and written in the time of a call
			var ok bool
			if dst, ok = wire.AppendString(dst, e.enc, *(*string)(place)); !ok {
				return dst, fmt.Errorf("%s: %w", f.name, errNotText)
			}
			continue
		}
		if dst, err = e.value(dst, f.plan, place); err != nil {
			return dst, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return wire.EndMap(dst, e.enc), nil
}

func (e *encoder) union(dst []byte, p *plan, at unsafe.Pointer) ([]byte, error) {
	for i := range p.fields {
		f := &p.fields[i]
		if set := *(*unsafe.Pointer)(unsafe.Add(at, f.offset)); set != nil {
			return e.structure(dst, f.plan, set, f.name)
		}
	}
	if body := (*Union)(at).Body; !body.IsZero() {
		return e.raw(dst, body)
	}
	return dst, errors.New("union without a case")
}

// raw writes a value that is bytes already. They may be of a file that somebody has
// written by hand, and what is not strict would end the connection of who reads it.
func (e *encoder) raw(dst []byte, v wire.Value) ([]byte, error) {
	if v.IsZero() {
		return wire.AppendNull(dst, e.enc), nil
	}
	p := checkers[v.Enc].Get().(*wire.Parser)
	defer checkers[v.Enc].Put(p)
	if err := p.Check(v.Raw); err != nil {
		return dst, err
	}
	if e.depth+v.Depth() > maxNested {
		return dst, errTooDeep
	}
	start := len(dst)
	dst, err := v.Append(dst, e.enc)
	if e.enc == wire.JSON && v.Enc == wire.JSON {
		for i, c := range dst[start:] {
			if c == '\n' || c == '\r' { // a message is one line, and these stand only between values
				dst[start+i] = ' '
			}
		}
	}
	return dst, err
}

var checkers = [2]sync.Pool{
	wire.JSON: {New: func() any { return &wire.Parser{Enc: wire.JSON} }},
	wire.CBOR: {New: func() any { return &wire.Parser{Enc: wire.CBOR} }},
}

// AppendAny writes a value of no declared type: what Decode makes of type any,
// and any Go value that has a codec.
func AppendAny(dst []byte, enc wire.Encoding, x any) ([]byte, error) {
	e := encoder{enc: enc}
	return e.anything(dst, x)
}

func (e *encoder) anything(dst []byte, x any) (_ []byte, err error) {
	switch x := x.(type) {
	case nil:
		return wire.AppendNull(dst, e.enc), nil
	case int64: // untyped trees have integers only where they are exact
		if x <= wire.MaxInt && x >= -wire.MaxInt {
			return wire.AppendInt(dst, e.enc, x), nil
		}
		return dst, fmt.Errorf("integer %d beyond ±(2^53-1)", x)
	case []any:
		return e.anyList(dst, x)
	case map[string]any:
		return e.anyDict(dst, x)
	}
	v := reflect.ValueOf(x)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return wire.AppendNull(dst, e.enc), nil
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Interface { // behind a pointer, perhaps to where it is itself
		if e.depth == maxNested {
			return dst, errTooDeep
		}
		e.depth++
		defer func() { e.depth-- }()
	}
	c, err := Of(v.Type())
	if err != nil {
		return dst, err
	}
	start := len(dst)
	if dst, err = e.value(dst, c.plan, placeOf(v)); err != nil {
		dst = dst[:start]
	}
	return dst, err
}

func (e *encoder) anyList(dst []byte, list []any) (_ []byte, err error) {
	if e.depth == maxNested {
		return dst, errTooDeep
	}
	e.depth++
	defer func() { e.depth-- }()
	dst = wire.AppendList(dst, e.enc, len(list))
	for i, x := range list {
		if dst, err = e.anything(wire.AppendNext(dst, e.enc, i), x); err != nil {
			return dst, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return wire.EndList(dst, e.enc), nil
}

func (e *encoder) anyDict(dst []byte, dict map[string]any) (_ []byte, err error) {
	if e.depth == maxNested {
		return dst, errTooDeep
	}
	e.depth++
	defer func() { e.depth-- }()
	dst = wire.AppendMap(dst, e.enc, len(dict))
	for i, k := range slices.Sorted(maps.Keys(dict)) {
		var ok bool
		if dst, ok = wire.AppendKey(dst, e.enc, i, k); !ok {
			return dst, fmt.Errorf("key %q is not UTF-8", k)
		}
		if dst, err = e.anything(dst, dict[k]); err != nil {
			return dst, fmt.Errorf("%s: %w", k, err)
		}
	}
	return wire.EndMap(dst, e.enc), nil
}
