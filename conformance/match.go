package conformance

import (
	"fmt"
	"reflect"
	"strings"
)

// names are the values that "$name" stands for in a conversation.
type names map[string]any

// match compares what came with what is expected; the error says where they differ.
func (n names) match(path string, want, got any) error {
	if name, ok := want.(string); ok && strings.HasPrefix(name, "$") {
		got = plainBytes(got)
		if known, ok := n[name]; ok && !reflect.DeepEqual(known, got) {
			return differ(path, known, got)
		}
		if name != "$_" {
			n[name] = got
		}
		return nil
	}
	switch want := want.(type) {
	case Object:
		got, ok := got.(Object)
		if !ok {
			return differ(path, want, got)
		}
		for _, m := range got {
			if !want.has(m.Name) {
				return fmt.Errorf("%s: not expected, and is %s", join(path, m.Name), show(m.Value))
			}
		}
		for _, m := range want {
			if !got.has(m.Name) {
				return fmt.Errorf("%s: missing, expected %s", join(path, m.Name), show(m.Value))
			}
			if err := n.match(join(path, m.Name), m.Value, got.at(m.Name)); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return differ(path, want, got)
		}
		for i := range want {
			if err := n.match(fmt.Sprintf("%s[%d]", path, i), want[i], list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if f, ok := want.(float64); ok { // a float may be written as an integer, an integer not as a float
		if n, ok := got.(int64); ok && float64(n) == f {
			return nil
		}
	}
	if !reflect.DeepEqual(want, plainBytes(got)) {
		return differ(path, want, got)
	}
	return nil
}

// plainBytes turns a byte string into the text that it is in JSON.
func plainBytes(v any) any {
	if b, ok := v.(Bytes); ok {
		return b.text()
	}
	return v
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func differ(path string, want, got any) error {
	return fmt.Errorf("%s: expected %s, got %s", strings.TrimPrefix(path, "."), clip(show(want)), clip(show(got)))
}

// fill replaces "$name" in what is sent.
func (n names) fill(v any) any {
	switch v := v.(type) {
	case string:
		if known, ok := n[v]; ok {
			return known
		}
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = n.fill(v[i])
		}
		return all
	case Object:
		o := make(Object, len(v))
		for i, m := range v {
			o[i] = Member{m.Name, n.fill(m.Value)}
		}
		return o
	}
	return v
}

// callOf tells which call a message belongs to.
func callOf(o Object) string {
	id := o.at("id")
	if o.has("method") {
		p, _ := o.at("params").(Object)
		id = p.at("id") // of a request that the peer makes: none
	}
	return show(id)
}
