package idl

import "slices"

func (p *parser) member() {
	m, end := p.begin()
	kind := MemberKind(p.advance().text)
	mem := &Member{Kind: kind, Doc: m.doc, Params: []Field{}}
	m.at = p.peek().pos
	mem.Name = p.name("a member")
	p.f.order = append(p.f.order, mem)
	p.f.marks[mem] = m
	if p.is("(") || kind == Method {
		mem.Params = p.fields("(", ")")
	}
	if kind == Method {
		p.result(mem)
	} else {
		p.item(mem)
	}
	if p.accept("!") {
		p.errors(mem, m)
	}
	for p.is(tokWord) && !p.atDeclaration() {
		p.flag(mem, m)
	}
	if !p.is(tokEnd) && !p.atDeclaration() {
		switch {
		case p.is("!"):
			p.fail("method name() -> (…) ! NoSuchRoom  readonly", "errors come before flags")
		case p.is("->"):
			p.fail("what comes of a "+string(kind)+" follows a colon: "+string(kind)+" "+mem.Name+": Type", "-> is for methods")
		case p.is("?"):
			p.fail("the question mark stands before the type of a field", "nothing is optional here")
		}
		p.expected("a flag or the next declaration", declarationHint(p.peek()))
	}
	end()
	p.f.Service.Members = append(p.f.Service.Members, *mem)
}

func (p *parser) result(mem *Member) {
	mem.Result = []Field{}
	switch {
	case p.is(":"):
		p.fail("method "+mem.Name+"(…) -> (name: type)", "the result of a method follows ->")
	case !p.accept("->"):
	case p.is("("):
		mem.Result = p.fields("(", ")")
	case p.isWord("stream"):
		p.advance()
		mem.Kind, mem.Result = Stream, nil
		p.itemType(mem)
	default:
		p.expected(`"(" or stream after "->"`, "a result is named, so that it can grow: -> (seq: int)")
	}
}

func (p *parser) item(mem *Member) {
	if p.is("->") {
		p.fail(string(mem.Kind)+" "+mem.Name+"(…): Type", "what comes of a %s follows a colon", mem.Kind)
	}
	p.want(":", "and a type", string(mem.Kind)+" "+mem.Name+"(…): Type")
	p.itemType(mem)
}

func (p *parser) itemType(mem *Member) {
	t, at := p.typ(false)
	mem.Item = &t
	p.f.marks[mem.Item] = at
}

func (p *parser) errors(mem *Member, m *mark) {
	for {
		at := p.peek().pos
		name := p.typeName("an error")
		if slices.Contains(mem.Errors, name) {
			p.faultAt(at, "", "%s is there twice", name)
		}
		m.notes["!"+name] = at
		mem.Errors = append(mem.Errors, name)
		if !p.accept(",") {
			return
		}
	}
}

// memberFlags are the flags that are on or off.
func memberFlag(m *Member, name string) *bool {
	switch name {
	case "readonly":
		return &m.Readonly
	case "idempotent":
		return &m.Idempotent
	case "destructive":
		return &m.Destructive
	case "common":
		return &m.Common
	case "unstable":
		return &m.Unstable
	}
	return nil
}

var flagNames = []string{"readonly", "idempotent", "destructive", "common", "access", "deprecated", "since", "unstable"}

func (p *parser) flag(mem *Member, m *mark) {
	t := p.peek()
	if _, twice := m.notes[t.text]; twice {
		p.faultAt(t.pos, "", "%s is there twice", t.text)
	}
	if !slices.Contains(flagNames, t.text) {
		hint := suggest(t.text, flagNames)
		if hint == "" {
			hint = "flags are readonly, idempotent, destructive, common, access=…, deprecated=…, since=…, unstable"
		}
		p.fail(hint, "no flag %q", t.text)
	}
	m.notes[t.text] = t.pos
	p.advance()
	if on := memberFlag(mem, t.text); on != nil {
		if p.is("=") {
			p.fail("", "%s is there or not; it has no value", t.text)
		}
		*on = true
		return
	}
	switch t.text {
	case "access":
		p.want("=", "after access", "access=read, access=write or access=admin")
		level := Access(p.peek().text)
		if !p.is(tokWord) || level.rank() == 0 {
			p.expected("read, write or admin", "")
		}
		p.advance()
		mem.Access = level
	case "deprecated":
		p.want("=", "after deprecated", `deprecated="Use say."`)
		mem.Deprecated = p.quoted("what to use instead")
	case "since":
		p.want("=", "after since", `since="1.1"`)
		mem.Since = p.quoted("a version")
	}
}
