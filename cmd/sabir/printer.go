package main

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// printer writes results to stdout as the flags and the terminal want them.
type printer struct {
	*app
	picks   []pick
	service *idl.Service // resolves types; nil: not known
	buf     []byte
}

func (a *app) printer(s *idl.Service) (*printer, error) {
	picks, err := parsePicks(a.picks)
	return &printer{app: a, picks: picks, service: s}, err
}

func (a *app) palette() palette {
	if a.outTTY && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" {
		return colour
	}
	return plain
}

// value prints a whole result of type t, nil if that is not known.
func (p *printer) value(v wire.Value, t *idl.Type) error {
	p.note(v)
	if handled, err := p.special(v, t); handled {
		return err
	}
	return p.line(v, false, "")
}

// item prints one of many of type t on a line. before goes first on a terminal.
func (p *printer) item(v wire.Value, t *idl.Type, before string) error {
	p.note(v)
	if len(p.picks) > 0 {
		return p.picked(v, t)
	}
	return p.line(v, true, before)
}

// object prints what is the command's own and no result of a service.
func (p *printer) object(x any, t *idl.Type) error {
	raw, err := codec.AppendAny(nil, wire.JSON, x)
	if err != nil {
		return err
	}
	return p.item(wire.Value{Raw: raw}, t, "")
}

// typeOf is the type of an object with some fields, for object.
func typeOf(names ...string) idl.Type {
	t := idl.Type{Kind: idl.Struct}
	for _, name := range names {
		t.Fields = append(t.Fields, idl.Field{Name: name, Type: idl.Type{Kind: idl.String}})
	}
	return t
}

func (p *printer) note(v wire.Value) {
	if p.result != nil {
		p.result(v)
	}
}

func (p *printer) line(v wire.Value, oneLine bool, before string) error {
	p.buf = p.buf[:0]
	switch {
	case !p.outTTY:
		p.buf = appendCompact(p.buf, v)
	case p.json:
		p.buf = appendSafe(p.buf, appendCompact(nil, v))
	default:
		style := p.palette()
		if before != "" {
			p.buf = append(p.buf, style.dim+before+style.off+" "...)
		}
		p.buf = appendPretty(p.buf, v, style, oneLine)
	}
	p.buf = append(p.buf, '\n')
	return write(p.out, p.buf)
}

// special prints what is not shown as JSON: what -o picks, and bytes.
func (p *printer) special(v wire.Value, t *idl.Type) (handled bool, err error) {
	if len(p.picks) == 0 {
		if p.isBytes(t) && !p.json {
			return true, p.bytes(v)
		}
		return false, nil
	}
	if len(p.picks) == 1 && !p.json && p.isBytes(p.picks[0].typeAt(p.service, t)) {
		one, err := p.picks[0].from(v)
		if err != nil {
			return true, err
		}
		return true, p.bytes(one)
	}
	return true, p.picked(v, t)
}

func (p *printer) isBytes(t *idl.Type) bool {
	if t != nil && p.service != nil {
		t = p.service.Resolve(t)
	}
	return t != nil && t.Kind == idl.Bytes
}

// picked prints the picks of one value on a line: strings bare, others as JSON,
// nothing (in JSON null) for a field that is declared and not there.
func (p *printer) picked(v wire.Value, t *idl.Type) error {
	p.buf = p.buf[:0]
	for i, way := range p.picks {
		if i > 0 {
			p.buf = append(p.buf, '\t')
		}
		part, err := way.from(v)
		switch {
		case err == nil:
			p.buf = p.appendBare(p.buf, part)
		case way.typeAt(p.service, t) == nil:
			return err
		case p.json:
			p.buf = append(p.buf, "null"...)
		}
	}
	p.buf = append(p.buf, '\n')
	return write(p.out, p.buf)
}

func (p *printer) appendBare(dst []byte, v wire.Value) []byte {
	c := v.Cursor()
	switch {
	case p.json && p.outTTY:
		return appendSafe(dst, appendCompact(nil, v))
	case p.json || c.Kind() != wire.String && !p.outTTY:
		return appendCompact(dst, v)
	case c.Kind() != wire.String:
		return appendSafe(dst, appendCompact(nil, v))
	case p.outTTY:
		return append(dst, escape(string(c.Text()), true)...)
	}
	return append(dst, c.Text()...)
}

// bytes prints bytes as they are, but keeps what is no text from a terminal.
func (p *printer) bytes(v wire.Value) error {
	c := v.Cursor()
	if kind := c.Kind(); kind != wire.String && kind != wire.Bytes { // an optional field that is null
		return p.line(v, true, "")
	}
	b, ok := c.Bytes(nil)
	switch {
	case !ok:
		return p.line(v, true, "")
	case !p.outTTY:
		return write(p.out, b)
	case !isText(b):
		p.say("%d bytes of binary, redirect to a file", len(b))
		return nil
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	return write(p.out, b)
}

// isText reports whether bytes may go to a terminal as they are.
func isText(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool { return r != '\n' && r != '\t' && dangerous(r) }) < 0
}

// appendCompact writes a value as JSON without blanks, fields in the order they
// came in.
func appendCompact(dst []byte, v wire.Value) []byte {
	start := len(dst)
	dst, err := v.Append(dst, wire.JSON)
	if err != nil {
		return append(dst[:start], "null"...)
	}
	if !bytes.ContainsAny(dst[start:], " \t\r\n") {
		return dst
	}
	var b bytes.Buffer
	if json.Compact(&b, dst[start:]) != nil {
		return dst
	}
	return append(dst[:start], b.Bytes()...)
}
