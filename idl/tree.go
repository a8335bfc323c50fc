// Package idl holds what a service says of itself: a tree of members, types
// and errors, which becomes JSON in rpc.describe and text for people.
//
// A tree is plain data. Nothing here keeps or changes one behind its owner's
// back, so a finished tree may be read by any number of goroutines.
//
// The rules are in spec/descriptions.md and spec/types.md.
package idl

// Service is one named API. spec [D1]
type Service struct {
	Name    string
	Version string
	Doc     string `sabir:",optional"`
	Members []Member
	Types   []NamedType
	Errors  []NamedError
}

// MemberKind is one of the five kinds of member.
type MemberKind string

const (
	Method MemberKind = "method"
	Stream MemberKind = "stream"
	Topic  MemberKind = "topic"
	State  MemberKind = "state"
	Table  MemberKind = "table"
)

// Cases lists the kinds that this version knows.
func (MemberKind) Cases() []string { return []string{"method", "stream", "topic", "state", "table"} }

// Subscribed reports whether a caller with a window subscribes to it.
func (k MemberKind) Subscribed() bool { return k == Topic || k == State || k == Table }

// Access is what a caller needs, or has. The zero Access is none at all.
type Access string

const (
	NoAccess Access = ""
	Read     Access = "read"
	Write    Access = "write"
	Admin    Access = "admin"
)

// Cases lists the levels in rising order.
func (Access) Cases() []string { return []string{"read", "write", "admin"} }

// Allows reports whether a caller of level a may use what needs level needs.
func (a Access) Allows(needs Access) bool { return a.rank() >= needs.rank() }

func (a Access) rank() int {
	switch a {
	case Read:
		return 1
	case Write:
		return 2
	case Admin:
		return 3
	}
	return 0
}

// Member is one thing a service offers.
type Member struct {
	Kind        MemberKind
	Name        string
	Doc         string `sabir:",optional"`
	Params      []Field
	Result      []Field  `sabir:",optional"` // methods
	Item        *Type    // the other kinds
	Errors      []string `sabir:",optional"`
	Readonly    bool     `sabir:",optional"`
	Idempotent  bool     `sabir:",optional"`
	Destructive bool     `sabir:",optional"`
	Common      bool     `sabir:",optional"`
	Access      Access   `sabir:",optional"`
	Deprecated  string   `sabir:",optional"`
	Since       string   `sabir:",optional"`
	Unstable    bool     `sabir:",optional"`
}

// Needs returns the level a caller needs, given or not. spec [D4]
func (m *Member) Needs() Access {
	switch {
	case m.Access != NoAccess:
		return m.Access
	case m.Kind.Subscribed() || m.Readonly:
		return Read
	}
	return Write
}

// NamedType is a type with a name of its own.
type NamedType struct {
	Name string
	Doc  string `sabir:",optional"`
	Type Type
}

// NamedError is an error that members may declare.
type NamedError struct {
	Name   string
	Doc    string `sabir:",optional"`
	Fields []Field
}

// Field is a named place of a struct, of params, of a result.
type Field struct {
	Name       string
	Doc        string `sabir:",optional"`
	Type       Type
	Optional   bool   `sabir:",optional"`
	Default    any    `sabir:",optional"`
	Example    any    `sabir:",optional"`
	Unit       string `sabir:",optional"`
	Deprecated string `sabir:",optional"`
	Since      string `sabir:",optional"`
	Sensitive  bool   `sabir:",optional"`
}

// Kind says which of the closed set of types a Type is.
type Kind string

const (
	Bool   Kind = "bool"
	Int    Kind = "int"
	Int64  Kind = "int64"
	Uint64 Kind = "uint64"
	Float  Kind = "float"
	String Kind = "string"
	Bytes  Kind = "bytes"
	Time   Kind = "time"
	Any    Kind = "any"
	List   Kind = "list"
	Map    Kind = "map"
	Struct Kind = "struct"
	Enum   Kind = "enum"
	Union  Kind = "union"
	Named  Kind = "named"
)

// Cases lists the kinds of type that this version knows.
func (Kind) Cases() []string {
	return []string{"bool", "int", "int64", "uint64", "float", "string", "bytes", "time", "any",
		"list", "map", "struct", "enum", "union", "named"}
}

// Type is the type of a value with its bounds. spec [D2]
type Type struct {
	Kind    Kind
	Name    string   `sabir:",optional"` // Named
	Of      *Type    // List, Map
	Fields  []Field  `sabir:",optional"`      // Struct
	Options []Case   `sabir:"cases,optional"` // Enum, Union
	Min     *float64 // value, length or count; nil is no bound
	Max     *float64
	Pattern string `sabir:",optional"`
}

// Case is one case of an enum or a union; those of unions have a struct type.
type Case struct {
	Name string
	Doc  string `sabir:",optional"`
	Type *Type
}

// Member returns the member of that name, or nil.
func (s *Service) Member(name string) *Member {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return &s.Members[i]
		}
	}
	return nil
}

// Resolve returns what a named type stands for, t itself for others, and nil
// for a name that the service does not define.
func (s *Service) Resolve(t *Type) *Type {
	for hops := 0; t != nil && t.Kind == Named; hops++ {
		if hops > len(s.Types) {
			return nil // names that only name each other
		}
		name := t.Name
		t = nil
		for i := range s.Types {
			if s.Types[i].Name == name {
				t = &s.Types[i].Type
				break
			}
		}
	}
	return t
}
