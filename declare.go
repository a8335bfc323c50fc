package sabir

import (
	"context"
	"fmt"
	"reflect"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
)

// MemberOption is a part of the declaration of a member.
type MemberOption func(m *member) error

// Doc says what a member does, to the people who will use it. The first line
// should stand alone.
func Doc(text string) MemberOption {
	return func(m *member) error { m.desc.Doc = text; return nil }
}

// Errors declares the errors that a member may answer with, by values of their
// Go types: structs with an Error method, whose fields are the params and whose
// type's name is the name. spec [E1]
func Errors(samples ...error) MemberOption {
	return func(m *member) error {
		for _, e := range samples {
			d, err := m.service.addError(e)
			if err != nil {
				return err
			}
			m.errors = append(m.errors, d)
			m.desc.Errors = append(m.desc.Errors, errorName(d.typ))
		}
		return nil
	}
}

// Errors describes errors ahead of the members that declare them, which fixes
// their order.
func (s *Service) Errors(samples ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range samples {
		if _, err := s.addError(e); err != nil || s.sealed {
			panic(fmt.Sprintf("sabir: %s: error %T cannot be declared: %v", s.desc.Name, e, err))
		}
	}
}

// DescribeType describes a named type ahead of the members that use it, which
// fixes its place among the types, and with a doc, if that is not empty.
func DescribeType[T any](s *Service, doc string) {
	t := reflect.TypeFor[T]()
	c, err := codec.Of(t)
	if err == nil && codec.TypeName(t) == "" {
		err = fmt.Errorf("it has no name")
	}
	s.describe(t, err, func() {
		c.Named(false, func(n idl.NamedType, goType reflect.Type) {
			if goType != t || s.types[n.Name] != nil {
				return
			}
			if doc != "" {
				n.Doc = doc
			}
			s.types[n.Name] = t
			s.desc.Types = append(s.desc.Types, n)
		})
	})
}

// DescribeError is DescribeType for an error.
func DescribeError[E error](s *Service, doc string) {
	var e E
	s.describe(reflect.TypeFor[E](), nil, func() {
		_, err := s.addError(e)
		if err != nil {
			panic(fmt.Sprintf("sabir: %s: error %T cannot be declared: %v", s.desc.Name, e, err))
		}
		for i := range s.desc.Errors {
			if ne := &s.desc.Errors[i]; doc != "" && ne.Name == errorName(reflect.TypeFor[E]()) {
				ne.Doc = doc
			}
		}
	})
}

func (s *Service) describe(t reflect.Type, err error, add func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.sealed {
		err = fmt.Errorf("the service was served already")
	}
	if err != nil {
		panic(fmt.Sprintf("sabir: %s: type %v cannot be described: %v", s.desc.Name, t, err))
	}
	add()
}

// Flags of members. spec [D4]
var (
	// Readonly: calling it changes nothing.
	Readonly MemberOption = func(m *member) error { m.desc.Readonly = true; return nil }
	// Idempotent: calling it twice is as calling it once.
	Idempotent MemberOption = func(m *member) error { m.desc.Idempotent = true; return nil }
	// Destructive: a person should be asked first.
	Destructive MemberOption = func(m *member) error { m.desc.Destructive = true; return nil }
	// Common: every caller gets the same content.
	Common MemberOption = func(m *member) error { m.desc.Common = true; return nil }
	// Unstable: it may change or go.
	Unstable MemberOption = func(m *member) error { m.desc.Unstable = true; return nil }
)

// Needs sets the access level that callers need, where it is not the one that
// the kind of member has of itself.
func Needs(level Access) MemberOption {
	return func(m *member) error {
		if !level.Allows(AccessRead) {
			return fmt.Errorf("%q is no access level", level)
		}
		m.desc.Access = level
		return nil
	}
}

// Deprecated says what to use instead.
func Deprecated(instead string) MemberOption {
	return func(m *member) error { m.desc.Deprecated = instead; return nil }
}

// Since says which version of the service brought the member.
func Since(version string) MemberOption {
	return func(m *member) error { m.desc.Since = version; return nil }
}

// Rings is how many values of its params a topic, state or table may have that only its
// listeners keep in use, 1 or more; who comes with one more is refused, rpc.Busy. Each may
// take a mebibyte, the ring of a topic. Default: 1024. spec/limits.md
func Rings(n int) MemberOption {
	return func(m *member) error {
		if !m.desc.Kind.Subscribed() {
			return fmt.Errorf("rings are for topics, states and tables")
		}
		if n < 1 {
			return fmt.Errorf("%d rings: there is one at least", n)
		}
		m.rings = n
		return nil
	}
}

// Accept is asked before a subscription, or a plain request, to a topic, state
// or table begins; its error refuses it. P is the type of the member's params.
// A nil function refuses nobody.
func Accept[P any](f func(ctx context.Context, params P) error) MemberOption {
	return func(m *member) error {
		if f == nil {
			return nil
		}
		if !m.desc.Kind.Subscribed() {
			return fmt.Errorf("accept is for topics, states and tables")
		}
		if t := reflect.TypeFor[P](); t != m.ptype {
			return fmt.Errorf("accept takes %v, not the params of the member", t)
		}
		m.accept = func(ctx context.Context, p reflect.Value) error { return f(ctx, p.Interface().(P)) }
		return nil
	}
}
