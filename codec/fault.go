package codec

import (
	"fmt"
	"strings"

	"github.com/sabir-ipc/sabir/wire"
)

// Fault is one thing wrong with a value. Path is where, as in "filter.tags[3]",
// empty for the whole. spec [M8], [E5]
type Fault struct {
	Path   string
	Reason string
}

func (f Fault) String() string {
	if f.Path == "" {
		return f.Reason
	}
	return f.Path + ": " + f.Reason
}

// MaxFaults is how many faults of a message are told; the rest is cut.
const MaxFaults = 8

// step is one element of a path: a field, a key of a map, or an index.
type step struct {
	name  string
	index int // if name is empty
	key   bool
}

func pathText(path []step) string {
	var b strings.Builder
	for _, s := range path {
		s.name = wire.Clip(s.name)
		switch {
		case s.key && !plainKey(s.name):
			quoted, _ := wire.AppendString(nil, wire.JSON, s.name)
			fmt.Fprintf(&b, "[%s]", quoted)
		case s.key || s.name != "":
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.name)
		default:
			fmt.Fprintf(&b, "[%d]", s.index)
		}
	}
	return b.String()
}

// plainKey reports whether a key can stand in a path without quotes.
func plainKey(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z' || s[i] == '_' || s[i] >= '0' && s[i] <= '9') {
			return false
		}
	}
	return s != ""
}

func (d *decoder) fault(format string, args ...any) {
	if len(d.faults) < MaxFaults {
		d.faults = append(d.faults, Fault{pathText(d.path), fmt.Sprintf(format, args...)})
	}
}
