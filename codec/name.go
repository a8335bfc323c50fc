package codec

import "reflect"

// Enum is what string types have to be enums.
type Enum interface{ Cases() []string }

// Documented is what a named type may have to be described with a doc.
type Documented interface{ Doc() string }

// CaseDocumented is what an enum may have to be described with a doc for each
// case; those of unions are tags. It is called with no receiver of note.
type CaseDocumented interface{ CaseDoc(name string) string }

// Named is what a type may have whose name in descriptions is not that in Go.
// Without a name it is described where it stands.
type Named interface{ SabirName() string }

// Bounded is what a type may have that is neither struct, enum nor union to be
// described by its name, as those are. Its bounds are tags: `min:"1" max:"32"`.
// A struct that has it and nothing but a time.Time, or an any, stands for that:
// Go has no other way to give these a name of one's own.
type Bounded interface{ Bounds() string }

// Alias is what a type may have that is described as another name for a type,
// of which it returns a value.
type Alias interface{ SabirAlias() any }

var (
	enumType    = reflect.TypeFor[Enum]()
	boundedType = reflect.TypeFor[Bounded]()
	aliasType   = reflect.TypeFor[Alias]()
)

// TypeName returns the name that a Go type has in descriptions, empty if it has
// none, as those of generic types. spec [T9]
func TypeName(t reflect.Type) string {
	name := t.Name()
	if n, ok := reflect.Zero(t).Interface().(Named); ok {
		name = n.SabirName()
	}
	if name != "" && name[0] >= 'a' && name[0] <= 'z' {
		name = string(name[0]-'a'+'A') + name[1:]
	}
	if !validTypeName(name) {
		return ""
	}
	return name
}

// nameIt gives a type its name, if it has one.
func (b *builder) nameIt(p *plan, t reflect.Type) {
	if p.name = TypeName(t); p.name != "" {
		b.named = append(b.named, namedPlan{t, p})
	}
}

// box returns what a struct stands for that is there only to have a name.
func box(t reflect.Type) (inner reflect.Type, ok bool) {
	if t.Kind() != reflect.Struct || t.NumField() != 1 || !t.Implements(boundedType) {
		return nil, false
	}
	inner = t.Field(0).Type
	return inner, inner == timeType || inner == anyType
}

// said adds to a plan what the methods of its type say.
func (b *builder) said(p *plan, t reflect.Type) error {
	zero := reflect.Zero(t).Interface()
	if t.Implements(boundedType) {
		if _, err := p.narrow(reflect.StructTag(zero.(Bounded).Bounds()), ""); err != nil {
			return err
		}
	}
	if !t.Implements(aliasType) {
		return nil
	}
	of, err := b.plan(reflect.TypeOf(zero.(Alias).SabirAlias()))
	p.desc = of.ref()
	return err
}

func validTypeName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'A' && c <= 'Z' || i > 0 && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9')) {
			return false
		}
	}
	return s != ""
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '_')) {
			return false
		}
	}
	return s != ""
}
