package wire

import "unicode/utf8"

// The strict JSON scanner. It looks at each byte once, keeps nothing of the
// values, and remembers the keys of the objects that it is inside of, to find
// duplicates.

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func (p *Parser) jsonMessage(b []byte, m *Message) error {
	i := skipSpace(b, 0)
	if i == len(b) || b[i] != '{' {
		return p.bad(i, "expected an object")
	}
	i++
	base := len(p.keys)
	for first := true; ; first = false {
		i = skipSpace(b, i)
		if i < len(b) && b[i] == '}' && first {
			break
		}
		key, next, err := p.jsonKey(b, i, base)
		if err != nil {
			return err
		}
		i = skipSpace(b, next)
		end, err := p.jsonValue(b, i, 2)
		if err != nil {
			return err
		}
		m.take(p, key, Value{JSON, b[i:end]})
		i = skipSpace(b, end)
		if i < len(b) && b[i] == ',' {
			i++
			continue
		}
		if i < len(b) && b[i] == '}' {
			break
		}
		return p.bad(i, "expected , or }")
	}
	if i = skipSpace(b, i+1); i != len(b) {
		return p.bad(i, "data after the message")
	}
	return nil
}

// jsonValue returns the end of the value that starts at b[i], at the given depth.
func (p *Parser) jsonValue(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, p.bad(i, "unexpected end")
	}
	switch c := b[i]; c {
	case '"':
		return p.jsonString(b, i)
	case '{', '[':
		if depth > MaxDepth {
			return i, p.bad(i, "nested deeper than 64")
		}
		if c == '[' {
			return p.jsonList(b, i+1, depth+1)
		}
		return p.jsonObject(b, i+1, depth+1)
	case 't':
		return p.jsonWord(b, i, "true")
	case 'f':
		return p.jsonWord(b, i, "false")
	case 'n':
		return p.jsonWord(b, i, "null")
	default:
		return p.jsonNumber(b, i)
	}
}

func (p *Parser) jsonList(b []byte, i, depth int) (int, error) {
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		end, err := p.jsonValue(b, skipSpace(b, i), depth)
		if err != nil {
			return end, err
		}
		i = skipSpace(b, end)
		if i == len(b) {
			return i, p.bad(i, "unexpected end of a list")
		}
		switch b[i] {
		case ',':
			i++
		case ']':
			return i + 1, nil
		default:
			return i, p.bad(i, "expected , or ]")
		}
	}
}

func (p *Parser) jsonObject(b []byte, i, depth int) (int, error) {
	i = skipSpace(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	base := len(p.keys)
	for {
		_, next, err := p.jsonKey(b, skipSpace(b, i), base)
		if err != nil {
			return next, err
		}
		end, err := p.jsonValue(b, skipSpace(b, next), depth)
		if err != nil {
			return end, err
		}
		i = skipSpace(b, end)
		if i == len(b) {
			return i, p.bad(i, "unexpected end of an object")
		}
		switch b[i] {
		case ',':
			i++
		case '}':
			p.closeObject(base)
			return i + 1, nil
		default:
			return i, p.bad(i, "expected , or }")
		}
	}
}

// jsonKey reads a key and its colon and checks that the object, whose keys
// start at p.keys[base], does not have it yet.
func (p *Parser) jsonKey(b []byte, i, base int) (key []byte, next int, err error) {
	if i >= len(b) || b[i] != '"' {
		return nil, i, p.bad(i, "expected a key")
	}
	end, err := p.jsonString(b, i)
	if err != nil {
		return nil, end, err
	}
	key = b[i+1 : end-1]
	if hasEscape(key) {
		key = unescape(nil, key)
	}
	if !p.openKey(base, key) {
		return nil, i, p.bad(i, "key occurs twice")
	}
	next = skipSpace(b, end)
	if next >= len(b) || b[next] != ':' {
		return nil, next, p.bad(next, "expected :")
	}
	return key, next + 1, nil
}

// jsonString returns the end of the string that starts with the quote at b[i].
func (p *Parser) jsonString(b []byte, i int) (int, error) {
	i++
	for i < len(b) {
		c := b[i]
		switch {
		case c == '"':
			return i + 1, nil
		case c == '\\':
			n, reason := escapeLen(b, i)
			if n == 0 {
				return i, p.bad(i, reason)
			}
			i += n
		case c < 0x20:
			return i, p.bad(i, "control character in a string")
		case c < utf8.RuneSelf:
			i++
		default:
			_, n := utf8.DecodeRune(b[i:])
			if n == 1 {
				return i, p.bad(i, "bad UTF-8")
			}
			i += n
		}
	}
	return i, p.bad(i, "unexpected end of a string")
}

// escapeLen returns the length of the escape at b[i], for a surrogate pair that
// of both, or 0 and the reason why it is none.
func escapeLen(b []byte, i int) (int, string) {
	if i+1 >= len(b) {
		return 0, "unexpected end of a string"
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, "unknown escape"
	}
	r, ok := hex4(b, i+2)
	if !ok {
		return 0, "expected four hex digits"
	}
	if r < 0xD800 || r > 0xDFFF {
		return 6, ""
	}
	if r < 0xDC00 && i+7 < len(b) && b[i+6] == '\\' && b[i+7] == 'u' {
		if low, ok := hex4(b, i+8); ok && low >= 0xDC00 && low <= 0xDFFF {
			return 12, ""
		}
	}
	return 0, "unpaired surrogate"
}

func hex4(b []byte, i int) (r rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func (p *Parser) jsonWord(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, p.bad(i, "expected a value")
	}
	return i + len(word), nil
}

func (p *Parser) jsonNumber(b []byte, i int) (int, error) {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	zero := i < len(b) && b[i] == '0'
	from := i
	if !digits() {
		return i, p.bad(start, "expected a value")
	}
	if zero && i > from+1 {
		return i, p.bad(start, "number with a leading zero")
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return i, p.bad(i, "expected a digit")
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return i, p.bad(i, "expected a digit")
		}
	}
	return i, nil
}

func hasEscape(b []byte) bool {
	for _, c := range b {
		if c == '\\' {
			return true
		}
	}
	return false
}

// unescape appends the meaning of the inside of a string that is known to be good.
func unescape(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			dst = append(dst, b[i])
			i++
			continue
		}
		switch c := b[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(b, i+2)
			i += 4
			if r >= 0xD800 && r <= 0xDFFF {
				low, _ := hex4(b, i+4)
				r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}
