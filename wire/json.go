package wire

import (
	"bytes"
	"unicode/utf8"
)

// The strict JSON scanner. It looks at each byte once, keeps nothing of the
// values, and remembers the keys of the objects that it is inside of, to find
// duplicates.

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && isSpace(b[i]) { // mostly there is none
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
	base, seen := len(p.keys), uint64(0)
	for first := true; ; first = false {
		i = skipSpace(b, i)
		if i < len(b) && b[i] == '}' && first {
			break
		}
		key, next, err := p.jsonKey(b, i, base, &seen)
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
	p.closeObject(base)
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
		if end, ascii := special(b, i+1); ascii && end < len(b) && b[end] == '"' { // as most are
			return end + 1, nil
		}
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
	base, seen := len(p.keys), uint64(0)
	for {
		_, next, err := p.jsonKey(b, skipSpace(b, i), base, &seen)
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
func (p *Parser) jsonKey(b []byte, i, base int, seen *uint64) (key []byte, next int, err error) {
	if i >= len(b) || b[i] != '"' {
		return nil, i, p.bad(i, "expected a key")
	}
	end, ascii := special(b, i+1)
	if ascii && end < len(b) && b[end] == '"' { // as most keys are
		key = b[i+1 : end]
		end++
	} else {
		if end, err = p.jsonString(b, i); err != nil {
			return nil, end, err
		}
		key = b[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = unescape(nil, key)
		}
	}
	if !p.openKey(base, seen, key) {
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
	for i++; ; {
		end, ascii := special(b, i)
		if !ascii && !utf8.Valid(b[i:end]) {
			i += badRune(b[i:end])
			return i, p.bad(i, "bad UTF-8")
		}
		switch i = end; {
		case i == len(b):
			return i, p.bad(i, "unexpected end of a string")
		case b[i] == '"':
			return i + 1, nil
		case b[i] < ' ':
			return i, p.bad(i, "control character in a string")
		}
		n, reason := escapeLen(b, i)
		if n == 0 {
			return i, p.bad(i, reason)
		}
		i += n
	}
}

func (p *Parser) jsonWord(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, p.bad(i, "expected a value")
	}
	return i + len(word), nil
}

func (p *Parser) jsonNumber(b []byte, i int) (int, error) {
	start := i
	if b[i] == '-' {
		i++
	}
	from := i
	if i = digits(b, i); i == from {
		return i, p.bad(start, "expected a value")
	}
	if b[from] == '0' && i > from+1 {
		return i, p.bad(start, "number with a leading zero")
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		if i = digits(b, from); i == from {
			return i, p.bad(i, "expected a digit")
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		from = i + 1
		if from < len(b) && (b[from] == '+' || b[from] == '-') {
			from++
		}
		if i = digits(b, from); i == from {
			return i, p.bad(i, "expected a digit")
		}
	}
	return i, nil
}

// digits returns the end of the digits that start at b[i].
func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
