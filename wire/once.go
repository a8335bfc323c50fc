package wire

// Most of what travels is calls, answers and rpc.item, and most of those are
// written as the Open functions write them: their members in that order, without
// spaces. Such a message is taken apart in one pass, in which only the value in
// it is looked at byte by byte. The general way goes over it up to four times,
// to find out each time what is next.

// onceKeys is what such messages consist of beside values, in either encoding.
var onceKeys = func() (keys [2]struct{ id, method, timeout, caller, params, result, item, itemID, seq, lost, key, value Literal }) {
	for _, enc := range []Encoding{JSON, CBOR} {
		k := &keys[enc]
		literal := func(i int, name string) Literal { return NewLiteral(key(nil, enc, i, name)) }
		k.id, k.method, k.timeout = literal(0, "id"), literal(1, "method"), literal(1, "timeout")
		k.caller, k.params, k.result = literal(1, "caller"), literal(1, "params"), literal(1, "result")
		item, _ := AppendString(key(nil, enc, 0, "method"), enc, MethodItem)
		k.item = NewLiteral(key(item, enc, 1, "params"))
		k.itemID, k.seq, k.lost = literal(0, "id"), literal(1, "seq"), literal(1, "lost")
		k.key, k.value = literal(1, "key"), literal(1, "value")
	}
	return keys
}()

var (
	jsonVersion = NewLiteral([]byte(version))
	itemMethod  = []byte(MethodItem)
)

// once takes a frame apart that is a message of that form. false: it is anything
// else, such as a faulty one, and nothing is said about it.
func (p *Parser) once(frame []byte, m *Message) bool {
	c := Cursor{Enc: p.Enc, Buf: frame}
	members, ok := c.PlainOpen(Map)
	if !ok {
		return false
	}
	versioned := p.Enc == JSON && c.Literal(&jsonVersion)
	taken := 0
	switch keys := &onceKeys[p.Enc]; {
	case c.Literal(&keys.item):
		taken, ok = 2, p.onceItem(&c, m)
	case c.Literal(&keys.id):
		taken, ok = p.onceCall(&c, m)
	default:
		return false
	}
	if !ok || members >= 0 && taken != members || !c.PlainClose() || c.Pos != len(frame) {
		return false
	}
	m.Versioned = versioned
	return true
}

// onceCall passes what follows the key of the id in a call or an answer.
func (p *Parser) onceCall(c *Cursor, m *Message) (members int, ok bool) {
	keys := &onceKeys[p.Enc]
	id, ok := c.PlainInt()
	m.ID = IntID(id)
	if !ok {
		return 0, false
	}
	if c.Literal(&keys.result) {
		m.Result, ok = p.onceValue(c, 2)
		return 2, ok
	}
	members = 3
	if !c.Literal(&keys.method) {
		return 0, false
	}
	if m.Method, ok = p.onceText(c); !ok || len(m.Method) == 0 {
		return 0, false
	}
	if c.Literal(&keys.timeout) {
		members++
		if m.Timeout, ok = c.PlainFloat(); !ok || m.Timeout <= 0 {
			return 0, false
		}
	}
	if c.Literal(&keys.caller) {
		members++
		if m.Caller, ok = p.onceMap(c); !ok {
			return 0, false
		}
	}
	if !c.Literal(&keys.params) {
		return 0, false
	}
	m.Params, ok = p.onceMap(c)
	return members, ok
}

// onceMap passes a member of a message that is a map.
func (p *Parser) onceMap(c *Cursor) (v Value, ok bool) {
	if v, ok = p.onceValue(c, 2); ok {
		inside := v.Cursor()
		ok = inside.Kind() == Map
	}
	return v, ok
}

// onceItem passes the params of an rpc.item.
func (p *Parser) onceItem(c *Cursor, m *Message) bool {
	m.Method, m.Item = itemMethod, &p.one
	it := m.Item
	*it = Item{}
	from := c.Pos
	members, ok := c.PlainOpen(Map)
	keys := &onceKeys[p.Enc]
	if !ok || !c.Literal(&keys.itemID) {
		return false
	}
	taken := 2 // with the value
	id, ok := p.onceCount(c)
	it.ID = IntID(id)
	if ok && c.Literal(&keys.seq) {
		taken++
		it.Seq, ok = p.onceCount(c)
		ok = ok && it.Seq > 0
	}
	if ok && c.Literal(&keys.lost) {
		taken++
		it.Lost, ok = p.onceCount(c)
	}
	if ok && c.Literal(&keys.key) {
		taken++
		var key []byte
		key, ok = p.onceText(c)
		it.Key, it.Keyed = string(key), true
	}
	if !ok || !c.Literal(&keys.value) {
		return false
	}
	if it.Value, ok = p.onceValue(c, 3); !ok || members >= 0 && taken != members || !c.PlainClose() {
		return false
	}
	m.Params = Value{p.Enc, c.Buf[from:c.Pos]}
	return true
}

func (p *Parser) onceCount(c *Cursor) (n int64, ok bool) {
	n, ok = c.PlainInt()
	return n, ok && n >= 0
}

func (p *Parser) onceText(c *Cursor) (text []byte, ok bool) {
	from, to, ok := c.PlainText()
	return c.Buf[from:to], ok && validText(c.Buf[from:to])
}

// onceValue passes a value at the given depth.
func (p *Parser) onceValue(c *Cursor, depth int) (v Value, ok bool) {
	from := c.Pos
	var err error
	if p.Enc == CBOR {
		if c.Pos = p.skim(c.Buf, from, 1, false, depth); c.Pos < 0 {
			return Value{}, false
		}
	} else if c.Pos, err = p.jsonValue(c.Buf, from, depth); err != nil {
		return Value{}, false
	}
	return Value{p.Enc, c.Buf[from:c.Pos]}, true
}
