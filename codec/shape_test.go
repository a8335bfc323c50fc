package codec

import (
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// A description may come from anybody.
func TestShapeOfBadDescriptions(t *testing.T) {
	deep := idl.Type{Kind: idl.Int}
	for range 100 {
		of := deep
		deep = idl.Type{Kind: idl.List, Of: &of}
	}
	for want, c := range map[string]idl.Type{
		"of nothing":         {Kind: idl.List},
		"no type Nowhere":    {Kind: idl.Named, Name: "Nowhere"},
		"no type Again":      {Kind: idl.Named, Name: "Again"},
		`a type "matrix"`:    {Kind: "matrix"},
		"over 64 levels":     deep,
		"pattern":            {Kind: idl.String, Pattern: "(("},
		"more than 256":      {Kind: idl.Struct, Fields: make([]idl.Field, 257)},
		"that is of nothing": {Kind: idl.Union, Options: []idl.Case{{Name: "a"}}},
	} {
		if c.Kind == idl.Struct {
			for i := range c.Fields {
				c.Fields[i] = idl.Field{Name: "f", Type: idl.Type{Kind: idl.Int}}
			}
		}
		s := NewShapes(&idl.Service{Types: []idl.NamedType{{Name: "Again", Type: idl.Type{Kind: idl.Named, Name: "Again"}}}})
		if _, err := s.Of(&c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// A type that holds itself has an end where its values do.
func TestShapeThatHoldsItself(t *testing.T) {
	tree := idl.Type{Kind: idl.Struct, Fields: []idl.Field{
		{Name: "kids", Type: idl.Type{Kind: idl.List, Of: &idl.Type{Kind: idl.Named, Name: "Tree"}}},
	}}
	s, err := NewShapes(&idl.Service{Types: []idl.NamedType{{Name: "Tree", Type: tree}}}).Of(&idl.Type{Kind: idl.Named, Name: "Tree"})
	if err != nil {
		t.Fatal(err)
	}
	faults := s.Check(wire.Value{Enc: wire.JSON, Raw: []byte(`{"kids":[{"kids":[]},{"kids":[{"kid":1}]}]}`)}, Strict)
	if len(faults) != 2 || faults[0].Path != "kids[1].kids[0].kid" || faults[1].Path != "kids[1].kids[0].kids" {
		t.Errorf("got %v", faults)
	}
}
