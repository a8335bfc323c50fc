package wire

// The notifications that streams are made of. spec/streams.md

// The methods of the protocol's own notifications.
const (
	MethodItem   = "rpc.item"
	MethodLive   = "rpc.live"
	MethodMore   = "rpc.more"
	MethodCancel = "rpc.cancel"
	MethodGoaway = "rpc.goaway"
)

// Item is what rpc.item carries beside its value.
type Item struct {
	ID    ID
	Epoch string // of topics, where it is another than that of since
	Seq   int64  // 0: absent; topics count from 1
	Lost  int64  // -1: an unknown number
	Key   string
	Keyed bool
	Gone  bool
	Reset bool
	Value Value // zero with Gone and Reset
}

// Live is what rpc.live carries. Epoch is empty but for topics.
type Live struct {
	ID    ID
	Epoch string
	Seq   int64
	Lost  int64
}

// openNote writes what all notes begin with, whose method needs no escapes.
func openNote(dst []byte, enc Encoding, versioned bool, method string, params int) ([]byte, Frame) {
	dst, f := openFrame(dst, enc, versioned, 2)
	dst = key(dst, enc, 0, "method")
	if enc == CBOR {
		dst = append(appendHead(dst, majorText, uint64(len(method))), method...)
	} else {
		dst = append(append(append(dst, '"'), method...), '"')
	}
	dst = key(dst, enc, 1, "params")
	return AppendMap(dst, enc, params), f
}

// OpenItem begins an rpc.item. Unless it is Gone or Reset, the caller writes
// the value; CloseItem follows.
func OpenItem(dst []byte, enc Encoding, versioned bool, it *Item) ([]byte, Frame) {
	keys := &onceKeys[enc]
	dst, f := openFrame(dst, enc, versioned, 2)
	dst = AppendMap(append(dst, keys.item.text...), enc, 0)
	head, n := len(dst)-1, 1
	dst = append(dst, keys.itemID.text...)
	dst = it.ID.Append(dst, enc)
	if it.Epoch != "" {
		n++
		dst = key(dst, enc, 1, "epoch")
		dst, _ = AppendString(dst, enc, it.Epoch)
	}
	if it.Seq != 0 {
		n++
		dst = AppendInt(append(dst, keys.seq.text...), enc, it.Seq)
	}
	if it.Lost != 0 {
		n++
		dst = AppendInt(append(dst, keys.lost.text...), enc, it.Lost)
	}
	if it.Keyed {
		n++
		dst, _ = AppendString(append(dst, keys.key.text...), enc, it.Key)
	}
	if it.Gone {
		n++
		dst = AppendBool(key(dst, enc, 1, "gone"), enc, true)
	}
	if it.Reset {
		n++
		dst = AppendBool(key(dst, enc, 1, "reset"), enc, true)
	}
	if !it.Gone && !it.Reset {
		n++
		dst = append(dst, keys.value.text...)
	}
	return setMembers(dst, enc, head, n), f
}

// CloseItem ends what OpenItem began.
func (f Frame) CloseItem(dst []byte) []byte { return f.Close(EndMap(dst, f.enc)) }

// AppendLive writes an rpc.live. spec [S11]
func AppendLive(dst []byte, enc Encoding, versioned bool, l *Live) []byte {
	n := 1
	if l.Epoch != "" {
		n = 4
	}
	dst, f := openNote(dst, enc, versioned, MethodLive, n)
	dst = key(dst, enc, 0, "id")
	dst = l.ID.Append(dst, enc)
	if l.Epoch != "" {
		dst = key(dst, enc, 1, "epoch")
		dst, _ = AppendString(dst, enc, l.Epoch)
		dst = key(dst, enc, 1, "seq")
		dst = AppendInt(dst, enc, l.Seq)
		dst = key(dst, enc, 1, "lost")
		dst = AppendInt(dst, enc, l.Lost)
	}
	return f.CloseItem(dst)
}

// AppendMore writes an rpc.more, credit for n items. spec [S1]
func AppendMore(dst []byte, enc Encoding, versioned bool, id ID, n int64) []byte {
	dst, f := openNote(dst, enc, versioned, MethodMore, 2)
	dst = key(dst, enc, 0, "id")
	dst = id.Append(dst, enc)
	dst = key(dst, enc, 1, "n")
	dst = AppendInt(dst, enc, n)
	return f.CloseItem(dst)
}

