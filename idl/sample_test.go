package idl_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// What Sample writes is what the description allows, in every description that
// is here.
func TestSampleFits(t *testing.T) {
	files, members := 0, 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".sabir" || strings.Contains(path, "bad") || strings.Contains(path, "node_modules") {
			return err
		}
		f, err := idl.Load(path, os.ReadFile)
		if err != nil || f.Service.Name == "" || len(idl.Check(&f.Service)) > 0 {
			return nil // others see to what is wrong with files
		}
		files++
		s := &f.Service
		shapes := codec.NewShapes(s)
		check := func(what string, text []byte, ok bool, shape *codec.Shape, err error) {
			if err != nil {
				t.Errorf("%s: %s: %v", path, what, err)
				return
			}
			if !ok {
				t.Errorf("%s: %s: no sample", path, what)
				return
			}
			p := wire.Parser{Enc: wire.JSON}
			if err := p.Check(text); err != nil {
				t.Errorf("%s: %s: %s: %v", path, what, text, err)
			} else if faults := shape.Check(wire.Value{Enc: wire.JSON, Raw: text}, codec.Strict); len(faults) > 0 {
				t.Errorf("%s: %s: %s: %v", path, what, text, faults)
			}
			members++
		}
		for i := range s.Members {
			m := &s.Members[i]
			text, ok := s.SampleFields(nil, m.Params)
			shape, err := shapes.OfFields(m.Params)
			check(m.Name+" params", text, ok, shape, err)
			if m.Kind == idl.Method {
				text, ok = s.SampleFields(nil, m.Result)
				shape, err = shapes.OfFields(m.Result)
			} else {
				text, ok = s.Sample(nil, m.Name, m.Item)
				shape, err = shapes.Of(m.Item)
			}
			check(m.Name+" result", text, ok, shape, err)
		}
		return nil
	})
	if err != nil || files < 3 || members < 30 {
		t.Errorf("%d files, %d values: %v", files, members, err)
	}
}

// What bounds and patterns leave is found, and what they do not is said.
func TestSampleBounds(t *testing.T) {
	for text, want := range map[string]string{
		`string`: `"name"`, `string(max=2)`: `"na"`, `string(min=6)`: `"namena"`,
		`string(pattern="[A-Z]{3}-[0-9]+")`: `"AAA-0"`, `string(pattern="x*", min=3)`: `"xxx"`, `string(pattern="x{2}", min=3)`: ``,
		`int(min=5)`: `5`, `int(max=-2)`: `-2`, `float(min=0.5, max=0.75)`: `0.75`, `uint64`: `"1"`,
		`bytes(min=7)`: `"c2FiaXJzYQ=="`, `time`: `"2026-01-02T03:04:05Z"`, `[int](min=2)`: `[1,1]`, `{bool}(min=2)`: `{"key":true,"kkey":true}`,
		`Chain`: `{"n":1,"next":{"n":1,"next":{"n":1,"next":{"n":1,"next":{"n":1}}}}}`, `Shape`: `{"type":"circle","r":1}`, `Colour`: `"red"`,
		`Shown`: `{"room":"dev","limit":10}`,
	} {
		f, err := idl.Parse("t.sabir", []byte("service t 1\nmethod m(name: "+text+`)
type Chain { n: int, next: ?Chain }
type Circle { r: float }
type Shape union(circle: Circle, square: Circle)
type Colour enum(red, green)
type Shown { room: string(example="dev"), limit: ?int(default=10) }
`))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, ok := f.Service.Sample(nil, "name", &f.Service.Members[0].Params[0].Type)
		if ok != (want != "") || string(got) != want {
			t.Errorf("%s: %s, %v; expected %s", text, got, ok, want)
		}
	}
}
