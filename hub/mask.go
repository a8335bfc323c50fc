package hub

import (
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// mask replaces the values of sensitive fields in a value of that type, as JSON.
// What does not fit its type, or is of type any, stays as it is.
func mask(text []byte, s *idl.Service, t *idl.Type) []byte {
	c := wire.Value{Enc: wire.JSON, Raw: text}.Cursor()
	return maskNext(nil, &c, s, t)
}

// Masked is the text in the place of something sensitive, in what a monitor sees.
const Masked = "(sensitive)"

func maskNext(dst []byte, c *wire.Cursor, s *idl.Service, t *idl.Type) []byte {
	t = s.Resolve(t)
	kind := c.Kind()
	switch {
	case t == nil:
	case t.Kind == idl.List && kind == wire.List:
		return maskList(dst, c, s, t.Of)
	case t.Kind == idl.Map && kind == wire.Map:
		return maskMembers(dst, c, func(string) (*idl.Type, bool) { return t.Of, false }, s)
	case t.Kind == idl.Struct && kind == wire.Map:
		return maskMembers(dst, c, fieldOf(t.Fields), s)
	case t.Kind == idl.Union && kind == wire.Map:
		ahead := *c
		name := ""
		for it := ahead.Open(); ahead.More(&it); {
			if string(ahead.Key()) == "type" && ahead.Kind() == wire.String {
				name = string(ahead.Text())
			} else {
				ahead.Skip()
			}
		}
		for i := range t.Options {
			if of := s.Resolve(t.Options[i].Type); t.Options[i].Name == name && of != nil {
				return maskMembers(dst, c, fieldOf(of.Fields), s)
			}
		}
	}
	return append(dst, c.Skip().Raw...)
}

func fieldOf(fields []idl.Field) func(name string) (*idl.Type, bool) {
	return func(name string) (*idl.Type, bool) {
		for i := range fields {
			if fields[i].Name == name {
				return &fields[i].Type, fields[i].Sensitive
			}
		}
		return nil, false
	}
}

func maskList(dst []byte, c *wire.Cursor, s *idl.Service, t *idl.Type) []byte {
	dst = append(dst, '[')
	n := 0
	for it := c.Open(); c.More(&it); n++ {
		dst = maskNext(wire.AppendNext(dst, wire.JSON, n), c, s, t)
	}
	return append(dst, ']')
}

func maskMembers(dst []byte, c *wire.Cursor, typeOf func(name string) (t *idl.Type, sensitive bool), s *idl.Service) []byte {
	dst = append(dst, '{')
	n := 0
	for it := c.Open(); c.More(&it); n++ {
		name := string(c.Key())
		dst, _ = wire.AppendKey(dst, wire.JSON, n, name)
		if t, sensitive := typeOf(name); sensitive {
			c.Skip()
			dst, _ = wire.AppendString(dst, wire.JSON, Masked)
		} else {
			dst = maskNext(dst, c, s, t)
		}
	}
	return append(dst, '}')
}

// maskPlain is mask of what a plain request on a stream, topic, state or table
// is answered with. spec [L5]
func maskPlain(text []byte, s *idl.Service, m *idl.Member) []byte {
	switch m.Kind {
	case idl.Stream:
		return mask(text, s, &idl.Type{Kind: idl.List, Of: m.Item})
	case idl.Table:
		row := idl.Type{Kind: idl.Struct, Fields: []idl.Field{{Name: "value", Type: *m.Item}}}
		return mask(text, s, &idl.Type{Kind: idl.List, Of: &row})
	case idl.Topic:
		items := idl.Type{Kind: idl.List, Of: m.Item}
		return mask(text, s, &idl.Type{Kind: idl.Struct, Fields: []idl.Field{{Name: "items", Type: items}}})
	}
	return mask(text, s, m.Item)
}
