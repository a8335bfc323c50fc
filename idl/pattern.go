package idl

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// CompilePattern returns the expression for a pattern annotation, anchored at
// both ends. Only what spec [T7] allows is accepted, so that a binding without
// a regular expression library can match it in fifty lines.
func CompilePattern(pattern string) (*regexp.Regexp, error) {
	p := patternParser{text: pattern}
	if err := p.parse(); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(`^(?s:` + pattern + `)$`)
	if e, ok := err.(*syntax.Error); ok {
		return nil, fmt.Errorf("pattern %q: %v %s", pattern, e.Code, e.Expr) // a range or a count the wrong way round
	}
	return re, err
}

type patternParser struct {
	text string
	pos  int
}

func (p *patternParser) parse() error {
	if !utf8.ValidString(p.text) {
		return p.bad("bad UTF-8")
	}
	for p.pos < len(p.text) {
		if err := p.item(); err != nil {
			return err
		}
		if err := p.quantifier(); err != nil {
			return err
		}
	}
	return nil
}

func (p *patternParser) bad(reason string) error {
	return fmt.Errorf("pattern %q: %s at byte %d", p.text, reason, p.pos)
}

const metacharacters = `\.[]{}()?*+|^$`

func (p *patternParser) item() error {
	switch c := p.text[p.pos]; c {
	case '[':
		return p.class()
	case '\\':
		return p.escape()
	case '(', ')', '|', '^', '$':
		return p.bad("no groups, alternatives or anchors here")
	case '{', '}', ']', '?', '*', '+':
		return p.bad("nothing to repeat")
	default:
		p.pos++
	}
	return nil
}

func (p *patternParser) escape() error {
	if p.pos+1 == len(p.text) || strings.IndexByte(metacharacters, p.text[p.pos+1]) < 0 {
		return p.bad(`\ before no metacharacter`)
	}
	p.pos += 2
	return nil
}

func (p *patternParser) class() error {
	from := p.pos
	p.pos++
	if p.pos < len(p.text) && p.text[p.pos] == '^' {
		p.pos++
	}
	first := p.pos
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ']':
			if p.pos == first {
				return p.bad("empty class")
			}
			p.pos++
			return nil
		case '[':
			return p.bad("[ in a class takes a backslash")
		case '\\':
			if err := p.escape(); err != nil {
				return err
			}
			continue
		}
		p.pos++
	}
	p.pos = from
	return p.bad("class without end")
}

func (p *patternParser) quantifier() error {
	if p.pos == len(p.text) {
		return nil
	}
	switch p.text[p.pos] {
	case '?', '*', '+':
		p.pos++
	case '{':
		end := strings.IndexByte(p.text[p.pos:], '}')
		if end < 0 || !repeatForm.MatchString(p.text[p.pos:p.pos+end+1]) {
			return p.bad("expected {m}, {m,} or {m,n}")
		}
		p.pos += end + 1
	default:
		return nil
	}
	if p.pos < len(p.text) && strings.IndexByte("?*+{", p.text[p.pos]) >= 0 {
		return p.bad("one quantifier an item")
	}
	return nil
}

// A count with leading zeros would be taken for literal text.
var repeatForm = regexp.MustCompile(`^\{(0|[1-9][0-9]{0,2})(,(0|[1-9][0-9]{0,2})?)?\}$`)
