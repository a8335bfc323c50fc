package golang_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir/idl"
)

// Random descriptions become packages that compile, whose services describe
// themselves with the same text, and whose types give values back as they were.
//
// clause: D1, D2, I2, I6, T1, T2, T3, T4, T5, T8
func TestRandomDescriptions(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := &writer{rand.New(rand.NewPCG(seed, 1)), nil}
	o := newOutside(t)
	var all []*idl.Service
	var values []any
	var checks strings.Builder
	for n := range 6 {
		s := r.service(fmt.Sprintf("s%d", n))
		if faults := idl.Check(s); faults != nil {
			t.Fatalf("%v in\n%s", faults, s)
		}
		all = append(all, s)
		pkg := fmt.Sprintf("p%d", n)
		o.add(pkg, s)
		for i := range s.Types {
			for range 5 {
				v := r.value(&s.Types[i].Type, 4)
				values = append(values, v)
				text, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&checks, "\tback[%s.%s](%s)\n", pkg, s.Types[i].Name, strconv.Quote(string(text)))
			}
		}
	}
	// The types of a description are made into Go, so main names them; it is one function a value.
	o.write("back.go", `package main

import (
	"fmt"
	"log"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/wire"

`+o.uses.String()+`)

func back[T any](text string) {
	var v T
	if faults := codec.For[T]().Decode(wire.Value{Enc: wire.JSON, Raw: []byte(text)}, &v, codec.Strict); len(faults) > 0 {
		log.Fatalf("%T: %v in %s", v, faults, text)
	}
	body, err := sabir.BodyOf(&v)
	if err != nil {
		log.Fatal(err)
	}
	raw, err := body.JSON()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(raw), "\x00")
}

func values() {
`+checks.String()+"}\n")
	o.main.WriteString("\tvalues()\n")
	o.run("vet", "./...")
	got := o.descriptions()
	for i, s := range all {
		if want := s.String(); got[i] != want {
			t.Errorf("%s was described as\n%s\nand describes itself as\n%s", s.Name, want, got[i])
		}
	}
	for i, want := range values {
		var back any
		if err := json.Unmarshal([]byte(got[len(all)+i]), &back); err != nil {
			t.Fatal(err)
		}
		if text, _ := json.Marshal(want); !reflect.DeepEqual(back, parsed(t, text)) {
			t.Errorf("%s came back as %s", text, got[len(all)+i])
		}
	}
	t.Logf("%d values of %d services", len(values), len(all))
}

