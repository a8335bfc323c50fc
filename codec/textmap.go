package codec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/sabir-ipc/sabir/wire"
)

// Most maps are of texts, and for those that are not, package reflect takes most
// of the time: it has to find out at each entry what it is.

var textMapType = reflect.TypeFor[map[string]string]()

// quickTextMap reads a map of texts without bounds of their own.
func (d *decoder) quickTextMap(p *plan, at unsafe.Pointer) bool {
	told, ok := d.c.PlainOpen(wire.Map)
	if !ok || told > quickRoom/mapEntry || !d.take(mapEntry) {
		return false
	}
	m := make(map[string]string, max(0, told))
	n := 0
	for {
		from, to, more, ok := d.c.PlainKey(n, told)
		if !ok {
			return false
		}
		if !more {
			break
		}
		if n++; !d.take(p.elem.size + to - from + mapEntry) {
			return false
		}
		key := d.shared(from, to)
		if from, to, ok = d.c.PlainText(); !ok {
			return false
		}
		m[key] = d.shared(from, to)
	}
	*(*map[string]string)(at) = m
	return !p.bounded || float64(n) >= p.min && float64(n) <= p.max
}

// textDict is dict for them.
func (e *encoder) textDict(dst []byte, m map[string]string) ([]byte, error) {
	type member struct{ key, text string }
	members := make([]member, 0, len(m))
	for key, text := range m {
		members = append(members, member{key, text})
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	dst = wire.AppendMap(dst, e.enc, len(m))
	for i, next := range members {
		var ok bool
		if dst, ok = wire.AppendKey(dst, e.enc, i, next.key); !ok {
			return dst, fmt.Errorf("key %q is not UTF-8", next.key)
		}
		if dst, ok = wire.AppendString(dst, e.enc, next.text); !ok {
			return dst, fmt.Errorf("[%q]: %w", next.key, errNotText)
		}
	}
	return wire.EndMap(dst, e.enc), nil
}
