package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// skim returns the end of n CBOR values that start at b[i], at the given depth,
// as cborValue does; keyed, of n members of a map. -1: something is wrong with
// them, and cborValue says what. Half of what there is to do in checking a small
// message is to pass on errors that there are none of, and most of the other
// half to call something for each value in it.
func (p *Parser) skim(b []byte, i, n int, keyed bool, depth int) int {
	base, seen := len(p.at), uint64(0)
	for key := keyed; n > 0; key = keyed && !key {
		if i >= len(b) {
			return -1
		}
		at, h := i, b[i]
		i++
		arg := uint64(h & 31)
		if arg >= 24 {
			switch rest := b[i:]; {
			case key:
				return -1 // longer keys are rare
			case arg == 24 && len(rest) >= 1:
				arg, i = uint64(rest[0]), i+1
			case arg == 25 && len(rest) >= 2:
				arg, i = uint64(binary.BigEndian.Uint16(rest)), i+2
			case arg == 26 && len(rest) >= 4:
				arg, i = uint64(binary.BigEndian.Uint32(rest)), i+4
			case arg == 27 && len(rest) >= 8:
				arg, i = binary.BigEndian.Uint64(rest), i+8
			default:
				return -1
			}
		}
		switch major := h >> 5; {
		case major == majorText:
			from := i
			if arg > uint64(len(b)-i) {
				return -1
			}
			i += int(arg)
			if arg < 8 && from+8 <= len(b) { // a word that begins with it
				if w := binary.LittleEndian.Uint64(b[from:]) << (64 - 8*arg); w&highs != 0 && !utf8.Valid(b[from:i]) {
					return -1
				}
			} else if !validText(b[from:i]) {
				return -1
			}
			if key {
				bit := keyBit(b[from:i])
				if seen&bit != 0 && p.hasAt(b, base, b[at:i]) {
					return -1
				}
				seen |= bit
				p.at = append(p.at, at)
				continue
			}
		case key:
			return -1
		case major <= majorNegative:
		case major == majorList && depth <= MaxDepth && arg <= uint64(len(b)-i):
			i = p.skim(b, i, int(arg), false, depth+1)
		case major == majorMap && depth <= MaxDepth && arg <= linearKeys:
			i = p.skim(b, i, int(arg), true, depth+1)
		case h == cborFalse || h == cborTrue || h == cborNull,
			h == 0xFA && arg&0x7F80_0000 != 0x7F80_0000,
			h == 0xFB && math.Abs(math.Float64frombits(arg)) <= math.MaxFloat64:
		default:
			end, err := p.cborValue(b, at, depth)
			if err != nil {
				return -1
			}
			i = end
		}
		if i < 0 {
			return -1
		}
		n--
	}
	p.at = p.at[:base]
	return i
}

// hasAt reports whether the object whose keys start at base has a key, both with
// their heads, which tell the length.
func (p *Parser) hasAt(b []byte, base int, key []byte) bool {
	for _, at := range p.at[base:] {
		if bytes.HasPrefix(b[at:], key) {
			return true
		}
	}
	return false
}
