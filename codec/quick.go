package codec

import (
	"math"
	"reflect"
	"unicode/utf8"
	"unsafe"

	"github.com/sabir-ipc/sabir/wire"
)

// Most values are as they should be, and written as our own peers write them:
// all fields there and in declared order, without spaces and escapes. Such a
// value is decoded here, straight into its place in memory. The methods return
// false wherever there is anything to say or to decide; then the decoder starts
// again and goes over the value with care (see value), which overwrites what
// was set here. So nothing here knows of paths, faults and rules, and a value
// that is accepted here is one that the careful way accepts with the same result.

// shareText is up to what size of a value its texts are parts of one string, a
// copy of it all: an allocation takes longer than the rest of what a short text
// takes. Above, whoever kept one short text of many would keep too much. To copy
// the texts alone is a third less memory, but takes longer than that saves.
const shareText = 512

// quickDepth is how deep the quick way goes.
const quickDepth = 16

// quickRoom is how many bytes of memory the elements of one list may take here;
// for longer ones the careful way counts. spec [B4]
const quickRoom = 64 << 10

func (d *decoder) quick(p *plan, at unsafe.Pointer, depth int) bool {
	switch p.op {
	case opBool:
		if d.c.Kind() != wire.Bool {
			return false
		}
		*(*bool)(at) = d.c.Bool()
		return true
	case opString:
		from, to, ok := d.c.PlainText()
		if !ok {
			return false
		}
		s := d.shared(from, to)
		*(*string)(at) = s
		return !p.bounded || d.quickText(p, s)
	case opEnum:
		from, to, ok := d.c.PlainText()
		if !ok {
			return false
		}
		for _, name := range p.cases {
			if name == string(d.c.Buf[from:to]) {
				*(*string)(at) = name
				return true
			}
		}
		return false
	case opInt:
		n, ok := d.c.PlainInt()
		if !ok || p.bounded && (float64(n) < p.min || float64(n) > p.max) {
			return false
		}
		switch p.size {
		case 8:
			*(*int64)(at) = n
		case 4:
			*(*int32)(at) = int32(n)
		case 2:
			*(*int16)(at) = int16(n)
		default:
			*(*int8)(at) = int8(n)
		}
		return true
	case opFloat:
		f, ok := d.c.PlainFloat()
		if !ok || p.bounded && (f < p.min || f > p.max) {
			return false
		}
		if p.size == 4 {
			*(*float32)(at) = float32(f)
			return math.Abs(f) <= math.MaxFloat32
		}
		*(*float64)(at) = f
		return true
	case opList:
		return depth < quickDepth && d.quickList(p, at, depth+1)
	case opStruct:
		return depth < quickDepth && d.quickStruct(p, at, depth+1)
	case opMap:
		if p.typ == textMapType && !p.elem.bounded {
			return d.quickTextMap(p, at)
		}
	}
	d.value(p, reflect.NewAt(p.typ, at).Elem())
	return d.faults == nil
}

// shared is the text of d.c.Buf[from:to].
func (d *decoder) shared(from, to int) string {
	if len(d.c.Buf) > shareText {
		return string(d.c.Buf[from:to])
	}
	if d.whole == "" {
		d.whole = string(d.c.Buf)
	}
	return d.whole[from:to]
}

func (d *decoder) quickText(p *plan, s string) bool {
	n := float64(utf8.RuneCountInString(s))
	return n >= p.min && n <= p.max && (p.pattern == nil || p.pattern.MatchString(s))
}

func (d *decoder) quickStruct(p *plan, at unsafe.Pointer, depth int) bool {
	left, ok := d.c.PlainOpen(wire.Map)
	if !ok {
		return false
	}
	first := d.c.Enc == wire.JSON
	for i := range p.fields {
		f := &p.fields[i]
		key := &f.key[d.c.Enc]
		if first {
			key = &f.first
		}
		if !d.c.Literal(key) {
			if f.pointer || f.omit {
				continue
			}
			return false
		}
		first = false
		left--
		if (f.pointer || f.omit) && d.c.Kind() == wire.Null {
			return false // what the field holds already is kept
		}
		place := unsafe.Add(at, f.offset)
		if !f.pointer {
			if !d.quick(f.plan, place, depth) {
				return false
			}
			continue
		}
		fresh := reflect.New(f.plan.typ).UnsafePointer()
		if !d.take(f.plan.size) || !d.quick(f.plan, fresh, depth) {
			return false
		}
		*(*unsafe.Pointer)(place) = fresh
	}
	return (left == 0 || left < 0 && d.c.Enc == wire.JSON) && d.c.PlainClose()
}

func (d *decoder) quickList(p *plan, at unsafe.Pointer, depth int) bool {
	told, ok := d.c.PlainOpen(wire.List)
	if !ok || told >= 0 && told*p.elem.size > quickRoom {
		return false
	}
	n := 0
	if p.typ == textsType && !p.elem.bounded {
		n, ok = d.quickTexts((*[]string)(at), told)
	} else {
		n, ok = d.quickElements(p, reflect.NewAt(p.typ, at).Elem(), told, depth)
	}
	return ok && d.take(n*p.elem.size) && (!p.bounded || float64(n) >= p.min && float64(n) <= p.max)
}

// quickElements reads the elements of a list, of which it is told how many there
// are, or -1.
func (d *decoder) quickElements(p *plan, v reflect.Value, told, depth int) (n int, ok bool) {
	v.Set(reflect.MakeSlice(p.typ, 0, max(0, told)))
	for ; n*p.elem.size <= quickRoom; n++ {
		more, ok := d.c.PlainNext(n, told)
		if !more || !ok {
			return n, ok
		}
		if n == v.Cap() {
			v.Grow(max(4, n))
		}
		v.SetLen(n + 1)
		if !d.quick(p.elem, unsafe.Add(v.UnsafePointer(), n*p.elem.size), depth) {
			return n, false
		}
	}
	return n, false
}

// quickTexts is quickElements where package reflect would take as long as the
// rest.
func (d *decoder) quickTexts(list *[]string, told int) (n int, ok bool) {
	if told >= 0 {
		*list, ok = d.texts(make([]string, 0, told), told)
		return len(*list), ok
	}
	var few [8]string // JSON does not tell how many there are
	texts, ok := d.texts(few[:0], told)
	*list = append(make([]string, 0, len(texts)), texts...)
	return len(texts), ok
}

func (d *decoder) texts(list []string, told int) (_ []string, ok bool) {
	for i := 0; i*textSize <= quickRoom; i++ {
		more, ok := d.c.PlainNext(i, told)
		if !more || !ok {
			return list, ok
		}
		from, to, ok := d.c.PlainText()
		if !ok {
			return list, false
		}
		list = append(list, d.shared(from, to))
	}
	return list, false
}

const textSize = int(unsafe.Sizeof(""))
