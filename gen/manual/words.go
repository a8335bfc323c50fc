package manual

import (
	"strings"

	"github.com/sabir-ipc/sabir/idl"
)

// token is a piece of the text of a description, with what it is: keyword, name,
// text, comment, or nothing; a type has a link.
type token struct {
	Text  string
	Class string
	Link  string
}

// words tells the words of one service apart.
type words struct {
	service string
	types   map[string]bool
	errors  map[string]bool
}

func newWords(s *idl.Service) *words {
	ws := &words{s.Name, make(map[string]bool), make(map[string]bool)}
	for _, t := range s.Types {
		ws.types[t.Name] = true
	}
	for _, e := range s.Errors {
		ws.errors[e.Name] = true
	}
	return ws
}

// The places of a page. Members begin with a small letter and types with a big
// one, so they cannot meet.
func (ws *words) memberID(name string) string { return id(ws.service + "." + name) }
func (ws *words) typeID(name string) string   { return id(ws.service + "." + name) }
func (ws *words) errorID(name string) string  { return id(ws.service + ".error." + name) }

// id keeps out what no name has, and a link would not survive.
func id(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isWord(byte(r)) || r == '.' {
			return r
		}
		return '-'
	}, name)
}

var keywords = map[string]bool{
	"method": true, "topic": true, "state": true, "table": true, "stream": true, "enum": true, "union": true,
	"bool": true, "int": true, "int64": true, "uint64": true, "float": true, "string": true, "bytes": true, "time": true, "any": true,
}

// tokens cuts text of the IDL into pieces, which put together are the text.
func (ws *words) tokens(text string) (all []token) {
	failing := false // behind a !, where names are of errors
	previous := ""
	for text != "" {
		n := pieceOf(text)
		t := token{Text: text[:n]}
		rest := strings.TrimLeft(text[n:], " ")
		switch {
		case t.Text == "!":
			failing = true
		case strings.HasPrefix(t.Text, "//"):
			t.Class = "doc"
		case t.Text[0] == '"':
			t.Class = "text"
		case strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "="):
			t.Class = "" // a field or a bound, whatever it is called
		case failing && ws.errors[t.Text]:
			t.Link = ws.errorID(t.Text)
		case !failing && ws.types[t.Text]:
			t.Link = ws.typeID(t.Text)
		case keywords[t.Text] && !keywords[previous] || previous == "->" && keywords[t.Text]:
			t.Class = "word"
		}
		if strings.TrimSpace(t.Text) != "" {
			previous = t.Text
		}
		all = append(all, t)
		text = text[n:]
	}
	return all
}

// pieceOf is the length of the first piece of a text that is not empty.
func pieceOf(text string) int {
	switch c := text[0]; {
	case strings.HasPrefix(text, "//"):
		if end := strings.IndexByte(text, '\n'); end > 0 {
			return end
		}
		return len(text)
	case c == '"':
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return len(text)
	case isWord(c):
		n := 1
		for n < len(text) && isWord(text[n]) {
			n++
		}
		return n
	case c < 0x80:
		return 1
	}
	n := 1
	for n < len(text) && text[n] >= 0x80 {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// plainText puts pieces together again.
func plainText(tokens []token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteString(t.Text)
	}
	return b.String()
}
