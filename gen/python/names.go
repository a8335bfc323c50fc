package python

import (
	"strconv"
	"strings"

	"github.com/sabir-ipc/sabir/internal/names"
)

// reserved are keywords, and what the generated code itself says: a field called
// str would be the type of all fields below it.
var reserved = make(names.Scope).With(strings.Fields(`and as assert async await break class continue def del elif else except
	finally for from global if import in is lambda nonlocal not or pass raise return try while with yield
	bool int float str bytes datetime typing dataclasses sabir abc`)...)

// arguments are reserved beside them where functions have arguments of their own.
var arguments = make(names.Scope).With("self", "timeout", "since", "listening")

// textMethods are attributes of str, which an enum is.
var textMethods = strings.Fields(`capitalize casefold center count encode endswith expandtabs find format format_map index
	isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower
	lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines
	startswith strip swapcase title translate upper zfill`)

// safe is the name for a field or a member. The package sabir finds a field by
// its name, with a _ behind it or without.
func safe(name string) string {
	if reserved[name] {
		return name + "_"
	}
	return name
}

// argument is safe for what functions take.
func argument(name string) string {
	if arguments[name] {
		return name + "_"
	}
	return safe(name)
}

// camel turns room_id into RoomId.
func camel(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// quote writes a text that a line has, as Python's docs are, or nothing.
func quote(doc string) string {
	if doc == "" {
		return ""
	}
	if !strings.ContainsAny(doc, "\"\\\n\r") && strconv.Quote(doc) == `"`+doc+`"` {
		return `"""` + doc + `"""`
	}
	return strconv.QuoteToASCII(doc)
}
