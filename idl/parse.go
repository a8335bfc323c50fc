package idl

import (
	"fmt"
	"strings"
)

// Parse reads one file, without what it imports. The tree is what the text
// says, fit or not: [Load] also checks it. The error is [Faults]; there may be
// several, and then the File is nil. The grammar is in spec/idl.md.
func Parse(file string, text []byte) (*File, error) {
	p := &parser{f: &File{Path: file, marks: make(map[any]*mark)}}
	p.f.Service = Service{Members: []Member{}, Types: []NamedType{}, Errors: []NamedError{}}
	s := scanner{file: file, rest: string(text), fault: p.faultAt}
	p.toks = s.scan()
	p.parseFile()
	if len(p.faults) > 0 {
		return nil, p.faults.sorted()
	}
	p.f.link()
	return p.f, nil
}

// link notes the places of the declarations for the nodes of the tree, too.
func (f *File) link() {
	s := &f.Service
	var members, types, errors, imports int
	for _, node := range f.order {
		m := f.marks[node]
		switch n := node.(type) {
		case *Import:
			f.marks[&f.Imports[imports]] = m
			imports++
		case *Member:
			f.marks[&s.Members[members]] = m
			members++
		case *NamedType:
			f.marks[&s.Types[types]], f.marks[&s.Types[types].Type] = m, f.marks[&n.Type]
			types++
		case *NamedError:
			f.marks[&s.Errors[errors]] = m
			errors++
		}
	}
}

type parser struct {
	f      *File
	toks   []token
	i      int
	depth  int   // of open brackets
	cur    *mark // of the innermost declaration, field or case
	faults Faults
}

// bail is what a parser panics with after a fault; whoever can go on recovers.
type bail struct{}

