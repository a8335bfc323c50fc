package idl

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind says what a token is; for punctuation it is the text itself.
type tokenKind string

const (
	tokEnd     tokenKind = "the end of the file"
	tokWord    tokenKind = "a name"
	tokText    tokenKind = "a text in quotes"
	tokNumber  tokenKind = "a number"
	tokVersion tokenKind = "a version"
	tokBad     tokenKind = "something strange"
)

// token is a word of a text, with the comments before it.
type token struct {
	kind     tokenKind
	text     string
	pos      Pos
	first    bool // on its line
	comments []comment
}

// comment is a line that begins with //.
type comment struct {
	text  string
	line  int
	after bool // on the line of what comes before it: never a doc
}

func (t *token) String() string {
	switch t.kind {
	case tokEnd:
		return string(tokEnd)
	case tokText:
		return t.text
	}
	return fmt.Sprintf("%q", t.text)
}

// scanner cuts a text into tokens. spec [I1]
type scanner struct {
	file  string
	rest  string
	line  int
	col   int
	out   []token
	fault func(at Pos, hint, format string, args ...any)
}

func (s *scanner) scan() []token {
	s.line, s.col = 1, 1
	s.rest = strings.TrimPrefix(s.rest, "\ufeff")
	if !utf8.ValidString(s.rest) {
		good := 0
		for r, size := utf8.DecodeRuneInString(s.rest); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRuneInString(s.rest[good:]) {
			good += size
		}
		s.take(good)
		s.fault(Pos{s.file, s.line, s.col}, "", "bad UTF-8")
		s.rest = ""
	}
	var comments []comment
	last := 0 // the line of the last token
	for {
		s.take(len(s.rest) - len(strings.TrimLeft(s.rest, " \t\r\n")))
		if strings.HasPrefix(s.rest, "//") {
			end := strings.IndexByte(s.rest, '\n')
			if end < 0 {
				end = len(s.rest)
			}
			comments = append(comments, comment{text: s.rest[2:end], line: s.line, after: s.line == last})
			s.take(end)
			continue
		}
		t := token{pos: Pos{s.file, s.line, s.col}, first: s.line != last, comments: comments}
		comments = nil
		last = s.line
		t.kind, t.text = s.token()
		s.out = append(s.out, t)
		if t.kind == tokEnd {
			return s.out
		}
	}
}

// take goes on by n bytes.
func (s *scanner) take(n int) string {
	text := s.rest[:n]
	s.rest = s.rest[n:]
	for _, r := range text {
		s.col++
		if r == '\n' {
			s.line++
			s.col = 1
		}
	}
	return text
}

func (s *scanner) token() (tokenKind, string) {
	if s.rest == "" {
		return tokEnd, ""
	}
	if s.atVersion() && s.rest[0] != '"' {
		return tokVersion, s.take(span(s.rest, func(r rune) bool { return !unicode.IsSpace(r) }))
	}
	switch c := s.rest[0]; {
	case isLetter(rune(c)):
		return tokWord, s.take(span(s.rest, func(r rune) bool { return isLetter(r) || isDigit(r) }))
	case isDigit(rune(c)), c == '-' && len(s.rest) > 1 && isDigit(rune(s.rest[1])):
		return tokNumber, s.take(1 + span(s.rest[1:], func(r rune) bool {
			return isDigit(r) || strings.ContainsRune(".eE+-", r)
		}))
	case c == '"':
		return s.text()
	case strings.HasPrefix(s.rest, "->"):
		return "->", s.take(2)
	case strings.IndexByte("(){}[],:?!=", c) >= 0:
		return tokenKind(c), s.take(1)
	}
	return s.strange()
}

// atVersion reports whether "service NAME" is what came last.
func (s *scanner) atVersion() bool {
	n := len(s.out)
	return n >= 2 && s.out[n-2].kind == tokWord && s.out[n-2].text == "service" && s.out[n-2].first && s.out[n-1].kind == tokWord
}

// text takes a JSON string, with its quotes.
func (s *scanner) text() (tokenKind, string) {
	for i := 1; i < len(s.rest) && s.rest[i] != '\n'; i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			return tokText, s.take(i + 1)
		}
	}
	at := Pos{s.file, s.line, s.col}
	s.fault(at, `a text ends on the line it begins on; a line end in it is \n`, "the text has no closing quote")
	return tokBad, s.take(span(s.rest, func(r rune) bool { return r != '\n' }))
}

func (s *scanner) strange() (tokenKind, string) {
	at := Pos{s.file, s.line, s.col}
	r, size := utf8.DecodeRuneInString(s.rest)
	switch {
	case strings.HasPrefix(s.rest, "/*"), r == '#':
		s.fault(at, "", "comments begin with //")
		return tokBad, s.take(span(s.rest, func(r rune) bool { return r != '\n' }))
	case r == ';':
		s.fault(at, "leave it out: a declaration ends where the next begins", "; ends nothing here")
	case r == '\'' || r == '`':
		s.fault(at, `texts stand in "double quotes"`, "%q begins nothing here", r)
	default:
		s.fault(at, "", "%q means nothing here", r)
	}
	return tokBad, s.take(size)
}

// span is how many bytes of s, from its beginning, fit.
func span(s string, fits func(rune) bool) int {
	for i, r := range s {
		if !fits(r) {
			return i
		}
	}
	return len(s)
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' }
func isDigit(r rune) bool  { return r >= '0' && r <= '9' }

// isName reports whether s can name a service, member, field or case. spec [T9]
func isName(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && span(s, func(r rune) bool { return isDigit(r) || r == '_' || r >= 'a' && r <= 'z' }) == len(s)
}

// isTypeName reports whether s can name a type or an error. spec [T9]
func isTypeName(s string) bool {
	return s != "" && s[0] >= 'A' && s[0] <= 'Z' && span(s, func(r rune) bool { return isDigit(r) || isLetter(r) && r != '_' }) == len(s)
}

// snake guesses the name that was meant: MaxSize is max_size.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 && s[i-1] != '_' && !unicode.IsUpper(rune(s[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Trim(b.String(), "_")
}

// camel guesses the type name that was meant: max_size is MaxSize.
func camel(s string) string {
	var b strings.Builder
	up := true
	for _, r := range s {
		if r == '_' {
			up = true
			continue
		}
		if up {
			r = unicode.ToUpper(r)
		}
		up = false
		b.WriteRune(r)
	}
	return b.String()
}
