package wire

import "bytes"

// Most of what travels is rpc.item, and most of those are written as OpenItem
// writes them: their members in that order, without spaces. Such a one is taken
// apart in one pass, in which only the value is looked at byte by byte. The
// general way goes over an item four times, to find out each time what is next.

// What an rpc.item of ours begins with, up to its params.
var (
	itemCBOR = []byte("\xA2\x66method\x68rpc.item\x66params")
	itemJSON = []byte(`"method":"rpc.item","params":`)

	itemMethod = []byte(MethodItem)
)

// item takes a frame apart that is an rpc.item of that form. false: it is
// anything else, such as a faulty one, and nothing is said about it.
func (p *Parser) item(frame []byte, m *Message) bool {
	s := itemScan{p: p, b: frame}
	if p.Enc == CBOR {
		if !s.literal(itemCBOR) {
			return false
		}
	} else {
		if !s.literal([]byte("{")) {
			return false
		}
		m.Versioned = s.literal([]byte(version))
		if !s.literal(itemJSON) {
			return false
		}
	}
	params := s.i
	if !s.params(&p.one) {
		m.Versioned = false
		return false
	}
	end := len(frame)
	if p.Enc == JSON {
		end-- // the message's own brace
	}
	m.Method, m.Item = itemMethod, &p.one
	m.Params = Value{p.Enc, frame[params:end]}
	return true
}

// itemScan goes over such a frame. Each of its methods passes what it is named
// after, or tells that something else is there.
type itemScan struct {
	p    *Parser
	b    []byte
	i    int
	left uint64 // CBOR: members that are to come
}

// itemKeys are the keys of the params, as they stand in either encoding.
var itemKeys = func() (keys [2]struct{ id, seq, lost, key, value []byte }) {
	for _, enc := range []Encoding{JSON, CBOR} {
		k := &keys[enc]
		k.id, k.seq, k.lost = key(nil, enc, 0, "id"), key(nil, enc, 1, "seq"), key(nil, enc, 1, "lost")
		k.key, k.value = key(nil, enc, 1, "key"), key(nil, enc, 1, "value")
	}
	return keys
}()

func (s *itemScan) params(it *Item) bool {
	*it = Item{}
	keys := &itemKeys[s.p.Enc]
	if s.p.Enc == CBOR {
		var major int
		if major, s.left, _ = s.head(); major != majorMap {
			return false
		}
	} else if !s.literal([]byte("{")) {
		return false
	}
	ok := s.member(keys.id)
	if ok {
		var id int64
		id, ok = s.count()
		it.ID = IntID(id)
	}
	if ok && s.member(keys.seq) {
		it.Seq, ok = s.count()
		ok = ok && it.Seq > 0
	}
	if ok && s.member(keys.lost) {
		it.Lost, ok = s.count()
	}
	if ok && s.member(keys.key) {
		it.Key, ok = s.text()
		it.Keyed = true
	}
	if !ok || !s.member(keys.value) || !s.value(it) {
		return false
	}
	if s.p.Enc == CBOR {
		return s.left == 0 && s.i == len(s.b)
	}
	return s.literal([]byte("}}")) && s.i == len(s.b)
}

func (s *itemScan) literal(want []byte) bool {
	if !bytes.HasPrefix(s.b[s.i:], want) {
		return false
	}
	s.i += len(want)
	return true
}

func (s *itemScan) member(key []byte) bool {
	if !s.literal(key) {
		return false
	}
	s.left--
	return true
}

// head is that of a CBOR value; -1 is none.
func (s *itemScan) head() (major int, arg uint64, next int) {
	major, arg, next, ok, _ := cborHead(s.b, s.i)
	if !ok {
		return -1, 0, s.i
	}
	s.i = next
	return major, arg, next
}

// count is a whole number of 0 or more.
func (s *itemScan) count() (n int64, ok bool) {
	if s.p.Enc == CBOR {
		major, arg, _ := s.head()
		return int64(arg), major == majorUint && arg <= MaxInt
	}
	from := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		n = n*10 + int64(s.b[s.i]-'0')
		s.i++
	}
	// Over 15 digits, with a leading zero or a fraction it is for others to judge.
	digits := s.i - from
	return n, digits > 0 && digits <= 15 && (digits == 1 || s.b[from] != '0')
}

func (s *itemScan) text() (string, bool) {
	from := s.i
	if s.p.Enc == CBOR {
		major, n, next := s.head()
		if major != majorText {
			return "", false
		}
		end, err := s.p.cborText(s.b, from, next, n)
		if err != nil {
			return "", false
		}
		s.i = end
		return string(s.b[next:end]), true
	}
	if !s.literal([]byte{'"'}) {
		return "", false
	}
	end, err := s.p.jsonString(s.b, from)
	if err != nil || bytes.IndexByte(s.b[from:end], '\\') >= 0 {
		return "", false
	}
	s.i = end
	return string(s.b[from+1 : end-1]), true
}

// itemDepth is how deep the value of an item is in its message. spec [M14]
const itemDepth = 3

func (s *itemScan) value(it *Item) (ok bool) {
	from := s.i
	var err error
	if s.p.Enc == CBOR {
		s.i, err = s.p.cborValue(s.b, from, itemDepth)
	} else {
		s.i, err = s.p.jsonValue(s.b, from, itemDepth)
	}
	if err != nil {
		return false
	}
	it.Value = Value{s.p.Enc, s.b[from:s.i]}
	return true
}
