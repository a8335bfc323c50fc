package idl

import (
	"fmt"
	"regexp"
	"strings"
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
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %v", pattern, err)
	}
	return re, nil
}

type patternParser struct {
	text string
	pos  int
}

func (p *patternParser) parse() error {
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
		if p.pos+1 == len(p.text) || !strings.ContainsRune(metacharacters+"-", rune(p.text[p.pos+1])) {
			return p.bad(`\ before no metacharacter`)
		}
		p.pos += 2
	case '(', ')', '|', '^', '$':
		return p.bad("no groups, alternatives or anchors here")
	case '{', '}', ']', '?', '*', '+':
		return p.bad("nothing to repeat")
	default:
		p.pos++
	}
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
			p.pos++
			if p.pos == len(p.text) || !strings.ContainsRune(metacharacters+"-", rune(p.text[p.pos])) {
				return p.bad(`\ before no metacharacter`)
			}
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

var repeatForm = regexp.MustCompile(`^\{[0-9]{1,3}(,([0-9]{1,3})?)?\}$`)
