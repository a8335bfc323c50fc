package web

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// description finds members by what is in a path.
type description map[string]described

type described struct {
	service *idl.Service
	member  *idl.Member
}

func describe(all []*idl.Service) description {
	d := make(description)
	for _, s := range all {
		for i := range s.Members {
			d[s.Name+"."+s.Members[i].Name] = described{s, &s.Members[i]}
		}
	}
	return d
}

// member is nil for one that is not described.
func (d description) member(name string) (*idl.Member, *idl.Service) {
	found := d[name]
	return found.member, found.service
}

// empty reports that services do not say what they have; rpc always does.
func (d description) empty() bool {
	for _, found := range d {
		if found.service.Name != "rpc" {
			return false
		}
	}
	return true
}

// query makes params of the text after the question mark. m is nil for a member that is not there, which then says so
// itself. What is wrong with a value the service says, as of any other: here it only becomes JSON. spec [H5]
func query(m *idl.Member, s *idl.Service, text string) (sabir.Body, error) {
	seen := make(map[string]bool)
	out := wire.AppendMap(nil, wire.JSON, 0)
	n := 0
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		switch {
		case err != nil || !utf8.ValidString(name) || !utf8.ValidString(value):
			return sabir.Body{}, faulty("", "the query is not UTF-8 behind its escapes")
		case seen[name]:
			return sabir.Body{}, faulty(name, "given twice; a list is JSON: [1,2]")
		}
		seen[name] = true
		raw, fault := convert(paramType(m, s, name), value)
		if fault != "" {
			return sabir.Body{}, faulty(name, fault)
		}
		out, _ = wire.AppendKey(out, wire.JSON, n, name)
		out = append(out, raw...)
		n++
	}
	return sabir.RawBody(wire.Value{Enc: wire.JSON, Raw: wire.EndMap(out, wire.JSON)}), nil
}

// paramType is nil for what is not declared.
func paramType(m *idl.Member, s *idl.Service, name string) *idl.Type {
	if m == nil {
		return nil
	}
	for i := range m.Params {
		if m.Params[i].Name == name {
			return s.Resolve(&m.Params[i].Type)
		}
	}
	return nil
}

// convert makes a value in JSON of a text, or says why it cannot.
func convert(t *idl.Type, text string) (raw []byte, fault string) {
	if t == nil {
		t = &idl.Type{Kind: idl.String}
	}
	switch t.Kind {
	case idl.String, idl.Enum, idl.Bytes, idl.Time, idl.Int64, idl.Uint64:
		raw, _ = wire.AppendString(nil, wire.JSON, text)
		return raw, ""
	}
	raw = []byte(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return '\t' // as in bodies
		}
		return r
	}, text))
	p := wire.Parser{Enc: wire.JSON}
	if err := p.Check(raw); err != nil {
		return nil, fmt.Sprintf("expected %s in JSON, not %s", t.Kind, clip(text))
	}
	return raw, ""
}

// faulty is rpc.InvalidParams with one fault.
func faulty(name, reason string) error {
	e := *sabir.ErrInvalidParams
	fault := sabir.Fault{Path: name, Reason: reason}
	e.Message = fault.String()
	e.Params = bodyOf(&struct{ Faults []sabir.Fault }{[]sabir.Fault{fault}})
	return &e
}

// bodyOf is for what is known to have a counterpart.
func bodyOf(x any) sabir.Body {
	b, err := sabir.BodyOf(x)
	if err != nil {
		panic("web: " + err.Error())
	}
	return b
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }
