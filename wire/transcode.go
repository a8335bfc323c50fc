package wire

import (
	"fmt"
	"slices"
)

// transcode writes the value at c in another encoding than its own. spec [C4]
func transcode(dst []byte, enc Encoding, c *Cursor) ([]byte, error) {
	var err error
	switch c.Kind() {
	case Null:
		c.Skip()
		return AppendNull(dst, enc), nil
	case Bool:
		return AppendBool(dst, enc, c.Bool()), nil
	case Number:
		n := c.Number()
		if n.Big {
			return dst, fmt.Errorf("number beyond what both encodings hold")
		}
		if n.IsInt {
			return AppendInt(dst, enc, n.Int), nil
		}
		dst, _ = AppendFloat(dst, enc, n.Float)
		return dst, nil
	case String:
		dst, _ = AppendString(dst, enc, c.Text())
		return dst, nil
	case Bytes:
		b, _ := c.Bytes(nil)
		return AppendBytes(dst, enc, b), nil
	case List:
		at, n := len(dst), 0
		dst = AppendList(dst, enc, 0)
		for it := c.Open(); c.More(&it); n++ {
			dst = AppendNext(dst, enc, n)
			if dst, err = transcode(dst, enc, c); err != nil {
				return dst, err
			}
		}
		return EndList(setCount(dst, enc, at, n), enc), nil
	default:
		at, n := len(dst), 0
		dst = AppendMap(dst, enc, 0)
		for it := c.Open(); c.More(&it); n++ {
			dst = AppendNext(dst, enc, n)
			dst, _ = AppendString(dst, enc, c.Key())
			if enc == JSON {
				dst = append(dst, ':')
			}
			if dst, err = transcode(dst, enc, c); err != nil {
				return dst, err
			}
		}
		return EndMap(setCount(dst, enc, at, n), enc), nil
	}
}

// setCount makes the head at dst[at], of an empty list or map, one of n
// elements. To count the elements of JSON before they are written would read
// what is nested deeply once a level.
func setCount(dst []byte, enc Encoding, at, n int) []byte {
	if enc == JSON || n == 0 {
		return dst
	}
	var b [9]byte
	head := appendHead(b[:0], int(dst[at]>>5), uint64(n))
	return slices.Replace(dst, at, at+1, head...)
}
