package wire

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// Parser checks frames and takes messages apart. It belongs to one goroutine at
// a time and keeps its scratch memory from message to message.
type Parser struct {
	Enc Encoding

	// keys holds the keys of all objects that are open, the innermost last.
	keys [][]byte
	// at is the same for [Parser.skim]: where in the frame they are.
	at []int
	// large holds the hashes of the keys of open objects too large for a linear
	// search, by where their keys start. A set of the keys themselves would take
	// as much memory as the message again.
	large map[int]map[uint64]struct{}
	seed  maphash.Seed

	shape  *ShapeError // the first fault of shape in the current message
	extra  string      // the first unknown member
	called bool        // it has a method, good or not
	one    Item        // what Message.Item points to
}

// linearKeys is up to how many keys a linear search beats a set.
const linearKeys = 16

// Parse takes one frame apart into m. The error is a *SyntaxError, after which
// nothing of the connection can be trusted, or a *ShapeError, after which it
// goes on.
func (p *Parser) Parse(frame []byte, m *Message) error {
	*m = Message{Window: -1}
	p.shape, p.extra, p.called = nil, "", false
	p.reset()
	if p.once(frame, m) {
		p.rest(frame)
		return nil
	}
	*m = Message{Window: -1}
	p.reset()
	var err error
	if p.Enc == JSON {
		err = p.jsonMessage(frame, m)
	} else {
		err = p.cborMessage(frame, m)
	}
	p.rest(frame)
	if err != nil {
		return err
	}
	return p.check(m)
}

// Check reports whether b is one strict value of p's encoding and nothing else.
func (p *Parser) Check(b []byte) error {
	defer p.rest(b)
	p.reset()
	var end int
	var err error
	if p.Enc == JSON {
		if end, err = p.jsonValue(b, skipSpace(b, 0), 1); err == nil {
			end = skipSpace(b, end)
		}
	} else {
		end, err = p.cborValue(b, 0, 1)
	}
	if err == nil && end != len(b) {
		err = p.bad(end, "data after the value")
	}
	return err
}

// reset forgets the objects that were open when a frame turned out to be bad.
func (p *Parser) reset() {
	p.keys, p.at = p.keys[:0], p.at[:0]
	if len(p.large) > 0 {
		clear(p.large)
	}
}

func (p *Parser) bad(offset int, reason string) error {
	return &SyntaxError{Enc: p.Enc, Offset: offset, Reason: reason}
}

// openKey adds a key to the object whose keys start at base and which has set
// the bits in seen; false: it has it.
func (p *Parser) openKey(base int, seen *uint64, key []byte) bool {
	open := p.keys[base:]
	if len(open) < linearKeys {
		bit := keyBit(key)
		if *seen&bit != 0 && has(open, key) {
			return false
		}
		*seen |= bit
	} else {
		set := p.large[base]
		if set == nil {
			set = p.startLarge(base, open)
		}
		hash := maphash.Bytes(p.seed, key)
		if _, ok := set[hash]; ok && has(open, key) {
			return false
		}
		set[hash] = struct{}{}
	}
	p.keys = append(p.keys, key)
	return true
}

// keyBit is one of 64 bits, by the ends of a key and its length. Where no other
// key of an object has set it, it is new: mostly that is all there is to ask.
func keyBit(key []byte) uint64 {
	if len(key) == 0 {
		return 1
	}
	return 1 << ((uint(key[0]) + uint(key[len(key)-1])<<2 + uint(len(key))) & 63)
}

func has(keys [][]byte, key []byte) bool {
	for _, k := range keys {
		if string(k) == string(key) {
			return true
		}
	}
	return false
}

func (p *Parser) startLarge(base int, open [][]byte) map[uint64]struct{} {
	if p.large == nil {
		p.large = make(map[int]map[uint64]struct{})
		p.seed = maphash.MakeSeed()
	}
	set := make(map[uint64]struct{}, 4*linearKeys)
	for _, k := range open {
		set[maphash.Bytes(p.seed, k)] = struct{}{}
	}
	p.large[base] = set
	return set
}

func (p *Parser) closeObject(base int) {
	if len(p.keys) > base+linearKeys {
		delete(p.large, base)
	}
	p.keys = p.keys[:base]
}

// rest gives back what a large message took: an idle connection must not hold
// it, nor the frame, into which the keys point.
func (p *Parser) rest(frame []byte) {
	if len(frame) > keepBuffer || cap(p.keys) > MaxDepth*linearKeys {
		p.keys, p.large, p.at = nil, nil, nil
	}
}

func (p *Parser) fault(member, format string, args ...any) {
	if p.shape == nil {
		p.shape = &ShapeError{Member: Clip(member), Reason: fmt.Sprintf(format, args...)}
	}
}

