package main

import (
	"bytes"
	"errors"
	"strings"

	"github.com/rivo/uniseg"
	"github.com/sabir-ipc/sabir/wire"
)

var errNoItems = errors.New("the answer is no list")

// columns aligns rows of cells by the room that they take on a terminal, where
// some characters are two wide and others none. The last cell of a row is not filled up.
func columns(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		var b strings.Builder
		for j, cell := range row {
			b.WriteString(cell)
			if j < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[j]-uniseg.StringWidth(cell)+2))
			}
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// rowsText lays out a table, [{key, value}], for a terminal: the key and a
// column for each field, in the order in which they first come.
func rowsText(rows wire.Value, style palette) []byte {
	head := []string{"key"}
	place := make(map[string]int)
	var cells [][]string
	c := rows.Cursor()
	if c.Kind() != wire.List {
		return append(appendPretty(nil, rows, style, false), '\n')
	}
	for it := c.Open(); c.More(&it); {
		row := c.Skip()
		key, _ := child(row, "key")
		value, _ := child(row, "value")
		line := []string{cell(key)}
		set := func(name string, v wire.Value) {
			at, ok := place[name]
			if !ok {
				at = len(head)
				place[name] = at
				head = append(head, escape(name, false))
			}
			for len(line) <= at {
				line = append(line, "")
			}
			line[at] = cell(v)
		}
		fields := value.Cursor()
		if value.IsZero() || fields.Kind() != wire.Map {
			set("value", value)
		} else {
			for in := fields.Open(); fields.More(&in); {
				name := string(fields.Key())
				set(name, fields.Skip())
			}
		}
		cells = append(cells, line)
	}
	if len(cells) == 0 {
		return nil
	}
	var out bytes.Buffer
	for i, line := range columns(append([][]string{head}, cells...)) {
		if i == 0 {
			line = style.dim + line + style.off
		}
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// cell is a value on a terminal without the quotes of JSON.
func cell(v wire.Value) string {
	if v.IsZero() {
		return ""
	}
	if c := v.Cursor(); c.Kind() == wire.String {
		return escape(string(c.Text()), false)
	}
	return string(appendSafe(nil, appendCompact(nil, v)))
}
