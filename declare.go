package sabir

import (
	"context"
	"fmt"
	"reflect"
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
			m.desc.Errors = append(m.desc.Errors, d.typ.Name())
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
		if !NoAccess.Allows(NoAccess) || !level.Allows(AccessRead) {
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

// Accept is asked before a subscription, or a plain request, to a topic, state
// or table begins; its error refuses it. P is the type of the member's params.
func Accept[P any](f func(ctx context.Context, params P) error) MemberOption {
	return func(m *member) error {
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
