package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// converter makes JSON of what a person typed, by the declared type. What it
// returns is strict and without line ends; bounds are the service's business.
type converter struct {
	service  *idl.Service // resolves names; nil: there are none
	now      func() time.Time
	readFile func(string) ([]byte, error)
}

// paramType is the declared type of an argument; nil: not declared.
func (t *target) paramType(name string) *idl.Type {
	if t.member == nil {
		return nil
	}
	return fieldType(t.member.Params, name)
}

// convert converts an argument. A type that is nil or unknown is any.
func (c *converter) convert(t *idl.Type, text string) ([]byte, error) {
	t = c.resolve(t)
	if t.Kind != idl.String && t.Kind != idl.Bytes {
		return c.value(t, text)
	}
	if after, ok := strings.CutPrefix(text, "@@"); ok {
		return c.value(t, "@"+after)
	}
	if file, ok := strings.CutPrefix(text, "@"); ok {
		content, err := c.readFile(file)
		if err != nil {
			return nil, err
		}
		raw, err := c.value(t, string(content))
		if err != nil {
			return nil, fmt.Errorf("%s: is not UTF-8", file)
		}
		return raw, nil
	}
	return c.value(t, text)
}

var anything = idl.Type{Kind: idl.Any}

func (c *converter) resolve(t *idl.Type) *idl.Type {
	if t != nil && c.service != nil {
		t = c.service.Resolve(t)
	}
	if t == nil {
		return &anything
	}
	return t
}

func (c *converter) value(t *idl.Type, text string) ([]byte, error) {
	switch t.Kind {
	case idl.Bool:
		if text != "true" && text != "false" {
			return nil, expected("true or false", text)
		}
		return []byte(text), nil
	case idl.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > wire.MaxInt || n < -wire.MaxInt {
			return nil, expected("an int", text)
		}
		return strconv.AppendInt(nil, n, 10), nil
	case idl.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, expected("an int64", text)
		}
		return fmt.Appendf(nil, `"%d"`, n), nil
	case idl.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, expected("a uint64", text)
		}
		return fmt.Appendf(nil, `"%d"`, n), nil
	case idl.Float:
		return convertFloat(text)
	case idl.String, idl.Enum:
		return quoted(text)
	case idl.Bytes:
		return append(base64.StdEncoding.AppendEncode([]byte{'"'}, []byte(text)), '"'), nil
	case idl.Time:
		return c.time(text)
	case idl.List:
		return c.list(c.resolve(t.Of), text)
	case idl.Map, idl.Struct, idl.Union:
		return composite(wire.Map, "an object in JSON", text)
	}
	if raw, err := compactJSON([]byte(text)); err == nil {
		return raw, nil
	}
	return quoted(text)
}

func expected(what, text string) error {
	const most = 40 // of what was typed is enough to see what is meant
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return fmt.Errorf("expected %s, not %q", what, text)
}

func quoted(text string) ([]byte, error) {
	raw, ok := wire.AppendString(nil, wire.JSON, text)
	if !ok {
		return nil, errors.New("not UTF-8")
	}
	return raw, nil
}

func convertFloat(text string) ([]byte, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, expected("a float", text)
	}
	raw, ok := wire.AppendFloat(nil, wire.JSON, f)
	if !ok {
		return nil, expected("a float", text)
	}
	return raw, nil
}

// time takes other offsets too, and writes UTC. spec [T4]
func (c *converter) time(text string) ([]byte, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if text == "now" {
		at, err = c.now(), nil
	}
	at = at.UTC()
	if err != nil || at.Year() < 1 || at.Year() > 9999 {
		return nil, expected("a time such as 2026-11-23T10:00:00Z, or now", text)
	}
	return fmt.Appendf(nil, `"%s"`, at.Format(time.RFC3339Nano)), nil
}

// list takes a list in JSON, or elements with commas between them where these
// can have none of their own.
func (c *converter) list(of *idl.Type, text string) ([]byte, error) {
	switch {
	case strings.HasPrefix(text, "["):
		return composite(wire.List, "a list in JSON", text)
	case text == "":
		return []byte("[]"), nil
	}
	switch of.Kind {
	case idl.List, idl.Map, idl.Struct, idl.Union:
		return nil, expected("a list in JSON", text)
	}
	out := []byte{'['}
	for i, part := range strings.Split(text, ",") {
		raw, err := c.value(of, part)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, raw...)
	}
	return append(out, ']'), nil
}

func composite(kind wire.Kind, what, text string) ([]byte, error) {
	raw, err := compactJSON([]byte(strings.TrimSpace(text)))
	if err != nil {
		return nil, fmt.Errorf("expected %s: %w", what, err)
	}
	if v := (wire.Value{Raw: raw}).Cursor(); v.Kind() != kind {
		return nil, expected(what, text)
	}
	return raw, nil
}
