package conformance

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

func (b Bytes) text() string { return base64.StdEncoding.EncodeToString(b.Data) }

// cborReader reads what spec/cbor.md lets through, and says why not.
type cborReader struct {
	b []byte
}

// parseCBOR reads one value, which is all of b.
func parseCBOR(b []byte) (any, error) {
	r := &cborReader{b}
	v, err := r.value(0)
	if err == nil && len(r.b) > 0 {
		err = fmt.Errorf("CBOR has %d bytes after the value", len(r.b))
	}
	return v, err
}

var errShort = errors.New("CBOR ends in the middle of a value")

// head reads a major type and its argument.
func (r *cborReader) head() (major, info byte, arg uint64, err error) {
	if len(r.b) == 0 {
		return 0, 0, 0, errShort
	}
	major, info = r.b[0]>>5, r.b[0]&31
	r.b = r.b[1:]
	size := 0
	switch {
	case info < 24:
		return major, info, uint64(info), nil
	case info < 28:
		size = 1 << (info - 24)
	default:
		return 0, 0, 0, fmt.Errorf("CBOR of major type %d has an indefinite or reserved length (%d)", major, info)
	}
	if len(r.b) < size {
		return 0, 0, 0, errShort
	}
	for _, c := range r.b[:size] {
		arg = arg<<8 | uint64(c)
	}
	r.b = r.b[size:]
	return major, info, arg, nil
}

func (r *cborReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.b)) {
		return nil, errShort
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken, nil
}

func (r *cborReader) value(depth int) (any, error) {
	major, info, arg, err := r.head()
	if err != nil {
		return nil, err
	}
	if depth == maxDepth && (major == 4 || major == 5) {
		return nil, errors.New("CBOR is nested deeper than 64 levels")
	}
	switch major {
	case 0, 1:
		n := int64(arg)
		if major == 1 {
			n = -1 - n
		}
		if arg > maxInteger || n < -maxInteger {
			return nil, errors.New("CBOR has an integer beyond ±(2^53-1)")
		}
		return n, nil
	case 2:
		data, err := r.take(arg)
		return Bytes{Data: data}, err
	case 3:
		return r.text(arg)
	case 4:
		all := []any{}
		for ; arg > 0; arg-- {
			v, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		return all, nil
	case 5:
		return r.object(arg, depth+1)
	case 6:
		v, err := r.value(depth)
		data, ok := v.(Bytes)
		if err == nil && (arg != 22 || !ok || data.Tagged) {
			err = fmt.Errorf("CBOR has tag %d on %T; there is only tag 22, on byte strings", arg, v)
		}
		return Bytes{data.Data, true}, err
	}
	return simple(info, arg)
}

func (r *cborReader) text(n uint64) (string, error) {
	raw, err := r.take(n)
	if err == nil && !utf8.Valid(raw) {
		err = errors.New("CBOR has text that is no UTF-8")
	}
	return string(raw), err
}

func (r *cborReader) object(n uint64, depth int) (any, error) {
	o := Object{}
	for ; n > 0; n-- {
		major, _, size, err := r.head()
		if err != nil {
			return nil, err
		}
		if major != 3 {
			return nil, errors.New("CBOR has a key that is no text")
		}
		name, err := r.text(size)
		if err != nil {
			return nil, err
		}
		if o.has(name) {
			return nil, fmt.Errorf("CBOR has the key %q twice in one map", name)
		}
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		o = append(o, Member{name, v})
	}
	return o, nil
}

// simple reads major type 7.
func simple(info byte, arg uint64) (any, error) {
	var f float64
	switch info {
	case 20, 21:
		return info == 21, nil
	case 22:
		return nil, nil
	case 25:
		f = half(uint16(arg))
	case 26:
		f = float64(math.Float32frombits(uint32(arg)))
	case 27:
		f = math.Float64frombits(arg)
	default:
		return nil, fmt.Errorf("CBOR has the simple value %d", arg)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("CBOR has a float that is not finite")
	}
	return f, nil
}

func half(bits uint16) float64 {
	exponent, fraction := int(bits>>10&31), float64(bits&1023)
	f := 0.0
	switch exponent {
	case 0:
		f = math.Ldexp(fraction, -24)
	case 31:
		f = math.Inf(1)
		if fraction != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(fraction+1024, exponent-25)
	}
	if bits>>15 == 1 {
		f = -f
	}
	return f
}

func appendHead(b []byte, major byte, arg uint64) []byte {
	switch {
	case arg < 24:
		return append(b, major<<5|byte(arg))
	case arg < 1<<8:
		return append(b, major<<5|24, byte(arg))
	case arg < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major<<5|25), uint16(arg))
	case arg < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major<<5|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(b, major<<5|27), arg)
}

func appendCBOR(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 0xF6)
	case bool:
		if v {
			return append(b, 0xF5)
		}
		return append(b, 0xF4)
	case int:
		return appendCBOR(b, int64(v))
	case int64:
		if v < 0 {
			return appendHead(b, 1, uint64(-1-v))
		}
		return appendHead(b, 0, uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 0xFB), math.Float64bits(v))
	case string:
		return append(appendHead(b, 3, uint64(len(v))), v...)
	case Bytes:
		if v.Tagged {
			b = append(b, 0xD6)
		}
		return append(appendHead(b, 2, uint64(len(v.Data))), v.Data...)
	case []any:
		b = appendHead(b, 4, uint64(len(v)))
		for _, e := range v {
			b = appendCBOR(b, e)
		}
		return b
	case Object:
		b = appendHead(b, 5, uint64(len(v)))
		for _, m := range v {
			b = appendCBOR(appendCBOR(b, m.Name), m.Value)
		}
		return b
	}
	panic(fmt.Sprintf("conformance: a value of type %T", v))
}
