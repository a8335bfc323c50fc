package codec

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// appendValue writes v. It checks what the wire cannot hold, not the bounds of
// the description: those are the reader's to check.
func appendValue(dst []byte, enc wire.Encoding, p *plan, v reflect.Value) ([]byte, error) {
	ok := true
	switch p.kind {
	case idl.Bool:
		return wire.AppendBool(dst, enc, v.Bool()), nil
	case idl.Int:
		n := int64(0)
		if v.CanInt() {
			n = v.Int()
		} else if n = int64(v.Uint()); n < 0 {
			n = wire.MaxInt + 1
		}
		if n > wire.MaxInt || n < -wire.MaxInt {
			return dst, fmt.Errorf("integer %v beyond ±(2^53-1): use int64", v)
		}
		return wire.AppendInt(dst, enc, n), nil
	case idl.Int64:
		var b [20]byte
		dst, _ = wire.AppendString(dst, enc, strconv.AppendInt(b[:0], v.Int(), 10))
		return dst, nil
	case idl.Uint64:
		var b [20]byte
		dst, _ = wire.AppendString(dst, enc, strconv.AppendUint(b[:0], v.Uint(), 10))
		return dst, nil
	case idl.Float:
		if dst, ok = wire.AppendFloat(dst, enc, v.Float()); !ok {
			return dst, fmt.Errorf("%v has no counterpart", v.Float())
		}
		return dst, nil
	case idl.String, idl.Enum:
		if dst, ok = wire.AppendString(dst, enc, v.String()); !ok {
			return dst, fmt.Errorf("string is not UTF-8")
		}
		return dst, nil
	case idl.Bytes:
		return wire.AppendBytes(dst, enc, v.Bytes()), nil
	case idl.Time:
		return appendTimeValue(dst, enc, v)
	case idl.List:
		return appendList(dst, enc, p, v)
	case idl.Map:
		return appendDict(dst, enc, p, v)
	case idl.Struct:
		return appendStruct(dst, enc, p, v, "")
	case idl.Union:
		return appendUnion(dst, enc, p, v)
	default:
		return appendAnything(dst, enc, v)
	}
}

func appendTimeValue(dst []byte, enc wire.Encoding, v reflect.Value) ([]byte, error) {
	var b [40]byte
	// Through a pointer where there is one: Interface would allocate.
	t := timeOf(v)
	text, ok := appendTime(b[:0], t)
	if !ok {
		return dst, fmt.Errorf("year %d beyond 1 to 9999", t.Year())
	}
	dst, _ = wire.AppendString(dst, enc, text)
	return dst, nil
}

