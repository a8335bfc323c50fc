package idl

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A matcher for patterns as small as that of a binding without a library of
// regular expressions, to compare ours with. It tries, and goes back.

type matchItem struct {
	any      bool
	negated  bool
	from, to []rune // the ranges of a class; a literal is a class of one
	min, max int    // max -1: no end
}

func (m *matchItem) matches(r rune) bool {
	if m.any {
		return true
	}
	for i := range m.from {
		if r >= m.from[i] && r <= m.to[i] {
			return !m.negated
		}
	}
	return m.negated
}

// matcher reads a pattern that CompilePattern has accepted.
func matcher(pattern string) []matchItem {
	p := []rune(pattern)
	var items []matchItem
	for len(p) > 0 {
		it := matchItem{min: 1, max: 1}
		switch p[0] {
		case '.':
			it.any = true
			p = p[1:]
		case '[':
			if p = p[1:]; p[0] == '^' {
				it.negated = true
				p = p[1:]
			}
			letter := func() rune {
				if p[0] == '\\' {
					p = p[1:]
				}
				r := p[0]
				p = p[1:]
				return r
			}
			for p[0] != ']' {
				lo := letter()
				hi := lo
				if p[0] == '-' && p[1] != ']' {
					p = p[1:]
					hi = letter()
				}
				it.from, it.to = append(it.from, lo), append(it.to, hi)
			}
			p = p[1:]
		default:
			if p[0] == '\\' {
				p = p[1:]
			}
			it.from, it.to = []rune{p[0]}, []rune{p[0]}
			p = p[1:]
		}
		if len(p) > 0 {
			switch p[0] {
			case '?':
				it.min, p = 0, p[1:]
			case '*':
				it.min, it.max, p = 0, -1, p[1:]
			case '+':
				it.max, p = -1, p[1:]
			case '{':
				end := slices.Index(p, '}')
				lo, hi, isRange := strings.Cut(string(p[1:end]), ",")
				p = p[end+1:]
				it.min, _ = strconv.Atoi(lo)
				it.max = it.min
				if isRange {
					it.max = -1
					if hi != "" {
						it.max, _ = strconv.Atoi(hi)
					}
				}
			}
		}
		items = append(items, it)
	}
	return items
}

// match reports whether the items match the whole text; ok is false if that
// takes too long to find out.
func match(items []matchItem, text string, fuel *int) (is, ok bool) {
	if len(items) == 0 {
		return text == "", true
	}
	it := &items[0]
	for n := 0; ; n++ {
		if *fuel--; *fuel < 0 {
			return false, false
		}
		if n >= it.min {
			if is, ok := match(items[1:], text, fuel); is || !ok {
				return is, ok
			}
		}
		r, size := utf8.DecodeRuneInString(text)
		if size == 0 || n == it.max || !it.matches(r) {
			return false, true
		}
		text = text[size:]
	}
}