// AppendCancel writes an rpc.cancel. spec [S7]
func AppendCancel(dst []byte, enc Encoding, versioned bool, id ID) []byte {
	dst, f := openNote(dst, enc, versioned, MethodCancel, 1)
	dst = key(dst, enc, 0, "id")
	dst = id.Append(dst, enc)
	return f.CloseItem(dst)
}

// AppendGoaway writes an rpc.goaway. spec [O9]
func AppendGoaway(dst []byte, enc Encoding, versioned bool) []byte {
	dst, f := openNote(dst, enc, versioned, MethodGoaway, 0)
	return f.CloseItem(dst)
}

// ParseItem reads the params of an rpc.item. ok is false if they are none.
// Unknown ones are ignored.
func ParseItem(params Value, it *Item) (ok bool) {
	*it = Item{}
	return note(params, func(key []byte, c *Cursor, kind Kind) bool {
		switch string(key) {
		case "id":
			it.ID = noteID(c, kind)
		case "epoch":
			if kind != String {
				return false
			}
			it.Epoch = string(c.Text())
		case "seq":
			it.Seq = c.smallInt(kind)
			return it.Seq > 0
		case "lost":
			it.Lost = lost(c, kind)
			return it.Lost >= -1
		case "key":
			if kind != String {
				return false
			}
			it.Key, it.Keyed = string(c.Text()), true
		case "gone":
			it.Gone = kind == Bool && c.Bool()
			return kind == Bool
		case "reset":
			it.Reset = kind == Bool && c.Bool()
			return kind == Bool
		case "value":
			it.Value = c.Skip()
		default:
			c.Skip()
		}
		return true
	}) && !it.ID.IsZero() && (it.Value.IsZero() == (it.Gone || it.Reset)) && !(it.Gone && !it.Keyed)
}

// ParseLive reads the params of an rpc.live.
func ParseLive(params Value, l *Live) (ok bool) {
	*l = Live{}
	return note(params, func(key []byte, c *Cursor, kind Kind) bool {
		switch string(key) {
		case "id":
			l.ID = noteID(c, kind)
		case "epoch":
			if kind != String {
				return false
			}
			l.Epoch = string(c.Text())
		case "seq":
			l.Seq = c.smallInt(kind)
			return l.Seq >= 0
		case "lost":
			l.Lost = lost(c, kind)
			return l.Lost >= -1
		default:
			c.Skip()
		}
		return true
	}) && !l.ID.IsZero()
}

// ParseMore reads the params of an rpc.more.
func ParseMore(params Value) (id ID, n int64, ok bool) {
	ok = note(params, func(key []byte, c *Cursor, kind Kind) bool {
		switch string(key) {
		case "id":
			id = noteID(c, kind)
		case "n":
			n = c.smallInt(kind)
		default:
			c.Skip()
		}
		return true
	})
	return id, n, ok && !id.IsZero() && n > 0
}

// ParseCancel reads the params of an rpc.cancel.
func ParseCancel(params Value) (id ID, ok bool) {
	ok = note(params, func(key []byte, c *Cursor, kind Kind) bool {
		if string(key) == "id" {
			id = noteID(c, kind)
		} else {
			c.Skip()
		}
		return true
	})
	return id, ok && !id.IsZero()
}

// note hands the params to member, which consumes each value or returns false.
// Null is the param left out, but for the value of an item. spec [T5]
func note(params Value, member func(key []byte, c *Cursor, kind Kind) bool) bool {
	if params.IsZero() {
		return true
	}
	c := params.Cursor()
	for it := c.Open(); c.More(&it); {
		key := c.Key()
		kind := c.Kind()
		if kind == Null && string(key) != "value" {
			c.Skip()
			continue
		}
		if !member(key, &c, kind) {
			return false
		}
	}
	return true
}

func noteID(c *Cursor, kind Kind) ID {
	switch kind {
	case Number:
		if n := c.Number(); n.IsInt && !n.Big {
			return IntID(n.Int)
		}
	case String:
		if s := c.Text(); len(s) <= MaxID {
			return StringID(string(s))
		}
	default:
		c.Skip()
	}
	return ID{}
}

func lost(c *Cursor, kind Kind) int64 {
	if kind != Number {
		c.Skip()
		return -2
	}
	if n, ok := c.Number().Whole(); ok {
		return n
	}
	return -2
}
