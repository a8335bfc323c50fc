package wire

import (
	"encoding/binary"
	"math"
)

// skim returns the end of the CBOR value that starts at b[i], at the given
// depth, as cborValue does. -1: something is wrong with it, and cborValue says
// what. Half of what there is to do in checking a small message is to pass on
// errors that there are none of.
func (p *Parser) skim(b []byte, i, depth int) int {
	at := i
	if i >= len(b) {
		return -1
	}
	h := b[i]
	i++
	n := uint64(h & 31)
	if n >= 24 {
		switch rest := b[i:]; {
		case n == 24 && len(rest) >= 1:
			n, i = uint64(rest[0]), i+1
		case n == 25 && len(rest) >= 2:
			n, i = uint64(binary.BigEndian.Uint16(rest)), i+2
		case n == 26 && len(rest) >= 4:
			n, i = uint64(binary.BigEndian.Uint32(rest)), i+4
		case n == 27 && len(rest) >= 8:
			n, i = binary.BigEndian.Uint64(rest), i+8
		default:
			return -1
		}
	}
	switch h >> 5 {
	case majorUint, majorNegative:
		return i
	case majorText:
		if n > uint64(len(b)-i) || !validText(b[i:i+int(n)]) {
			return -1
		}
		return i + int(n)
	case majorList:
		if depth > MaxDepth || n > uint64(len(b)-i) {
			return -1
		}
		for ; n > 0 && i >= 0; n-- {
			i = p.skim(b, i, depth+1)
		}
		return i
	case majorMap:
		if n <= linearKeys && depth <= MaxDepth {
			return p.skimMap(b, i, int(n), depth+1)
		}
	case majorSimple:
		switch {
		case h == cborFalse || h == cborTrue || h == cborNull,
			h == 0xFA && n&0x7F80_0000 != 0x7F80_0000,
			h == 0xFB && math.Abs(math.Float64frombits(n)) <= math.MaxFloat64:
			return i
		}
	}
	if end, err := p.cborValue(b, at, depth); err == nil {
		return end
	}
	return -1
}

// skimMap passes n members, few enough for a linear search.
func (p *Parser) skimMap(b []byte, i, n, depth int) int {
	base := len(p.keys)
	seen := uint64(0)
	for ; n > 0; n-- {
		if i >= len(b) || b[i]>>5 != majorText || b[i]&31 >= 24 {
			return -1 // longer keys are rare
		}
		from := i + 1
		i = from + int(b[i]&31)
		if i > len(b) || !validText(b[from:i]) {
			return -1
		}
		key := b[from:i]
		bit := keyBit(key) // as in openKey, without the call
		if seen&bit != 0 && has(p.keys[base:], key) {
			return -1
		}
		seen |= bit
		p.keys = append(p.keys, key)
		if i = p.skim(b, i, depth); i < 0 {
			return -1
		}
	}
	p.keys = p.keys[:base]
	return i
}
