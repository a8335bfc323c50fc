package codec

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// What is true of a value whether or not there is a Go type to put it in: each
// takes the next value and says what is wrong with it.

func (d *decoder) inBounds(p *plan, f float64) bool {
	switch {
	case f < p.min:
		d.fault("at least %v, got %v", short(p.min), short(f))
	case f > p.max:
		d.fault("at most %v, got %v", short(p.max), short(f))
	default:
		return true
	}
	return false
}

func short(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// length checks the bounds of a length, told with what it counts.
func (d *decoder) length(p *plan, n int, unit string) {
	several := func(bound float64) string {
		if bound != 1 {
			unit += "s"
		}
		return short(bound) + " " + unit
	}
	switch f := float64(n); {
	case f < p.min:
		d.fault("at least %s, got %d", several(p.min), n)
	case f > p.max:
		d.fault("at most %s, got %d", several(p.max), n)
	}
}

func (d *decoder) checkedInt(p *plan) (n int64, ok bool) {
	if n, ok = d.c.Number().Whole(); !ok {
		d.fault("expected an integer within ±(2^53-1)")
		return 0, false
	}
	return n, d.inBounds(p, float64(n))
}

func (d *decoder) checkedFloat(p *plan) (float64, bool) {
	n := d.c.Number()
	if n.Big {
		d.fault("number out of range")
		return 0, false
	}
	if !d.inBounds(p, n.Float) {
		return 0, false
	}
	if p.bits == 32 && math.Abs(n.Float) > math.MaxFloat32 {
		d.fault("number out of range")
		return 0, false
	}
	return n.Float, true
}

// checkedWide takes int64 and uint64, text or a number where that is exact. spec [T2]
func (d *decoder) checkedWide(p *plan, kind wire.Kind) (n int64, u uint64, ok bool) {
	switch kind {
	case wire.Number:
		if n, ok = d.c.Number().Whole(); !ok {
			d.fault("expected %s", expected(p))
			return 0, 0, false
		}
		if u = uint64(n); n < 0 && p.kind == idl.Uint64 {
			d.fault("at least 0, got %d", n)
			return 0, 0, false
		}
	case wire.String:
		s := string(d.c.Text())
		var err error
		if p.kind == idl.Int64 {
			n, err = strconv.ParseInt(s, 10, 64)
		} else {
			u, err = strconv.ParseUint(s, 10, 64)
		}
		if err != nil || s[0] == '+' || s != "0" && strings.TrimPrefix(s, "-")[0] == '0' {
			d.fault("expected %s", expected(p))
			return 0, 0, false
		}
	default:
		return 0, 0, d.is(kind, wire.String, p)
	}
	if p.kind == idl.Int64 {
		return n, 0, d.inBounds(p, float64(n))
	}
	return 0, u, d.inBounds(p, float64(u))
}

func (d *decoder) checkedText(p *plan) []byte {
	s := d.c.Text()
	if !math.IsInf(p.min, 0) || !math.IsInf(p.max, 0) {
		d.length(p, utf8.RuneCount(s), "character")
	}
	if p.pattern != nil && !p.pattern.Match(s) {
		d.fault("does not match %s", p.desc.Pattern)
	}
	return s
}

func (d *decoder) checkedCase(p *plan) []byte {
	s := d.c.Text()
	if d.rules == Strict && !slices.Contains(p.cases, string(s)) {
		d.fault("expected one of %s", strings.Join(p.cases, ", "))
	}
	return s
}

func (d *decoder) checkedTime() time.Time {
	t, ok := parseTime(d.c.Text())
	if !ok {
		d.fault(`expected a time in UTC like "2026-11-23T10:00:00Z"`)
	}
	return t
}

func (d *decoder) checkedBytes(p *plan, kind wire.Kind) ([]byte, bool) {
	if kind != wire.String && kind != wire.Bytes {
		return nil, d.is(kind, wire.String, p)
	}
	b, ok := d.inFrame(kind), true
	if b == nil {
		b, ok = d.c.Bytes([]byte{})
	}
	if !ok {
		d.fault("expected %s", expected(p))
		return nil, false
	}
	d.length(p, len(b), "byte")
	return b, true
}

// inFrame reads bytes that may stay in their frame; nil: none that may. Less than
// half of a frame would keep too much of it from the garbage collector.
func (d *decoder) inFrame(kind wire.Kind) []byte {
	if d.frame == nil || *d.frame == nil || kind != wire.Bytes {
		return nil
	}
	ahead := d.c
	b := ahead.BytesInPlace()
	if len(b) < cap(*d.frame)/2 {
		return nil
	}
	d.c, *d.frame = ahead, nil
	return b
}

// caseAhead looks for the case of the union that comes next.
func (d *decoder) caseAhead() (name string, ok bool) {
	ahead := d.c
	for it := ahead.Open(); ahead.More(&it); {
		if string(ahead.Key()) == "type" && ahead.Kind() == wire.String {
			return string(ahead.Text()), true
		}
		ahead.Skip()
	}
	return "", false
}

func (d *decoder) noCase(p *plan) {
	d.c.Skip()
	d.enter(step{name: "type"})
	d.fault("expected one of %s", strings.Join(p.cases, ", "))
	d.leave()
}
