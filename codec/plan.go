package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/names"
	"github.com/sabir-ipc/sabir/wire"
)

// plan says how to read and write one type in one place: the bounds of a field
// are part of its plan.
type plan struct {
	kind     idl.Kind
	op       op
	typ      reflect.Type
	name     string   // named types
	desc     idl.Type // what it stands for, if named
	min      float64  // -Inf: none
	max      float64  // +Inf: none
	bits     int      // numbers: those of the Go type
	unsigned bool     // integers
	pattern  *regexp.Regexp
	bounded  bool         // there are min, max or pattern
	elem     *plan        // list, map
	slice    reflect.Type // map: a slice of its values
	fields   []field      // struct; union: the cases
	cases    []string
	needed   mask // struct: fields that must be there
	full     bool // struct: no field is ever left out
	again    bool // struct: met more than once
	boxed    bool // time, any: the Go type is a struct around it
	size     int  // bytes of memory one value takes at least
}

// field is a place of a struct, or a case of a union.
type field struct {
	name    string
	index   int
	offset  uintptr
	plan    *plan
	pointer bool
	omit    bool            // absent when zero
	key     [2]wire.Literal // in JSON ,"name": and in CBOR
	first   wire.Literal    // in JSON without the comma
}

// op is the kind where it has to be quick: to compare texts takes longer than to
// read a number.
type op uint8

const (
	opOther op = iota // the rare ones
	opBool
	opInt
	opFloat
	opString
	opEnum
	opBytes
	opList
	opMap
	opStruct
	opUnion
)

var ops = map[idl.Kind]op{
	idl.Bool: opBool, idl.Int: opInt, idl.Float: opFloat, idl.String: opString,
	idl.Enum: opEnum, idl.Bytes: opBytes, idl.List: opList, idl.Map: opMap, idl.Struct: opStruct, idl.Union: opUnion,
}

// maxFields is how many fields a struct may have; mask has a bit for each.
const maxFields = 256

type mask [maxFields / 64]uint64

func (m *mask) set(i int)      { m[i/64] |= 1 << (i % 64) }
func (m *mask) has(i int) bool { return m[i/64]&(1<<(i%64)) != 0 }

// ref describes the type as others refer to it: by its name if it has one.
func (p *plan) ref() idl.Type {
	if p.name != "" {
		return idl.Type{Kind: idl.Named, Name: p.name}
	}
	return p.desc
}

// find returns the field with that name, or -1. Peers mostly send fields in
// declared order, so the one after the last is tried first.
func (p *plan) find(name []byte, next int) int {
	if next < len(p.fields) && p.fields[next].name == string(name) {
		return next
	}
	for i := range p.fields {
		if p.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}

type builder struct {
	plans  map[reflect.Type]*plan
	named  []namedPlan
	inside []reflect.Type // the lists and maps, up to the next struct, that are being planned
}

var (
	timeType       = reflect.TypeFor[time.Time]()
	durationType   = reflect.TypeFor[time.Duration]()
	rawMessageType = reflect.TypeFor[json.RawMessage]()
	valueType      = reflect.TypeFor[wire.Value]()
	unionType      = reflect.TypeFor[Union]()
	anyType        = reflect.TypeFor[any]()
)

// plan makes the plan of a type. Those of structs are kept, so that a struct
// may contain itself. Where a list or a map leads back to itself there is always
// a struct on the way, or no end.
func (b *builder) plan(t reflect.Type) (*plan, error) {
	if p := b.plans[t]; p != nil {
		if p.desc.Kind == "" && p.name == "" {
			return nil, fmt.Errorf("%v contains itself and has no name to be described by", t)
		}
		p.again = true
		return p, nil
	}
	p := &plan{typ: t, min: math.Inf(-1), max: math.Inf(1), size: int(t.Size())}
	if t.Kind() == reflect.Struct {
		b.plans[t] = p
	}
	if t.Implements(boundedType) {
		b.nameIt(p, t)
	}
	if err := b.fill(p, t); err != nil {
		return p, err
	}
	p.desc.Kind, p.op = p.kind, ops[p.kind]
	return p, b.said(p, t)
}

func (b *builder) fill(p *plan, t reflect.Type) (err error) {
	if inner, ok := box(t); ok {
		p.boxed = true
		return b.fill(p, inner)
	}
	switch t {
	case timeType:
		p.kind = idl.Time
		return nil
	case durationType:
		return errors.New("time.Duration has no counterpart: use float64 or int with a unit")
	case rawMessageType:
		return errors.New("json.RawMessage would be bytes in base64: use wire.Value, or any")
	case valueType, anyType:
		p.kind = idl.Any
		return nil
	}
	switch t.Kind() {
	case reflect.Bool:
		p.kind = idl.Bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint:
		p.kind, p.bits = idl.Int, t.Bits()
		b.intBounds(p, t)
	case reflect.Int64:
		p.kind = idl.Int64
	case reflect.Uint64:
		p.kind = idl.Uint64
	case reflect.Float32, reflect.Float64:
		p.kind, p.bits = idl.Float, t.Bits()
	case reflect.String:
		p.kind = idl.String
		if t.Implements(enumType) {
			p.kind = idl.Enum
			p.cases = reflect.Zero(t).Interface().(Enum).Cases()
			for i, c := range p.cases {
				if !validName(c) || slices.Contains(p.cases[:i], c) {
					return fmt.Errorf("%v: %q is no name of a case, [a-z][a-z0-9_]*, or there twice", t, c)
				}
				p.desc.Options = append(p.desc.Options, idl.Case{Name: c})
				if d, ok := reflect.Zero(t).Interface().(CaseDocumented); ok {
					p.desc.Options[i].Doc = d.CaseDoc(c)
				}
			}
			b.nameIt(p, t)
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			p.kind = idl.Bytes
			return nil
		}
		p.kind = idl.List
		return b.element(p, t)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return errors.New("maps have string keys")
		}
		p.kind, p.slice = idl.Map, reflect.SliceOf(t.Elem())
		return b.element(p, t)
	case reflect.Struct:
		return b.structure(p, t)
	case reflect.Pointer:
		return fmt.Errorf("%v has no counterpart: only fields are pointers, use %v", t, t.Elem())
	case reflect.Array:
		return fmt.Errorf("%v has no counterpart: use []%v", t, t.Elem())
	default:
		return fmt.Errorf("%v has no counterpart", t)
	}
	return nil
}

