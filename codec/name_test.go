package codec

import (
	"reflect"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

type (
	userID   string
	labels   []string
	moment   struct{ time.Time }
	thing    struct{ Value any }
	place    struct{ X int }
	other    place
	nameless struct{ Y int }
)

func (userID) Bounds() string      { return `min:"1" pattern:"[a-z]*"` }
func (labels) Bounds() string      { return `max:"2" of.max:"3"` }
func (moment) Bounds() string      { return "" }
func (thing) Bounds() string       { return "" }
func (other) SabirAlias() any      { return place{} }
func (userID) SabirName() string   { return "Id" }
func (nameless) SabirName() string { return "" }

type named struct {
	ID     userID
	Labels labels
	Grid   [][]int `max:"2" of.min:"1" of.of.max:"9"`
	At     moment
	Thing  *thing
	Other  other
	Plain  nameless
}

// Names and bounds that methods give are described, and kept.
//
// clause: D1, T6
func TestNamed(t *testing.T) {
	c := For[named]()
	fields, _ := c.Fields()
	got := ""
	for i := range fields {
		got += fields[i].String() + "\n"
	}
	c.Named(true, func(n idl.NamedType, _ reflect.Type) { got += "type " + n.Name + " " + n.Type.String() + "\n" })
	const want = `id: Id
labels: Labels
grid: [[int(max=9)](min=1)](max=2)
at: Moment
thing: ?Thing
other: Other
plain: { y: int }
type Id string(pattern="[a-z]*", min=1)
type Labels [string(max=3)](max=2)
type Moment time
type Thing any
type Other Place
type Place { x: int }
`
	if got != want {
		t.Errorf("described as\n%s\nwant\n%s", got, want)
	}

	const text = `{"id":"ann","labels":["abc"],"grid":[[9]],"at":"2026-11-23T10:00:00Z","thing":[1,null],"other":{"x":1},"plain":{"y":2}}`
	var v named
	if faults := c.Decode(wire.Value{Enc: wire.JSON, Raw: []byte(text)}, &v, Strict); len(faults) > 0 {
		t.Fatal(faults)
	}
	if back, err := c.Append(nil, wire.JSON, &v); err != nil || string(back) != text {
		t.Errorf("%v: %s became %s", err, text, back)
	}
	for _, bad := range []string{
		`{"id":"","labels":[],"grid":[],"at":"2026-11-23T10:00:00Z","other":{"x":1},"plain":{"y":2}}`,
		`{"id":"a","labels":["abcd"],"grid":[],"at":"2026-11-23T10:00:00Z","other":{"x":1},"plain":{"y":2}}`,
		`{"id":"a","labels":[],"grid":[[]],"at":"2026-11-23T10:00:00Z","other":{"x":1},"plain":{"y":2}}`,
		`{"id":"a","labels":[],"grid":[[10]],"at":"2026-11-23T10:00:00Z","other":{"x":1},"plain":{"y":2}}`,
	} {
		if faults := c.Decode(wire.Value{Enc: wire.JSON, Raw: []byte(bad)}, &v, Strict); len(faults) != 1 {
			t.Errorf("%s: %v", bad, faults)
		}
	}
}