func appendList(dst []byte, enc wire.Encoding, p *plan, v reflect.Value) (_ []byte, err error) {
	n := v.Len()
	dst = wire.AppendList(dst, enc, n)
	for i := range n {
		dst = wire.AppendNext(dst, enc, i)
		if dst, err = appendValue(dst, enc, p.elem, v.Index(i)); err != nil {
			return dst, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return wire.EndList(dst, enc), nil
}

// appendDict writes the keys in order, so that equal maps are equal bytes.
func appendDict(dst []byte, enc wire.Encoding, p *plan, v reflect.Value) (_ []byte, err error) {
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
	dst = wire.AppendMap(dst, enc, n)
	for i, e := range entries {
		var ok bool
		if dst, ok = wire.AppendKey(dst, enc, i, e.key); !ok {
			return dst, fmt.Errorf("key %q is not UTF-8", e.key)
		}
		if dst, err = appendValue(dst, enc, p.elem, values.Index(e.place)); err != nil {
			return dst, fmt.Errorf("[%q]: %w", e.key, err)
		}
	}
	return wire.EndMap(dst, enc), nil
}

// absent reports whether the field is left out.
func (f *field) absent(v reflect.Value) bool {
	return f.pointer && v.IsNil() || f.omit && v.IsZero()
}

// appendStruct writes the fields in declared order, after the tag of a union
// if there is one.
func appendStruct(dst []byte, enc wire.Encoding, p *plan, v reflect.Value, tag string) (_ []byte, err error) {
	n := len(p.fields)
	if enc == wire.CBOR {
		if !p.full {
			for i := range p.fields {
				if p.fields[i].absent(v.Field(p.fields[i].index)) {
					n--
				}
			}
		}
		if tag != "" {
			n++
		}
	}
	dst = wire.AppendMap(dst, enc, n)
	written := 0
	if tag != "" {
		dst, _ = wire.AppendKey(dst, enc, 0, "type")
		dst, _ = wire.AppendString(dst, enc, tag)
		written++
	}
	for i := range p.fields {
		f := &p.fields[i]
		fv := v.Field(f.index)
		if !p.full && f.absent(fv) {
			continue
		}
		if f.pointer {
			fv = fv.Elem()
		}
		if enc == wire.CBOR {
			dst = append(dst, f.cbor...)
		} else {
			if written > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, f.json...)
		}
		written++
		if dst, err = appendValue(dst, enc, f.plan, fv); err != nil {
			return dst, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return wire.EndMap(dst, enc), nil
}

func appendUnion(dst []byte, enc wire.Encoding, p *plan, v reflect.Value) ([]byte, error) {
	for i := range p.fields {
		f := &p.fields[i]
		if fv := v.Field(f.index); !fv.IsNil() {
			return appendStruct(dst, enc, f.plan, fv.Elem(), f.name)
		}
	}
	if body := v.Field(0).Interface().(Union).Body; !body.IsZero() {
		return body.Append(dst, enc)
	}
	return dst, fmt.Errorf("union without a case")
}

func appendAnything(dst []byte, enc wire.Encoding, v reflect.Value) ([]byte, error) {
	if v.Type() == valueType {
		raw := v.Interface().(wire.Value)
		if raw.IsZero() {
			return wire.AppendNull(dst, enc), nil
		}
		return raw.Append(dst, enc)
	}
	if v.Kind() == reflect.Interface {
		if v.IsNil() {
			return wire.AppendNull(dst, enc), nil
		}
		v = v.Elem()
	}
	return AppendAny(dst, enc, v.Interface())
}

// AppendAny writes a value of no declared type: what Decode makes of type any,
// and any Go value that has a codec.
func AppendAny(dst []byte, enc wire.Encoding, x any) (_ []byte, err error) {
	switch x := x.(type) {
	case nil:
		return wire.AppendNull(dst, enc), nil
	case int64: // untyped trees have integers only where they are exact
		if x <= wire.MaxInt && x >= -wire.MaxInt {
			return wire.AppendInt(dst, enc, x), nil
		}
		return dst, fmt.Errorf("integer %d beyond ±(2^53-1)", x)
	case []any:
		dst = wire.AppendList(dst, enc, len(x))
		for i, e := range x {
			if dst, err = AppendAny(wire.AppendNext(dst, enc, i), enc, e); err != nil {
				return dst, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return wire.EndList(dst, enc), nil
	case map[string]any:
		dst = wire.AppendMap(dst, enc, len(x))
		for i, k := range slices.Sorted(maps.Keys(x)) {
			var ok bool
			if dst, ok = wire.AppendKey(dst, enc, i, k); !ok {
				return dst, fmt.Errorf("key %q is not UTF-8", k)
			}
			if dst, err = AppendAny(dst, enc, x[k]); err != nil {
				return dst, fmt.Errorf("%s: %w", k, err)
			}
		}
		return wire.EndMap(dst, enc), nil
	}
	v := reflect.ValueOf(x)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return wire.AppendNull(dst, enc), nil
		}
		v = v.Elem()
	}
	c, err := Of(v.Type())
	if err != nil {
		return dst, err
	}
	return c.AppendFrom(dst, enc, v)
}