// intBounds gives an int smaller than Sabir's the bounds of its Go type. How wide int and
// uint are is the machine's business: where they are smaller, that is no part of the
// description, which is the same everywhere.
func (b *builder) intBounds(p *plan, t reflect.Type) {
	p.unsigned = t.Kind() >= reflect.Uint
	if p.unsigned {
		p.bound(0, math.Inf(1))
	}
	if p.bits == 64 {
		return
	}
	hi := math.Ldexp(1, p.bits)
	lo := 0.0
	if !p.unsigned {
		hi /= 2
		lo = -hi
	}
	if t.Kind() == reflect.Int || t.Kind() == reflect.Uint {
		p.min, p.max, p.bounded = lo, hi-1, true
		return
	}
	p.bound(lo, hi-1)
}

// bound narrows the bounds, in the plan and in its description.
func (p *plan) bound(lo, hi float64) {
	if lo > p.min {
		p.min, p.bounded = lo, true
		p.desc.Min = &lo
	}
	if hi < p.max {
		p.max, p.bounded = hi, true
		p.desc.Max = &hi
	}
}

func (b *builder) element(p *plan, t reflect.Type) (err error) {
	if t.Elem().Kind() == reflect.Pointer {
		return errors.New("elements cannot be pointers: only fields are optional")
	}
	if slices.Contains(b.inside, t) {
		return fmt.Errorf("%v contains itself, which only structs can", t)
	}
	before := b.inside
	b.inside = append(b.inside, t)
	defer func() { b.inside = before }()
	if p.elem, err = b.plan(t.Elem()); err != nil {
		return fmt.Errorf("element: %w", err)
	}
	of := p.elem.ref()
	p.desc.Of = &of
	return nil
}

func (b *builder) structure(p *plan, t reflect.Type) error {
	p.kind = idl.Struct
	if t.NumField() > 0 && t.Field(0).Type == unionType && t.Field(0).Anonymous {
		p.kind = idl.Union
	}
	b.nameIt(p, t)
	p.full = true
	outside := b.inside
	b.inside = nil
	defer func() { b.inside = outside }()
	for i := range t.NumField() {
		sf := t.Field(i)
		if p.kind == idl.Union && i == 0 || !sf.IsExported() && !sf.Anonymous || sf.Tag.Get("sabir") == "-" {
			continue
		}
		var err error
		switch {
		case len(p.fields) == maxFields:
			err = fmt.Errorf("more than %d fields", maxFields)
		case p.kind == idl.Union:
			err = b.unionCase(p, i, sf)
		default:
			err = b.field(p, i, sf)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", sf.Name, err)
		}
	}
	if len(p.fields) == 0 && t.NumField() > 0 {
		return fmt.Errorf("%v has no exported fields", t)
	}
	return nil
}