// take puts one member of a message where it belongs. A fault of shape is kept
// while the rest is read: a fault of syntax counts more, and the id may follow.
func (m *Message) take(p *Parser, key []byte, v Value) {
	c := v.Cursor()
	kind := c.Kind()
	if kind == Null && string(key) != "id" && string(key) != "result" {
		if !known(key) {
			p.unknown(key)
		}
		return // spec [M4]
	}
	switch string(key) {
	case "jsonrpc":
		if kind != String || string(c.Text()) != Version {
			p.fault("jsonrpc", `expected "2.0"`)
		}
		m.Versioned = true
	case "id":
		m.ID = p.id(&c, kind)
	case "method":
		p.called = true
		if kind != String {
			p.fault("method", "expected a string")
			return
		}
		m.Method = c.Text()
		if len(m.Method) == 0 {
			p.fault("method", "expected service.member")
		}
	case "params":
		if kind != Map && (kind != List || !c.Empty()) {
			p.fault("params", "expected an object")
		} else if kind == Map {
			m.Params = v
		}
	case "window":
		if m.Window = c.smallInt(kind); m.Window < 0 {
			p.fault("window", "expected an integer of 0 or more")
		}
	case "since":
		m.Since = p.since(&c, kind)
	case "timeout":
		if m.Timeout = c.positive(kind); m.Timeout <= 0 {
			p.fault("timeout", "expected seconds above 0")
		}
	case "trace":
		if kind != String {
			p.fault("trace", "expected a string")
			return
		}
		m.Trace = string(c.Text())
	case "caller":
		if kind != Map {
			p.fault("caller", "expected an object")
		}
		m.Caller = v
	case "result":
		m.Result = v
	case "error":
		m.Error = p.error(&c, kind)
	default:
		p.unknown(key)
	}
}

func known(key []byte) bool {
	switch string(key) {
	case "jsonrpc", "method", "params", "window", "since", "timeout", "trace", "caller", "error":
		return true
	}
	return false
}

// misspelt reports whether a member differs from a known one only in case: with
// "Id" for "id" a request must not run as a notification. spec [M6]
func misspelt(member string) bool {
	lower := []byte(strings.ToLower(member))
	return string(lower) == "id" || known(lower)
}

func (p *Parser) unknown(key []byte) {
	if p.extra == "" {
		p.extra = string(key)
		if p.extra == "" {
			p.extra = `""`
		}
	}
}

func (p *Parser) id(c *Cursor, kind Kind) ID {
	switch kind {
	case Number:
		if n := c.Number(); n.IsInt && !n.Big {
			return IntID(n.Int)
		}
		p.fault("id", "expected an integer within ±(2^53-1)")
	case String:
		if s := c.Text(); len(s) <= MaxID {
			return StringID(string(s))
		}
		p.fault("id", "longer than %d bytes", MaxID)
	case Null:
		return NullID // well-formed in answers to the unanswerable
	default:
		p.fault("id", "expected a string or an integer")
	}
	return NullID
}

func (p *Parser) since(c *Cursor, kind Kind) *Since {
	const want = `expected {"epoch":text,"seq":integer}`
	if kind != Map {
		p.fault("since", want)
		return nil
	}
	var s Since
	var epoch, seq bool
	for it := c.Open(); c.More(&it); {
		switch key := string(c.Key()); {
		case key == "epoch" && c.Kind() == String:
			s.Epoch, epoch = string(c.Text()), true
		case key == "seq" && c.Kind() == Number:
			s.Seq, seq = c.Number().Whole()
			seq = seq && s.Seq >= 0
		default:
			c.Skip()
			p.fault("since", want)
		}
	}
	if !epoch || !seq {
		p.fault("since", want)
		return nil
	}
	return &s
}

func (p *Parser) error(c *Cursor, kind Kind) *Error {
	e := &Error{}
	if kind != Map {
		p.fault("error", "expected an object")
		return e
	}
	for it := c.Open(); c.More(&it); {
		key, kind := string(c.Key()), c.Kind()
		switch {
		case key == "code" && kind == Number:
			if n, ok := c.Number().Whole(); ok { // of others an int64 is whatever the machine makes of it
				e.Code = Code(n)
			}
		case key == "message" && kind == String:
			e.Message = string(c.Text())
		case key == "data" && kind == Map:
			errorData(c, e)
		default:
			c.Skip()
		}
	}
	return e
}

func errorData(c *Cursor, e *Error) {
	for it := c.Open(); c.More(&it); {
		key, kind := string(c.Key()), c.Kind()
		switch {
		case key == "name" && kind == String:
			e.Name = string(c.Text())
		case key == "params" && kind == Map:
			e.Params = c.Skip()
		default:
			c.Skip()
		}
	}
}

// check judges the message as a whole.
func (p *Parser) check(m *Message) error {
	if m.Error != nil && m.Result.isNull() {
		m.Result = Value{} // as JSON-RPC 1.0 wrote it, spec [M11]
	}
	answer := !m.Result.IsZero() || m.Error != nil
	meant := m.ID
	switch {
	case answer && (p.called || !m.Result.IsZero() && m.Error != nil):
		// The id of such a thing may be one of ours: it must not look answered.
		m.ID = NullID
		p.shape = nil
		p.fault("", "expected one of method, result and error")
	case answer:
		if p.shape != nil && p.shape.Member != "error" {
			p.shape = nil // lenient with answers, spec [M11]
		}
		if p.shape != nil {
			m.ID = NullID
		}
	case p.called || p.shape != nil:
		if m.ID.IsNull() {
			p.fault("id", "null is no id")
		}
		if p.extra != "" && (!m.ID.IsZero() || misspelt(p.extra)) {
			p.fault(p.extra, "unknown in a request")
		}
	case p.extra != "":
		p.fault(p.extra, "unknown in a request")
	default:
		p.fault("", "expected method, result or error")
	}
	if p.shape == nil {
		return nil
	}
	p.shape.ID = m.ID
	if answer && !p.called {
		p.shape.Answer = meant
	}
	if m.ID.IsZero() {
		p.shape.ID = NullID
	}
	return p.shape
}
