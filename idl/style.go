package idl

import (
	"fmt"
	"strings"
)

// Style returns what is not wrong with a tree and could be better: docs that are
// missing, names that say too much, numbers without units, flags that contradict
// each other, types that nothing uses. The tree has passed [Check].
func Style(s *Service) Faults {
	c := checker{s: s, at: func(any, string) Pos { return Pos{} }}
	c.style()
	return c.faults
}

// Style is the function Style with the places of the text. What is imported is
// judged where it is.
func (f *File) Style() Faults {
	c := checker{s: &f.Service, at: f.place}
	c.style()
	var own Faults
	for _, fault := range c.faults {
		if fault.Pos.File == f.Path {
			own = append(own, fault)
		}
	}
	faults, _ := own.sorted().(Faults)
	return faults
}

func (c *checker) style() {
	s := c.s
	c.where = s.Name
	if s.Name != "" && s.Doc == "" {
		c.fault(s, "", "a comment above it: what the service is for", "%s has no doc", s.Name)
	}
	for i := range s.Members {
		c.where = s.Name + "." + s.Members[i].Name
		c.styleMember(&s.Members[i])
	}
	used := c.uses()
	for i := range s.Types {
		t := &s.Types[i]
		c.where = s.Name + "." + t.Name
		if s.Name != "" && !used[t.Name] {
			c.fault(t, "", "", "nothing uses type %s", t.Name)
		}
		c.styleType(t)
	}
	for i := range s.Errors {
		e := &s.Errors[i]
		c.where = s.Name + "." + e.Name
		if s.Name != "" && !used["!"+e.Name] {
			c.fault(e, "", "", "no member declares error %s", e.Name)
		}
		if strings.HasSuffix(e.Name, "Error") && e.Name != "Error" {
			c.fault(e, "", "", "%s says twice that it is an error", e.Name)
		}
		c.styleFields(e.Name, e.Fields)
	}
}

// uses are the names of the types and, with a !, the errors that members need.
func (c *checker) uses() map[string]bool {
	used := make(map[string]bool)
	for i := range c.s.Members {
		for name := range c.s.used(&c.s.Members[i]) {
			used[name] = true
		}
	}
	return used
}

func (c *checker) styleMember(m *Member) {
	if m.Doc == "" {
		c.fault(m, "", "a comment above it: what it does, in a line that stands alone", "%s has no doc", m.Name)
	}
	if rest, ok := strings.CutPrefix(m.Name, c.s.Name+"_"); ok {
		c.fault(m, "", "people write "+c.s.Name+"."+rest, "%s says the name of the service again", m.Name)
	}
	if m.Readonly && m.Destructive {
		c.fault(m, "destructive", "", "%s is readonly and destructive", m.Name)
	}
	if m.Readonly && m.Idempotent {
		c.fault(m, "idempotent", "", "%s is readonly, and so idempotent", m.Name)
	}
	if m.Common && !m.Readonly && !m.Kind.Subscribed() {
		c.fault(m, "common", "nobody may answer for it from memory", "%s changes something, and its content is common", m.Name)
	}
	c.styleFields("", m.Params)
	c.styleFields("", m.Result)
}

func (c *checker) styleType(t *NamedType) {
	if t.Type.Kind == Struct {
		c.styleFields(t.Name, t.Type.Fields)
		return
	}
	for i := range t.Type.Options {
		o := &t.Type.Options[i]
		if strings.HasPrefix(o.Name, snake(t.Name)+"_") {
			c.fault(o, "", "", "%s says the name of its type again", o.Name)
		}
	}
}

func (c *checker) styleFields(of string, fs []Field) {
	for i := range fs {
		f := &fs[i]
		if rest, ok := strings.CutPrefix(f.Name, snake(of)+"_"); ok && of != "" {
			c.fault(f, "", "did you mean "+rest+"?", "%s says the name of its type again", f.Name)
		}
		if f.Default != nil && !f.Optional {
			c.fault(&f.Type, "default", "make it optional: ?"+f.Type.bareName(), "%s must be given, and has a default", f.Name)
		}
		c.styleUnit(f)
	}
}

// bareName is the type without its bounds.
func (t *Type) bareName() string {
	b := *t
	b.Min, b.Max, b.Pattern = nil, nil, ""
	return b.String()
}

// unitNames are what people call quantities, and unitSuffixes what they write
// behind them instead of a unit.
var (
	unitNames    = []string{"timeout", "interval", "duration", "delay", "elapsed", "length", "size", "speed", "rate", "age", "temperature", "distance", "progress", "position", "volume", "bitrate"}
	unitSuffixes = map[string]string{
		"ms": "ms", "msec": "ms", "millis": "ms", "seconds": "s", "secs": "s", "sec": "s", "minutes": "min", "us": "µs", "usec": "µs", "ns": "ns",
		"bytes": "B", "kb": "kB", "kib": "KiB", "mb": "MB", "mib": "MiB", "percent": "%", "celsius": "°C", "hz": "Hz", "meters": "m", "pixels": "px",
	}
)

func (c *checker) styleUnit(f *Field) {
	t := c.s.Resolve(&f.Type)
	if f.Unit != "" || t == nil || t.Kind != Int && t.Kind != Float && t.Kind != Int64 && t.Kind != Uint64 {
		return
	}
	cut := strings.LastIndexByte(f.Name, '_')
	last := f.Name[cut+1:]
	if unit := unitSuffixes[last]; unit != "" {
		c.fault(f, "", fmt.Sprintf("%s: %s(unit=%q)", f.Name, t.bareName(), unit), "%s has its unit in its name alone", f.Name)
		return
	}
	for _, name := range unitNames {
		if last == name {
			c.fault(f, "", fmt.Sprintf("%s: %s(unit=…), as in \"s\", \"B\" or \"%%\"", f.Name, t.bareName()), "%s has no unit", f.Name)
		}
	}
}
