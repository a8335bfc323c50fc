package main

import (
	"github.com/sabir-ipc/sabir/wire"
)

// palette is what goes before each sort of thing, and off what goes after.
type palette struct{ key, text, number, word, dim, off string }

var (
	plain  = palette{}
	colour = palette{key: "\x1b[34m", text: "\x1b[32m", number: "\x1b[36m", word: "\x1b[35m", dim: "\x1b[2m", off: "\x1b[0m"}
)

// wide is how long a list or an object may be to stay on one line.
const wide = 72

// appendPretty writes a value for a person: JSON still, indented where it is
// long, and safe for a terminal. oneLine keeps it on a line however long.
func appendPretty(dst []byte, v wire.Value, p palette, oneLine bool) []byte {
	c := v.Cursor()
	w := prettyWriter{palette: p, dst: dst, oneLine: oneLine}
	w.value(&c, 0)
	return w.dst
}

type prettyWriter struct {
	palette
	dst     []byte
	oneLine bool
}

func (w *prettyWriter) value(c *wire.Cursor, depth int) {
	switch kind := c.Kind(); kind {
	case wire.List, wire.Map:
		w.composite(c, kind == wire.Map, depth)
	case wire.String:
		w.scalar(w.text, c.Skip().Raw)
	case wire.Number:
		w.scalar(w.number, c.Skip().Raw)
	default:
		w.scalar(w.word, c.Skip().Raw)
	}
}

func (w *prettyWriter) scalar(style string, raw []byte) {
	w.dst = append(w.dst, style...)
	w.dst = appendSafe(w.dst, raw)
	w.dst = append(w.dst, w.off...)
}

func (w *prettyWriter) composite(c *wire.Cursor, isMap bool, depth int) {
	begin, end := byte('['), byte(']')
	if isMap {
		begin, end = '{', '}'
	}
	ahead := *c
	broken := !w.oneLine && !c.Empty() && len(ahead.Skip().Raw) > wide-2*depth
	w.dst = append(w.dst, begin)
	first := true
	for it := c.Open(); c.More(&it); first = false {
		switch {
		case !first && broken:
			w.dst = append(w.dst, ',')
		case !first:
			w.dst = append(w.dst, ", "...)
		}
		if broken {
			w.newline(depth + 1)
		}
		if isMap {
			key := *c
			w.scalar(w.key, key.Skip().Raw)
			c.Key()
			w.dst = append(w.dst, ": "...)
		}
		w.value(c, depth+1)
	}
	if broken {
		w.newline(depth)
	}
	w.dst = append(w.dst, end)
}

func (w *prettyWriter) newline(depth int) {
	w.dst = append(w.dst, '\n')
	for range depth {
		w.dst = append(w.dst, "  "...)
	}
}
