// Package codec turns Go values into message bodies and back, by a plan made
// once for each Go type, and checks what comes in against the description
// while it decodes.
//
// A struct is described by its fields, each named by its Go name in snake_case
// unless the tag says otherwise:
//
//	type Say struct {
//		Room string   `pattern:"[a-z0-9-]{1,32}" doc:"Where to say it."`
//		Text string   `min:"1" max:"4096"`
//		Tags []string `sabir:"labels,optional"`
//		Wait *int     `min:"0" unit:"s"`
//	}
//
// The tags are sabir:"name,optional", doc, min, max, pattern, unit, default,
// example, deprecated, since and sensitive; a field with sabir:"-" is left out, as are
// those that are not exported. A pointer is an optional field; so
// is what is tagged optional, whose zero value then means absent. A default is told to
// callers and not put in: whoever reads an absent field acts by it. Go int and
// the smaller integers are the type int, int64 and uint64 those types (text on
// the wire), []byte bytes, time.Time time, any and wire.Value any. The bounds of the
// elements of a list or a map are of.min, of.max and of.pattern. A string type with
// a method Cases() []string is an enum, and CaseDoc(string) string documents its
// cases; its zero value, which is none of them, can only be sent where it is absent. A struct that begins with an embedded [Union] and goes on with pointers to
// structs is a union. Structs, enums and unions are described by their names, other
// types with those that [Bounded] and [Named] give them.
//
// What other packages go by says nothing here, neither tags as json:"name" nor methods as
// MarshalJSON and MarshalText: a net.IP is bytes. The description shows what a type has
// become. Whoever reads an any gets bool, int64, float64, string, []any and map[string]any,
// and of bytes their base64, or []byte if they came in CBOR.
//
// A description is the same on machines of 32 bits, where a Go int holds less than the
// type int: what it does not hold is a fault there.
//
// The texts of a value of up to 512 bytes are parts of one string: who keeps one of
// them for long keeps them all, and may rather keep a copy ([strings.Clone]).
//
// A Codec may be used by any number of goroutines. The rules are in spec/types.md.
package codec

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Codec reads and writes the values of one Go type.
type Codec struct {
	plan  *plan
	named []namedPlan // the named types inside, in order of first use
}

type namedPlan struct {
	typ  reflect.Type
	plan *plan
}

// Union is what a struct embeds first to be a union: the other fields are
// pointers to structs, one for each case, and exactly one of them is set.
// A case that the type does not know is kept in Other and Body. spec [T8]
type Union struct {
	Other string
	Body  wire.Value
}

var cache sync.Map // reflect.Type → *Codec or error

// Of returns the codec for a type. The error names the place in the type that
// has no counterpart among Sabir's types.
func Of(t reflect.Type) (*Codec, error) {
	switch c, _ := cache.Load(t); c := c.(type) {
	case *Codec:
		return c, nil
	case error:
		return nil, c
	}
	b := builder{plans: make(map[reflect.Type]*plan)}
	p, err := b.plan(t)
	if err != nil {
		err = fmt.Errorf("type %v: %w", t, err)
		cache.Store(t, err)
		return nil, err
	}
	c := &Codec{plan: p, named: b.named}
	cache.Store(t, c)
	return c, nil
}

// For is Of for a type known at compile time, and panics where Of fails: such
// a type is a mistake in the program.
func For[T any]() *Codec {
	c, err := Of(reflect.TypeFor[T]())
	if err != nil {
		panic("sabir: " + err.Error())
	}
	return c
}

// Type describes a value of the type.
func (c *Codec) Type() idl.Type { return c.plan.ref() }

// Fields describes the fields of a struct as params, result or error; ok is
// false if the type is none.
func (c *Codec) Fields() (fields []idl.Field, ok bool) {
	return c.plan.desc.Fields, c.plan.kind == idl.Struct
}

// Named calls f for each named type that the description refers to. With inline
// the type itself is none of them, unless something in it refers to it.
func (c *Codec) Named(inline bool, f func(t idl.NamedType, goType reflect.Type)) {
	for _, n := range c.named {
		if inline && n.plan == c.plan && !n.plan.again {
			continue
		}
		nt := idl.NamedType{Name: n.plan.name, Type: n.plan.desc}
		if d, ok := reflect.Zero(n.typ).Interface().(Documented); ok {
			nt.Doc = d.Doc()
		}
		f(nt, n.typ)
	}
}

// Rules say how strictly Decode reads.
type Rules uint8

const (
	// Strict is for params: unknown fields and cases are faults. spec [M8], [T8]
	Strict Rules = iota
	// Lenient is for results and items: unknown fields and cases pass.
	Lenient
)

// Decode reads v into what ptr points to, a pointer to the codec's type, and
// returns the faults it found; with any, the value is not to be used. A zero v
// counts as an empty object.
func (c *Codec) Decode(v wire.Value, ptr any, rules Rules) []Fault {
	return c.decode(v, reflect.ValueOf(ptr).UnsafePointer(), rules)
}

// DecodeTo is Decode into a settable value.
func (c *Codec) DecodeTo(v wire.Value, into reflect.Value, rules Rules) []Fault {
	return c.decode(v, into.Addr().UnsafePointer(), rules)
}

func (c *Codec) decode(v wire.Value, at unsafe.Pointer, rules Rules) []Fault {
	var d decoder
	d.begin(v, rules)
	if !d.quick(c.plan, at, 0) {
		d.begin(v, rules)
		d.value(c.plan, reflect.NewAt(c.plan.typ, at).Elem())
	}
	return d.end()
}

// DecodeFrame is Decode of a value that is part of *frame, memory that may be
// taken: bytes that are half of it or more are left where they are, and then
// *frame is nil. Neither pointer has to be there.
func (c *Codec) DecodeFrame(frame *[]byte, v wire.Value, ptr any, rules Rules) []Fault {
	if frame == nil || *frame == nil {
		return c.Decode(v, ptr, rules)
	}
	var d decoder
	d.begin(v, rules)
	d.frame = frame
	d.value(c.plan, reflect.ValueOf(ptr).Elem())
	return d.end()
}

// Append writes what ptr points to. An error names the place that the wire
// cannot hold; dst is then returned as it was.
func (c *Codec) Append(dst []byte, enc wire.Encoding, ptr any) ([]byte, error) {
	return c.append(dst, encoder{enc: enc}, reflect.ValueOf(ptr).UnsafePointer())
}

// AppendLoose is Append that may leave out large bytes, which are not to change
// until they are written.
func (c *Codec) AppendLoose(dst []byte, enc wire.Encoding, ptr any, l *wire.Loose) ([]byte, error) {
	return c.append(dst, encoder{enc: enc, loose: l}, reflect.ValueOf(ptr).UnsafePointer())
}

// AppendFrom is Append of a reflected value.
func (c *Codec) AppendFrom(dst []byte, enc wire.Encoding, v reflect.Value) ([]byte, error) {
	return c.append(dst, encoder{enc: enc}, placeOf(v))
}

func (c *Codec) append(dst []byte, e encoder, at unsafe.Pointer) ([]byte, error) {
	start := len(dst)
	dst, err := e.value(dst, c.plan, at)
	if err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// placeOf is where a value is in memory, or a copy of it.
func placeOf(v reflect.Value) unsafe.Pointer {
	if !v.CanAddr() {
		place := reflect.New(v.Type()).Elem()
		place.Set(v)
		v = place
	}
	return v.Addr().UnsafePointer()
}

var emptyObject = wire.Value{Enc: wire.JSON, Raw: []byte("{}")}