func (p *parser) faultAt(at Pos, hint, format string, args ...any) {
	p.faults = append(p.faults, Fault{Pos: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (p *parser) fail(hint, format string, args ...any) {
	if t := p.peek(); t.kind != tokBad { // of which the scanner has told
		p.faultAt(t.pos, hint, format, args...)
	}
	panic(bail{})
}

// expected fails with what there should have been.
func (p *parser) expected(what, hint string) {
	p.fail(hint, "expected %s, found %s", what, p.peek())
}

func (p *parser) peek() *token { return &p.toks[p.i] }

// ahead is the n-th token after the next.
func (p *parser) ahead(n int) *token { return &p.toks[min(p.i+n, len(p.toks)-1)] }

func (p *parser) is(kind tokenKind) bool  { return p.peek().kind == kind }
func (p *parser) isWord(word string) bool { return p.is(tokWord) && p.peek().text == word }

// advance takes a token. Comments that nobody has claimed are remarks of the
// declaration, field or case that they stand in.
func (p *parser) advance() *token {
	t := p.peek()
	if len(t.comments) > 0 && p.cur != nil {
		for _, block := range blocks(t.comments) {
			p.cur.loose = append(p.cur.loose, block.lines)
		}
		t.comments = nil
	}
	switch t.kind {
	case "(", "[", "{":
		p.depth++
	case ")", "]", "}":
		p.depth--
	}
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

// accept takes a token if it is of that kind.
func (p *parser) accept(kind tokenKind) bool {
	if p.is(kind) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) want(kind tokenKind, where, hint string) *token {
	if !p.is(kind) {
		p.expected(fmt.Sprintf("%q %s", string(kind), where), hint)
	}
	return p.advance()
}

// maxNesting is how many brackets may stand in each other: as deep as a message
// may be. spec [M14]
const maxNesting = 64

func (p *parser) shallow() {
	if p.depth > maxNesting {
		p.fail("", "more than %d brackets in each other", maxNesting)
	}
}

// block is lines of comments that follow each other.
type block struct {
	lines []string
	last  int
	after bool
}

func blocks(comments []comment) (out []block) {
	for _, c := range comments {
		n := len(out) - 1
		if n < 0 || out[n].after || c.line != out[n].last+1 {
			out = append(out, block{after: c.after})
			n++
		}
		out[n].lines = append(out[n].lines, commentText(c.text))
		out[n].last = c.line
	}
	for i := 0; i < len(out); {
		if out[i].lines = trimLines(out[i].lines); len(out[i].lines) == 0 {
			out = append(out[:i], out[i+1:]...)
			continue
		}
		i++
	}
	return out
}

// begin claims the comments above the next token: the block right above it is
// its doc, others are remarks. spec [I3]
func (p *parser) begin() (m *mark, end func()) {
	t := p.peek()
	m = &mark{at: t.pos, notes: make(map[string]Pos)}
	all := blocks(t.comments)
	top := t.pos.Line
	for _, c := range t.comments {
		if !c.after {
			top = c.line
			break
		}
	}
	m.blank = p.i > 0 && top > p.toks[p.i-1].pos.Line+1
	m.broken = t.first
	if n := len(all) - 1; n >= 0 && !all[n].after && all[n].last == t.pos.Line-1 {
		m.doc = strings.Join(all[n].lines, "\n")
		all = all[:n]
	}
	for _, b := range all {
		m.loose = append(m.loose, b.lines)
	}
	t.comments = nil
	outer := p.cur
	p.cur = m
	return m, func() {
		p.cur = outer
		m.trail = p.trailing()
	}
}

// trailing claims a comment on the line of the token before.
func (p *parser) trailing() string {
	t := p.peek()
	if len(t.comments) == 0 || !t.comments[0].after {
		return ""
	}
	c := t.comments[0]
	t.comments = t.comments[1:]
	return strings.TrimSpace(commentText(c.text))
}

var declarations = map[string]bool{
	"import": true, "service": true, "method": true, "topic": true, "state": true, "table": true, "type": true, "error": true,
}

// atDeclaration reports whether one begins here. In a list, a field of such a
// name has a colon after it.
func (p *parser) atDeclaration() bool {
	t, next := p.peek(), p.ahead(1)
	return t.kind == tokWord && t.first && declarations[t.text] && next.kind == tokWord
}

func (p *parser) parseFile() {
	for !p.is(tokEnd) {
		p.recovering(p.declaration, func() bool {
			t := p.peek()
			return p.atDeclaration() || t.kind == tokWord && t.pos.Col == 1 // misspelt
		})
	}
	for _, b := range blocks(p.peek().comments) {
		p.f.end = append(p.f.end, b.lines)
	}
}

// recovering runs f; after a fault in it, it goes on to where stop is.
func (p *parser) recovering(f func(), stop func() bool) {
	from, outer, depth := p.i, p.cur, p.depth
	defer func() {
		switch e := recover(); e {
		case nil:
			return
		case bail{}:
		default:
			panic(e)
		}
		p.cur = outer
		if p.i == from && !p.is(tokEnd) {
			p.advance()
		}
		for !p.is(tokEnd) && !stop() {
			p.advance()
		}
		if depth == 0 {
			p.depth = 0
		}
	}()
	f()
}

func (p *parser) declaration() {
	word := p.peek().text
	switch {
	case !p.peek().first:
		p.expected("the beginning of a line before the next declaration", "")
	case !p.is(tokWord) || !declarations[word]:
		p.expected("a declaration", declarationHint(p.peek()))
	case word == "import":
		p.importing()
	case word == "service":
		p.service()
	case word == "type":
		p.namedType()
	case word == "error":
		p.namedError()
	default:
		p.member()
	}
}

func declarationHint(t *token) string {
	if t.kind == tokWord {
		for word := range declarations {
			if s := suggest(t.text, []string{word}); s != "" {
				return s
			}
		}
		switch t.text {
		case "stream":
			return "a stream is a method: method name(…) -> stream Type"
		case "enum", "union", "struct", "message", "interface":
			return "a declaration is service, method, topic, state, table, type, error or import: type Name enum(a, b)"
		}
	}
	return "one of service, method, topic, state, table, type, error, import"
}

func (p *parser) importing() {
	im := &Import{}
	m, end := p.begin()
	p.advance()
	for {
		if !p.is(tokWord) || !isTypeName(p.peek().text) {
			p.expected("the name of a type or error", `import Message, NoSuchRoom from "common.sabir"`)
		}
		t := p.advance()
		m.notes[t.text] = t.pos
		im.Names = append(im.Names, t.text)
		if !p.accept(",") {
			break
		}
	}
	if !p.isWord("from") {
		p.expected("from", `import Message, NoSuchRoom from "common.sabir"`)
	}
	p.advance()
	im.From = p.quoted("the path of a file")
	p.f.Imports = append(p.f.Imports, *im)
	end()
	p.f.order = append(p.f.order, im)
	p.f.marks[im] = m
}

func (p *parser) service() {
	s := &p.f.Service
	if s.Name != "" {
		p.fail("one service a file; types can be shared by import", "a second service; the first is at %s", p.f.At(s))
	}
	m, end := p.begin()
	p.advance()
	m.at = p.peek().pos
	s.Name = p.name("the service")
	switch t := p.peek(); {
	case t.kind == tokVersion && !declarations[t.text]:
		s.Version = p.advance().text
	case t.kind == tokText:
		s.Version = p.quoted("a version")
	default:
		p.expected("a version", "service "+s.Name+" 1.0")
	}
	s.Doc = m.doc
	end()
	p.f.order = append(p.f.order, s)
	p.f.marks[s] = m
}

// name takes the name of something, [a-z][a-z0-9_]*. spec [T9]
func (p *parser) name(what string) string {
	t := p.peek()
	switch {
	case t.kind != tokWord:
		p.expected("the name of "+what, "")
	case !isName(t.text):
		p.fail("did you mean "+snake(t.text)+"?", "%q is no name for %s, [a-z][a-z0-9_]*", t.text, what)
	}
	return p.advance().text
}

// typeName takes the name of a type or an error. spec [T9]
func (p *parser) typeName(what string) string {
	t := p.peek()
	switch {
	case t.kind != tokWord:
		p.expected("the name of "+what, "")
	case !isTypeName(t.text):
		p.fail("did you mean "+camel(t.text)+"?", "%q is no name for %s, [A-Z][A-Za-z0-9]*", t.text, what)
	}
	return p.advance().text
}

func (p *parser) namedType() {
	m, end := p.begin()
	p.advance()
	t := &NamedType{Doc: m.doc}
	m.at = p.peek().pos
	t.Name = p.typeName("a type")
	if p.is(":") || p.is("=") {
		p.fail("type "+t.Name+" { … }", "%s does not belong here", p.peek())
	}
	typ, at := p.typ(false)
	t.Type = typ
	end()
	p.f.Service.Types = append(p.f.Service.Types, *t)
	p.f.order = append(p.f.order, t)
	p.f.marks[t], p.f.marks[&t.Type] = m, at
}

func (p *parser) namedError() {
	m, end := p.begin()
	p.advance()
	e := &NamedError{Doc: m.doc, Fields: []Field{}}
	m.at = p.peek().pos
	e.Name = p.typeName("an error")
	switch {
	case p.is("{"):
		e.Fields = p.fields("{", "}")
	case p.is("("):
		p.fail("error "+e.Name+" { room: string }", "the fields of an error stand in { }")
	}
	end()
	p.f.Service.Errors = append(p.f.Service.Errors, *e)
	p.f.order = append(p.f.order, e)
	p.f.marks[e] = m
}
