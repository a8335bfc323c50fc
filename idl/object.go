package idl

import (
	"encoding/json"
	"strconv"
)

// object is an object of JSON whose members stay in the order they were put in,
// which is that of the description. Values are objects, arrays, strings, bools,
// integers, or JSON already.
type object []entry

type entry struct {
	key   string
	value any
}

type array []any

func (o *object) put(key string, value any) { *o = append(*o, entry{key, value}) }

// has puts what is not empty.
func (o *object) has(key, value string) {
	if value != "" {
		o.put(key, value)
	}
}

// appendJSON leaves out what is there already: a description that came from afar may have
// two of a name, and a key that is there twice is no JSON for anybody.
func appendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		dst = append(dst, '{')
		there := make(map[string]bool, len(v))
		for _, e := range v {
			if there[e.key] {
				continue
			}
			if len(there) > 0 {
				dst = append(dst, ',')
			}
			there[e.key] = true
			dst = append(dst, quote(e.key)...)
			dst = append(dst, ':')
			dst = appendJSON(dst, e.value)
		}
		return append(dst, '}')
	case array:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, e)
		}
		return append(dst, ']')
	case json.RawMessage:
		return append(dst, v...)
	case string:
		return append(dst, quote(v)...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	}
	panic("idl: JSON of something else") // of our own making
}
