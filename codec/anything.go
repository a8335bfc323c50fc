package codec

import (
	"reflect"
	"slices"

	"github.com/sabir-ipc/sabir/internal/near"
	"github.com/sabir-ipc/sabir/wire"
)

// anything reads a value of type any: into a wire.Value as it is, else into
// nil, bool, int64, float64, string, []byte, []any and map[string]any.
func (d *decoder) anything(v reflect.Value) {
	if v.Type() == valueType {
		if ahead := d.c; !inRange(&ahead) {
			d.tree() // tells where
			return
		}
		raw := d.c.Skip()
		*v.Addr().Interface().(*wire.Value) = wire.Value{Enc: raw.Enc, Raw: slices.Clone(raw.Raw)}
		return
	}
	if x := d.tree(); x != nil {
		v.Set(reflect.ValueOf(x))
	} else {
		v.SetZero()
	}
}

// inRange reports whether all numbers of the value are ones that there can be.
func inRange(c *wire.Cursor) bool {
	switch kind := c.Kind(); kind {
	case wire.Number:
		return !c.Number().Big
	case wire.List, wire.Map:
		for it := c.Open(); c.More(&it); {
			if kind == wire.Map {
				c.Key()
			}
			if !inRange(c) {
				return false
			}
		}
	default:
		c.Skip()
	}
	return true
}

// anySize is what an any takes in a list, with the head of what it points to:
// a string, a list or a map.
const anySize = 16 + 48

func (d *decoder) tree() any {
	switch d.c.Kind() {
	case wire.Null:
		d.c.Skip()
		return nil
	case wire.Bool:
		return d.c.Bool()
	case wire.Number:
		n := d.c.Number()
		if n.Big {
			d.fault("number out of range")
		}
		if n.IsInt {
			return n.Int
		}
		return n.Float
	case wire.String:
		return string(d.c.Text())
	case wire.Bytes:
		b, _ := d.c.Bytes([]byte{})
		return b
	case wire.List:
		list := []any{}
		d.enter(step{})
		for it := d.c.Open(); d.c.More(&it); {
			d.path[len(d.path)-1].index = len(list)
			if !d.take(anySize) {
				d.c.Skip()
				continue
			}
			if len(list) == cap(list) && len(list) >= longList {
				list = slices.Grow(list, min(countOn(d.c, it), d.budget/anySize+1))
			}
			list = append(list, d.tree())
		}
		d.leave()
		return list
	default:
		m := map[string]any{}
		for it := d.c.Open(); d.c.More(&it); {
			key := string(d.c.Key())
			if !d.take(anySize + len(key) + mapEntry) {
				d.c.Skip()
				continue
			}
			d.enter(step{name: key, key: true})
			m[key] = d.tree()
			d.leave()
		}
		return m
	}
}

// Nearest returns the name that a mistyped one most likely means, or "". It
// compares without case and allows one change in three letters.
func Nearest(word string, names []string) string { return near.Word(word, names) }
