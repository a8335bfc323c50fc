package wire

import "math"

// The strict CBOR scanner, and the heads that everything in CBOR starts with.

// Major types of RFC 8949.
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorList
	majorMap
	majorTag
	majorSimple
)

const (
	cborFalse = 0xF4
	cborTrue  = 0xF5
	cborNull  = 0xF6
	// cborBytesTag says "this is base64 text when it becomes JSON". spec [C3]
	cborBytesTag = 22
)

// cborHead reads the head at b[i]. ok is false if b ends inside of it; reason
// is set if no head starts so.
func cborHead(b []byte, i int) (major int, arg uint64, next int, ok bool, reason string) {
	if i >= len(b) {
		return 0, 0, i, false, ""
	}
	major, info := int(b[i]>>5), b[i]&31
	i++
	if info < 24 {
		return major, uint64(info), i, true, ""
	}
	if info > 27 {
		if info == 31 {
			return major, 0, i, false, "indefinite length"
		}
		return major, 0, i, false, "reserved head"
	}
	n := 1 << (info - 24)
	if len(b)-i < n {
		return major, 0, i, false, ""
	}
	for _, c := range b[i : i+n] {
		arg = arg<<8 | uint64(c)
	}
	return major, arg, i + n, true, ""
}

func appendHead(dst []byte, major int, arg uint64) []byte {
	m := byte(major << 5)
	switch {
	case arg < 24:
		return append(dst, m|byte(arg))
	case arg <= math.MaxUint8:
		return append(dst, m|24, byte(arg))
	case arg <= math.MaxUint16:
		return append(dst, m|25, byte(arg>>8), byte(arg))
	case arg <= math.MaxUint32:
		return append(dst, m|26, byte(arg>>24), byte(arg>>16), byte(arg>>8), byte(arg))
	}
	return append(dst, m|27, byte(arg>>56), byte(arg>>48), byte(arg>>40), byte(arg>>32),
		byte(arg>>24), byte(arg>>16), byte(arg>>8), byte(arg))
}

func (p *Parser) cborMessage(b []byte, m *Message) error {
	major, n, i, err := p.head(b, 0)
	if err != nil {
		return err
	}
	if major != majorMap {
		return p.bad(0, "expected a map")
	}
	if n > uint64(len(b)-i)/2 {
		return p.bad(0, "map longer than its bytes")
	}
	seen := uint64(0)
	for ; n > 0; n-- {
		key, next, err := p.cborKey(b, i, 0, &seen)
		if err != nil {
			return err
		}
		end, err := p.cborValue(b, next, 2)
		if err != nil {
			return err
		}
		m.take(p, key, Value{CBOR, b[next:end]})
		i = end
	}
	p.closeObject(0)
	if i != len(b) {
		return p.bad(i, "data after the message")
	}
	return nil
}

// head is cborHead within a frame that is complete.
func (p *Parser) head(b []byte, i int) (major int, arg uint64, next int, err error) {
	if i < len(b) && b[i]&31 < 24 { // most are one byte
		return int(b[i] >> 5), uint64(b[i] & 31), i + 1, nil
	}
	major, arg, next, ok, reason := cborHead(b, i)
	if reason != "" {
		return 0, 0, i, p.bad(i, reason)
	}
	if !ok {
		return 0, 0, i, p.bad(i, "unexpected end")
	}
	return major, arg, next, nil
}

func (p *Parser) cborKey(b []byte, i, base int, seen *uint64) (key []byte, next int, err error) {
	major, n, from, err := p.head(b, i)
	if err != nil {
		return nil, i, err
	}
	if major != majorText {
		return nil, i, p.bad(i, "key is no text")
	}
	next, err = p.cborText(b, i, from, n)
	if err != nil {
		return nil, i, err
	}
	key = b[from:next]
	if !p.openKey(base, seen, key) {
		return nil, i, p.bad(i, "key occurs twice")
	}
	return key, next, nil
}

func (p *Parser) cborText(b []byte, at, from int, n uint64) (end int, err error) {
	if n > uint64(len(b)-from) {
		return at, p.bad(at, "string longer than its bytes")
	}
	end = from + int(n)
	if !validText(b[from:end]) {
		return at, p.bad(from, "bad UTF-8")
	}
	return end, nil
}

// cborValue returns the end of the value that starts at b[i], at the given depth.
func (p *Parser) cborValue(b []byte, i, depth int) (int, error) {
	at := i
	major, n, i, err := p.head(b, i)
	if err != nil {
		return at, err
	}
	switch major {
	case majorUint, majorNegative:
		return i, nil
	case majorText:
		return p.cborText(b, at, i, n)
	case majorTag:
		if n != cborBytesTag {
			return at, p.bad(at, "tag other than 22")
		}
		if major, n, i, err = p.head(b, i); err != nil {
			return at, err
		}
		if major != majorBytes {
			return at, p.bad(at, "tag 22 on no byte string")
		}
		fallthrough
	case majorBytes:
		if n > uint64(len(b)-i) {
			return at, p.bad(at, "string longer than its bytes")
		}
		return i + int(n), nil
	case majorSimple:
		return i, p.cborSimple(b, at)
	}
	if depth > MaxDepth {
		return at, p.bad(at, "nested deeper than 64")
	}
	if major == majorList {
		if n > uint64(len(b)-i) {
			return at, p.bad(at, "list longer than its bytes")
		}
		for ; n > 0; n-- {
			if i, err = p.cborValue(b, i, depth+1); err != nil {
				return i, err
			}
		}
		return i, nil
	}
	if n > uint64(len(b)-i)/2 {
		return at, p.bad(at, "map longer than its bytes")
	}
	base, seen := len(p.keys), uint64(0)
	for ; n > 0; n-- {
		if _, i, err = p.cborKey(b, i, base, &seen); err != nil {
			return i, err
		}
		if i, err = p.cborValue(b, i, depth+1); err != nil {
			return i, err
		}
	}
	p.closeObject(base)
	return i, nil
}

func (p *Parser) cborSimple(b []byte, at int) error {
	switch b[at] {
	case cborFalse, cborTrue, cborNull:
		return nil
	case 0xF9, 0xFA, 0xFB:
		if f := cborFloat(b[at:]); math.IsNaN(f) || math.IsInf(f, 0) {
			return p.bad(at, "NaN or infinity")
		}
		return nil
	}
	return p.bad(at, "unknown simple value")
}

// cborFloat reads the float at the start of b, whose head is known to be good.
func cborFloat(b []byte) float64 {
	_, arg, _, _, _ := cborHead(b, 0)
	switch b[0] {
	case 0xF9:
		return halfFloat(uint16(arg))
	case 0xFA:
		return float64(math.Float32frombits(uint32(arg)))
	}
	return math.Float64frombits(arg)
}

func halfFloat(h uint16) float64 {
	exp, frac := int(h>>10&31), float64(h&0x3FF)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 31:
		if frac == 0 {
			f = math.Inf(1)
		} else {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(frac+1024, exp-25)
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}
