package idl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sabir-ipc/sabir/vectors"
)

func indented(t *testing.T, raw []byte) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return out.String() + "\n"
}

// The documents of vectors/schema are what is made of the description there.
func TestSchemaVectors(t *testing.T) {
	s := &load(t, vector(t, "schema/one.sabir")).Service
	for name, got := range map[string][]byte{"one.schema.json": JSONSchema(s), "one.openrpc.json": OpenRPC("", "", []*Service{s})} {
		want, err := vectors.FS.ReadFile("schema/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got := indented(t, got); got != string(want) {
			t.Errorf("%s is not\n%s", name, got)
		}
	}
}

func load(t *testing.T, text string) *File {
	t.Helper()
	f, err := Load("x.sabir", reader(map[string]string{"x.sabir": text}))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// keywordsOfG1 are what both drafts understand alike.
var keywordsOfG1 = strings.Fields(`type properties required additionalProperties items enum const allOf oneOf $ref definitions
minimum maximum minLength maxLength minItems maxItems minProperties maxProperties
pattern format contentEncoding title description default examples`)

// clause: G1, G3
func TestSchemaKeywords(t *testing.T) {
	for _, s := range []*Service{&everything, &load(t, vector(t, "schema/one.sabir")).Service, &load(t, vector(t, "probe.sabir")).Service} {
		var doc any
		if err := json.Unmarshal(JSONSchema(s), &doc); err != nil {
			t.Fatal(err)
		}
		eachSchema(doc, func(schema map[string]any) {
			for key := range schema {
				if !slices.Contains(keywordsOfG1, key) {
					t.Errorf("%s has the keyword %s", s.Name, key)
				}
			}
			if _, is := schema["$ref"]; is && len(schema) > 1 {
				t.Errorf("%s has %v beside a $ref", s.Name, slices.Sorted(maps.Keys(schema)))
			}
		})
	}
}

func eachSchema(schema any, f func(map[string]any)) {
	o, ok := schema.(map[string]any)
	if !ok {
		return
	}
	f(o)
	for _, key := range []string{"items", "additionalProperties"} {
		eachSchema(o[key], f)
	}
	for _, key := range []string{"properties", "definitions"} {
		inner, _ := o[key].(map[string]any)
		for _, schema := range inner {
			eachSchema(schema, f)
		}
	}
	for _, key := range []string{"allOf", "oneOf"} {
		inner, _ := o[key].([]any)
		for _, schema := range inner {
			eachSchema(schema, f)
		}
	}
}

// What is not known or not there is any value, and no reason to fail.
//
// clause: G4
func TestSchemaOfStrangeThings(t *testing.T) {
	s := &Service{Name: "x", Members: []Member{
		{Kind: "gauge", Name: "a"}, {Kind: Stream, Name: "b"},
		{Kind: Method, Name: "c", Params: []Field{{Name: "t", Type: Type{Kind: "complex"}}, {Name: "l", Type: Type{Kind: List}}, {Name: "n", Type: Type{Kind: Named, Name: "Nothing"}}, {Name: "u", Type: Type{Kind: Union}}}},
	}, Types: []NamedType{{Name: "A", Type: Type{Kind: Named, Name: "A"}}}}
	const want = `{"title":"x","definitions":{"A":{"title":"A"},"b.params":{"title":"b params","type":"object","additionalProperties":false},"b.item":{"title":"b item"},` +
		`"c.params":{"title":"c params","type":"object","properties":{"t":{},"l":{"type":"array","items":{}},"n":{},"u":{"type":"object"}},"required":["t","l","n","u"],"additionalProperties":false},"c.result":{"title":"c result","type":"object"}}}`
	if got := string(JSONSchema(s)); got != want {
		t.Errorf("got\n%s", got)
	}
	// What comes from afar may have two of a name.
	twice := &Service{
		Name: "s", Types: []NamedType{{Name: "T", Type: Type{Kind: Int}}, {Name: "T", Type: Type{Kind: Int}}}, Errors: []NamedError{{Name: "E"}, {Name: "E"}},
		Members: []Member{{Kind: Method, Name: "m", Errors: []string{"E", "E"}, Result: []Field{{Name: "a", Type: Type{Kind: Int}}, {Name: "a", Type: Type{Kind: Int}}}}},
	}
	for name, got := range map[string][]byte{"JSONSchema": JSONSchema(twice), "OpenRPC": OpenRPC("", "", []*Service{twice, twice})} {
		if !jsontext.Value(got).IsValid() {
			t.Errorf("%s: %s", name, got)
		}
	}
	if faults := Check(twice); !strings.Contains(fmt.Sprint(faults), "s.m: E is there twice") {
		t.Error(faults)
	}
	if got := string(OpenRPC("", "", nil)); got != `{"openrpc":"1.3.2","info":{"title":"","version":""},"methods":[],"components":{"schemas":{}}}` {
		t.Errorf("no services are\n%s", got)
	}
}
