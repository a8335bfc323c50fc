package wire

import "fmt"

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
		n := c.Count()
		dst = AppendList(dst, enc, n)
		i := 0
		for it := c.Open(); c.More(&it); i++ {
			dst = AppendNext(dst, enc, i)
			if dst, err = transcode(dst, enc, c); err != nil {
				return dst, err
			}
		}
		return EndList(dst, enc), nil
	default:
		n := c.Count()
		dst = AppendMap(dst, enc, n)
		i := 0
		for it := c.Open(); c.More(&it); i++ {
			dst, _ = AppendKey(dst, enc, i, string(c.Key()))
			if dst, err = transcode(dst, enc, c); err != nil {
				return dst, err
			}
		}
		return EndMap(dst, enc), nil
	}
}