func parsed(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// writer makes descriptions.
type writer struct {
	*rand.Rand
	s *idl.Service
}

func (r *writer) service(name string) *idl.Service {
	s := &idl.Service{Name: name, Version: "1." + fmt.Sprint(r.IntN(9)), Doc: r.doc(), Members: []idl.Member{}, Types: []idl.NamedType{}, Errors: []idl.NamedError{}}
	r.s = s
	for i := range 3 + r.IntN(4) { // those before are what later ones may be made of
		t := r.bare(3)
		if t.Kind == idl.Any || t.Kind == idl.Time && r.IntN(2) == 0 {
			t = r.structure(2)
		}
		s.Types = append(s.Types, idl.NamedType{Name: fmt.Sprintf("Type%c", 'A'+i), Doc: r.doc(), Type: t})
	}
	for i := range 1 + r.IntN(2) {
		s.Errors = append(s.Errors, idl.NamedError{Name: fmt.Sprintf("Bad%c", 'A'+i), Doc: r.doc(), Fields: r.fields(2)})
	}
	for i := range 3 + r.IntN(4) {
		s.Members = append(s.Members, r.member(fmt.Sprintf("do_%c", 'a'+i)))
	}
	r.useAll()
	return s
}

// useAll adds a method that needs all types and errors, in their order.
func (r *writer) useAll() {
	m := idl.Member{Kind: idl.Method, Name: "all", Params: []idl.Field{}}
	for i := range r.s.Types {
		m.Params = append(m.Params, idl.Field{Name: fmt.Sprintf("f%d", i), Type: idl.Type{Kind: idl.Named, Name: r.s.Types[i].Name}})
	}
	for i := range r.s.Errors {
		m.Errors = append(m.Errors, r.s.Errors[i].Name)
	}
	r.s.Members = append(r.s.Members, m)
}

func (r *writer) doc() string {
	return []string{"", "Does something.", "Two lines,\nof which this is one.", "With a \"quote\", a `tick` and a \\.\n\n\tindented"}[r.IntN(4)]
}

func (r *writer) member(name string) idl.Member {
	kinds := []idl.MemberKind{idl.Method, idl.Method, idl.Stream, idl.Topic, idl.State, idl.Table}
	m := idl.Member{Kind: kinds[r.IntN(len(kinds))], Name: name, Doc: r.doc(), Params: r.fields(2)}
	if m.Kind == idl.Method {
		m.Result = r.fields(2)
	} else {
		item := r.item()
		m.Item = &item
	}
	if !m.Kind.Subscribed() {
		m.Readonly, m.Idempotent = r.IntN(3) == 0, r.IntN(3) == 0
	}
	m.Common, m.Unstable = r.IntN(5) == 0, r.IntN(5) == 0
	if r.IntN(4) == 0 {
		m.Access, m.Since, m.Deprecated = idl.Admin, "1.0", "Use \"all\"."
	}
	if r.IntN(2) == 0 {
		m.Errors = []string{r.s.Errors[0].Name}
	}
	return m
}

// item is a type that a member may have without a struct around it.
func (r *writer) item() idl.Type {
	return idl.Type{Kind: idl.Named, Name: r.s.Types[r.IntN(len(r.s.Types))].Name}
}

func (r *writer) fields(depth int) []idl.Field {
	all := []idl.Field{}
	for i := range r.IntN(4) {
		f := idl.Field{Name: []string{"a", "type", "some_name", "x9"}[i], Doc: r.doc(), Type: r.typ(depth), Optional: r.IntN(3) == 0}
		if f.Name == "type" {
			f.Name = "kind"
		}
		if f.Type.Kind != idl.Any && r.IntN(4) == 0 {
			f.Unit, f.Since, f.Sensitive = "µs", "1.1", true
		}
		all = append(all, f)
	}
	return all
}

func (r *writer) typ(depth int) idl.Type {
	if len(r.s.Types) > 0 && r.IntN(4) == 0 {
		return r.item()
	}
	return r.bare(depth)
}

func (r *writer) structure(depth int) idl.Type {
	t := idl.Type{Kind: idl.Struct, Fields: r.fields(depth)}
	if len(t.Fields) == 0 {
		t.Fields = []idl.Field{{Name: "a", Type: idl.Type{Kind: idl.Int}}}
	}
	return t
}

func (r *writer) bare(depth int) idl.Type {
	leaves := []idl.Kind{idl.Bool, idl.Int, idl.Int64, idl.Uint64, idl.Float, idl.String, idl.Bytes, idl.Time, idl.Any}
	t := idl.Type{Kind: leaves[r.IntN(len(leaves))]}
	if depth > 0 && r.IntN(2) == 0 {
		t.Kind = []idl.Kind{idl.List, idl.Map, idl.Struct, idl.Enum, idl.Union}[r.IntN(5)]
	}
	switch t.Kind {
	case idl.List, idl.Map:
		of := r.typ(depth - 1)
		t.Of = &of
	case idl.Struct:
		return r.structure(depth - 1)
	case idl.Enum:
		t.Options = []idl.Case{{Name: "one", Doc: r.doc()}, {Name: "two_2"}, {Name: "type"}}[:1+r.IntN(3)]
	case idl.Union:
		for _, name := range []string{"first", "other"}[:1+r.IntN(2)] {
			of := r.structure(depth - 1)
			t.Options = append(t.Options, idl.Case{Name: name, Doc: r.doc(), Type: &of})
		}
	case idl.String:
		if r.IntN(3) == 0 {
			t.Pattern = "[a-c]{2,4}"
			return t
		}
	}
	if r.IntN(3) == 0 {
		switch t.Kind {
		case idl.Int, idl.Int64, idl.Uint64, idl.Float, idl.String, idl.Bytes, idl.List, idl.Map:
			low := float64(r.IntN(3))
			high := low + float64(r.IntN(4))
			t.Min, t.Max = &low, &high
		}
	}
	return t
}

// value is a random value of a type, as JSON has it.
func (r *writer) value(t *idl.Type, depth int) any {
	t = r.resolve(t)
	low, high := 0.0, 3.0
	if t.Min != nil {
		low, high = *t.Min, *t.Max
	}
	number := int64(low) + r.Int64N(int64(high-low)+1)
	switch t.Kind {
	case idl.Bool:
		return r.IntN(2) == 0
	case idl.Int:
		return number
	case idl.Int64, idl.Uint64:
		return strconv.FormatInt(number, 10)
	case idl.Float:
		return low + (high-low)*float64(r.IntN(5))/4
	case idl.String:
		if t.Pattern != "" {
			return "abc"
		}
		return string([]rune("ż\"😀\n<z")[:number])
	case idl.Bytes:
		return base64.StdEncoding.EncodeToString([]byte{0, 255, 1, 2, 3, 4}[:number])
	case idl.Time:
		return []string{"2026-11-23T10:00:00Z", "0001-01-01T00:00:00.5Z"}[r.IntN(2)]
	case idl.Any:
		return []any{"x", true, []any{1.5, nil}, map[string]any{"k": 1}}[r.IntN(4)]
	case idl.List:
		list := []any{}
		for range number {
			list = append(list, r.value(t.Of, depth-1))
		}
		return list
	case idl.Map:
		m := map[string]any{}
		for i := range number {
			m[fmt.Sprint("key ", i)] = r.value(t.Of, depth-1)
		}
		return m
	case idl.Enum:
		return t.Options[r.IntN(len(t.Options))].Name
	case idl.Union:
		c := t.Options[r.IntN(len(t.Options))]
		m := r.object(r.resolve(c.Type).Fields, depth)
		m["type"] = c.Name
		return m
	}
	return r.object(t.Fields, depth)
}

func (r *writer) object(fields []idl.Field, depth int) map[string]any {
	m := map[string]any{}
	for i := range fields {
		f := &fields[i]
		if !f.Optional || depth > 0 && r.IntN(2) == 0 {
			m[f.Name] = r.value(&f.Type, depth-1)
		}
	}
	return m
}

// resolve is the type behind a name, in whichever service has it that is made now.
func (r *writer) resolve(t *idl.Type) *idl.Type { return r.s.Resolve(t) }