func (b *builder) field(p *plan, i int, sf reflect.StructField) error {
	if sf.Anonymous {
		return errors.New("embedded fields are not described: give it a name")
	}
	name, optional, err := fieldName(sf)
	if err != nil {
		return err
	}
	if !validName(name) {
		return fmt.Errorf("%q is no name of a field, [a-z][a-z0-9_]*", name)
	}
	for j := range p.fields {
		if p.fields[j].name == name {
			return fmt.Errorf("%q is there twice", name)
		}
	}
	t, pointer := sf.Type, sf.Type.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
		if t.Kind() == reflect.Pointer {
			return errors.New("pointer to a pointer")
		}
	}
	fp, err := b.plan(t)
	if err != nil {
		return err
	}
	if fp, err = fp.tagged(sf.Tag); err != nil {
		return err
	}
	f := field{name: name, index: i, offset: sf.Offset, plan: fp, pointer: pointer, omit: optional && !pointer}
	text := append(strconv.AppendQuote([]byte{','}, name), ':')
	cbor, _ := wire.AppendString(nil, wire.CBOR, name)
	f.key = [2]wire.Literal{wire.JSON: wire.NewLiteral(text), wire.CBOR: wire.NewLiteral(cbor)}
	f.first = wire.NewLiteral(text[1:])
	if pointer || optional {
		p.full = false
	} else {
		p.needed.set(len(p.fields))
	}
	p.fields = append(p.fields, f)
	desc := idl.Field{
		Name: name, Type: fp.ref(), Optional: pointer || optional,
		Doc: sf.Tag.Get("doc"), Unit: sf.Tag.Get("unit"), Deprecated: sf.Tag.Get("deprecated"), Since: sf.Tag.Get("since"),
	}
	switch v, ok := sf.Tag.Lookup("sensitive"); {
	case v == "true":
		desc.Sensitive = true
	case ok && v != "false":
		return fmt.Errorf("tag sensitive: expected true or false, not %q", v)
	}
	if desc.Default, err = fp.sample(sf.Tag, "default"); err != nil {
		return err
	}
	if desc.Example, err = fp.sample(sf.Tag, "example"); err != nil {
		return err
	}
	p.desc.Fields = append(p.desc.Fields, desc)
	return nil
}

func (b *builder) unionCase(p *plan, i int, sf reflect.StructField) error {
	if sf.Type.Kind() != reflect.Pointer || sf.Type.Elem().Kind() != reflect.Struct {
		return errors.New("the cases of a union are pointers to structs")
	}
	name, _, err := fieldName(sf)
	if err != nil {
		return err
	}
	if !validName(name) {
		return fmt.Errorf("%q is no name of a case, [a-z][a-z0-9_]*", name)
	}
	if slices.Contains(p.cases, name) {
		return fmt.Errorf("%q is there twice", name)
	}
	cp, err := b.plan(sf.Type.Elem())
	if err != nil {
		return err
	}
	if cp.kind != idl.Struct || cp.find([]byte("type"), 0) >= 0 {
		return errors.New("the case of a union is a struct without a field named type")
	}
	p.fields = append(p.fields, field{name: name, index: i, offset: sf.Offset, plan: cp, pointer: true})
	p.cases = append(p.cases, name)
	of := cp.ref()
	p.desc.Options = append(p.desc.Options, idl.Case{Name: name, Type: &of, Doc: sf.Tag.Get("doc")})
	return nil
}

// sample reads a default or an example, which is JSON, or bare text where a
// string is meant.
func (p *plan) sample(tag reflect.StructTag, key string) (any, error) {
	text, ok := tag.Lookup(key)
	if !ok {
		return nil, nil
	}
	raw := []byte(text)
	if p.kind == idl.String || p.kind == idl.Enum || p.kind == idl.Time || p.kind == idl.Bytes {
		raw, _ = wire.AppendString(nil, wire.JSON, text)
	}
	parser := wire.Parser{Enc: wire.JSON}
	if err := parser.Check(raw); err != nil {
		return nil, fmt.Errorf("%s %q: %w", key, text, err)
	}
	into := reflect.New(p.typ).Elem()
	c := Codec{plan: p}
	if faults := c.DecodeTo(wire.Value{Enc: wire.JSON, Raw: raw}, into, Strict); len(faults) > 0 {
		return nil, fmt.Errorf("%s %q: %s", key, text, faults[0].Reason)
	}
	var v any
	anyCodec := Codec{plan: &plan{kind: idl.Any, typ: anyType}}
	anyCodec.DecodeTo(wire.Value{Enc: wire.JSON, Raw: raw}, reflect.ValueOf(&v).Elem(), Strict)
	return v, nil
}

func fieldName(sf reflect.StructField) (name string, optional bool, err error) {
	if !wellFormed(string(sf.Tag)) {
		return "", false, fmt.Errorf("tag %s: expected key:\"value\" and a space before the next", sf.Tag)
	}
	name, rest, flagged := strings.Cut(sf.Tag.Get("sabir"), ",")
	if name == "" {
		name = names.Snake(sf.Name)
	}
	if flagged && rest != "optional" { // sensitive, say, is a tag of its own: without an error a secret would be none
		err = fmt.Errorf("tag sabir: %q after the name, where there is optional or nothing", rest)
	}
	return name, flagged, err
}
