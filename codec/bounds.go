package codec

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// tagged returns the plan with the bounds of a field's tags.
func (p *plan) tagged(tag reflect.StructTag) (*plan, error) {
	q := *p
	some, err := q.narrow(tag, "")
	switch {
	case err != nil:
		return nil, err
	case !some:
		return p, nil
	case p.name != "":
		return nil, fmt.Errorf("%s has its bounds where it is defined", p.name)
	}
	return &q, nil
}

// wellFormed reports whether all of a tag can be read. Of one that is not, reflect leaves
// out what comes after the fault: a secret, say, that nobody masks.
func wellFormed(tag string) bool {
	for {
		tag = strings.TrimLeft(tag, " ")
		if tag == "" {
			return true
		}
		key, value, _ := strings.Cut(tag, ":")
		quoted, err := strconv.QuotedPrefix(value)
		if err != nil || quoted[0] != '"' || key == "" || strings.ContainsAny(key, " \"") {
			return false
		}
		tag = value[len(quoted):]
		if tag != "" && tag[0] != ' ' {
			return false
		}
	}
}

// narrow sets the bounds that tags give. Those of elements have the prefix "of."
// once for each step.
func (p *plan) narrow(tag reflect.StructTag, prefix string) (some bool, err error) {
	if strings.Contains(string(tag), prefix+"of.") && p.elem != nil {
		elem := *p.elem
		if some, err = elem.narrow(tag, prefix+"of."); err != nil {
			return some, fmt.Errorf("element: %w", err)
		}
		if some && elem.name != "" {
			return some, fmt.Errorf("element: %s has its bounds where it is defined", elem.name)
		}
		of := elem.ref()
		p.elem, p.desc.Of = &elem, &of
	}
	for _, key := range []string{"min", "max", "pattern"} {
		if _, there := tag.Lookup(prefix + "of." + key); there && p.elem == nil {
			return true, fmt.Errorf("%s has no elements for %sof.%s", p.kind, prefix, key)
		}
	}
	lo, hi := tag.Get(prefix+"min"), tag.Get(prefix+"max")
	pattern := tag.Get(prefix + "pattern")
	if lo == "" && hi == "" && pattern == "" {
		return some, nil
	}
	switch p.kind {
	case idl.Bool, idl.Time, idl.Any, idl.Struct, idl.Enum, idl.Union:
		return true, fmt.Errorf("%s has no bounds", p.kind)
	}
	if pattern != "" && p.kind != idl.String {
		return true, fmt.Errorf("%s has no pattern", p.kind)
	}
	bounds := [2]float64{math.Inf(-1), math.Inf(1)}
	for i, s := range []string{lo, hi} {
		if s == "" {
			continue
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.Abs(f) > wire.MaxInt && p.kind != idl.Float {
			return true, fmt.Errorf("%q is no bound", s)
		}
		bounds[i] = f
	}
	p.bound(bounds[0], bounds[1])
	if p.min > p.max {
		return true, fmt.Errorf("min %v is over max %v", p.min, p.max)
	}
	if pattern != "" {
		re, err := idl.CompilePattern(pattern)
		if err != nil {
			return true, err
		}
		p.pattern, p.desc.Pattern, p.bounded = re, pattern, true
	}
	return true, nil
}
