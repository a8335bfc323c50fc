package wire

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// The Append functions write one value each. Lists and maps are written as a
// head, the elements with Next before each, and a tail.

const hexDigits = "0123456789abcdef"

// AppendNull writes null.
func AppendNull(dst []byte, enc Encoding) []byte {
	if enc == CBOR {
		return append(dst, cborNull)
	}
	return append(dst, "null"...)
}

// AppendBool writes a boolean.
func AppendBool(dst []byte, enc Encoding, v bool) []byte {
	if enc == CBOR {
		if v {
			return append(dst, cborTrue)
		}
		return append(dst, cborFalse)
	}
	return strconv.AppendBool(dst, v)
}

// AppendInt writes an integer, which the caller keeps within ±MaxInt.
func AppendInt(dst []byte, enc Encoding, n int64) []byte {
	if enc == JSON {
		return strconv.AppendInt(dst, n, 10)
	}
	if n < 0 {
		return appendHead(dst, majorNegative, uint64(-1-n))
	}
	return appendHead(dst, majorUint, uint64(n))
}

// AppendFloat writes a finite number as one that is no integer, which in JSON
// takes a fraction or an exponent. ok is false, and nothing written, for NaN
// and infinities. spec [C4]
func AppendFloat(dst []byte, enc Encoding, f float64) (b []byte, ok bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, false
	}
	if enc == CBOR {
		if f32 := float32(f); float64(f32) == f {
			return binary.BigEndian.AppendUint32(append(dst, 0xFA), math.Float32bits(f32)), true
		}
		return binary.BigEndian.AppendUint64(append(dst, 0xFB), math.Float64bits(f)), true
	}
	if b, ok = appendDecimals(dst, f); ok {
		return b, true
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	for _, c := range dst[from:] {
		if c == '.' || c == 'e' {
			return dst, true
		}
	}
	return append(dst, '.', '0'), true
}

// appendDecimals writes a number in JSON that has few decimals, as most have that
// people think of. Of up to fifteen digits no two numbers are the same float64, so
// where these are the number they are the fewest there are. What is multiplied may
// be a little off: hence the rounding, and the way back.
func appendDecimals(dst []byte, f float64) (b []byte, ok bool) {
	a := math.Abs(f)
	for decimals := range 7 {
		n := math.RoundToEven(a * tens[decimals])
		if n >= tens[plainMax-1] {
			break
		}
		if n/tens[decimals] != a {
			continue
		}
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		scale := uint64(tens[decimals])
		dst = append(strconv.AppendUint(dst, uint64(n)/scale, 10), '.')
		for rest := uint64(n) % scale; scale >= 10; rest %= scale {
			scale /= 10
			dst = append(dst, '0'+byte(rest/scale))
		}
		if decimals == 0 {
			dst = append(dst, '0')
		}
		return dst, true
	}
	return dst, false
}

// AppendString writes a string. ok is false, and nothing written, if it is not
// UTF-8.
func AppendString[S string | []byte](dst []byte, enc Encoding, s S) (b []byte, ok bool) {
	return appendText(dst, enc, *(*string)(unsafe.Pointer(&s))) // a slice begins as a string does
}

func appendText(dst []byte, enc Encoding, s string) (b []byte, ok bool) {
	start := len(dst)
	if enc == CBOR {
		if n := len(s); n <= shortText && cap(dst)-start >= 2+n { // as most are
			from := start + 1
			b = dst[:from+1+n]
			if n < 24 {
				b[start] = majorText<<5 | byte(n)
			} else {
				b[start], b[from] = majorText<<5|24, byte(n)
				from++
			}
			b = b[:from+n]
			if !copyText(b[from:], s) && !utf8.ValidString(s) {
				return dst, false
			}
			return b, true
		}
		dst = appendHead(room(dst, len(s)), majorText, uint64(len(s)))
		from := len(dst)
		if dst = append(dst, s...); !validText(dst[from:]) {
			return dst[:start], false
		}
		return dst, true
	}
	dst = append(room(dst, len(s)), '"')
	for i := 0; ; i++ {
		end, ascii := special(s, i)
		from := len(dst)
		if dst = append(dst, s[i:end]...); !ascii && !utf8.Valid(dst[from:]) {
			return dst[:start], false
		}
		if i = end; i == len(s) {
			return append(dst, '"'), true
		}
		dst = appendEscape(dst, s[i])
	}
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendBytes writes bytes, in JSON as base64 text. spec [T3], [C3]
func AppendBytes(dst []byte, enc Encoding, data []byte) []byte {
	if enc == CBOR {
		dst = appendHead(room(dst, len(data)), majorTag, cborBytesTag)
		return append(appendHead(dst, majorBytes, uint64(len(data))), data...)
	}
	dst = append(room(dst, base64.StdEncoding.EncodedLen(len(data))), '"')
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, '"')
}

// AppendList opens a list of n elements.
func AppendList(dst []byte, enc Encoding, n int) []byte {
	if enc == CBOR {
		return appendHead(dst, majorList, uint64(n))
	}
	return append(dst, '[')
}

// AppendMap opens a map of n members.
func AppendMap(dst []byte, enc Encoding, n int) []byte {
	if enc == CBOR {
		return appendHead(dst, majorMap, uint64(n))
	}
	return append(dst, '{')
}

// AppendNext goes to element i of a list.
func AppendNext(dst []byte, enc Encoding, i int) []byte {
	if enc == JSON && i > 0 {
		return append(dst, ',')
	}
	return dst
}

// AppendKey goes to member i of a map and writes its key. ok is false, and
// nothing written, if the key is not UTF-8.
func AppendKey(dst []byte, enc Encoding, i int, key string) (b []byte, ok bool) {
	b, ok = AppendString(AppendNext(dst, enc, i), enc, key)
	if !ok {
		return dst, false
	}
	if enc == JSON {
		b = append(b, ':')
	}
	return b, true
}

// EndList closes what AppendList opened.
func EndList(dst []byte, enc Encoding) []byte {
	if enc == JSON {
		return append(dst, ']')
	}
	return dst
}

// EndMap closes what AppendMap opened.
func EndMap(dst []byte, enc Encoding) []byte {
	if enc == JSON {
		return append(dst, '}')
	}
	return dst
}
