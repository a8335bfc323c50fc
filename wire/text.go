package wire

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// What is inside of strings.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns where, at i or after it, the first byte of s is that cannot
// stand for itself in a JSON string: a quote, a backslash or a control
// character; len(s) if there is none. ascii tells that all bytes before it are
// ASCII, so that they need no look for bad UTF-8.
//
// It looks at eight bytes at a time. The subtractions set the high bit of every
// byte that is special and no letter beyond ASCII. A borrow may set it for
// others too, but only after the first that is, and the first is what counts.
func special[S string | []byte](s S, i int) (end int, ascii bool) {
	seen := uint64(0)
	for ; i+8 <= len(s); i += 8 {
		t := s[i : i+8]
		w := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		found := ((w - ' '*ones) | ((w ^ '"'*ones) - ones) | ((w ^ '\\'*ones) - ones)) &^ w & highs
		if found != 0 {
			n := bits.TrailingZeros64(found)
			return i + n/8, (seen|w<<(63-n))&highs == 0
		}
		seen |= w
	}
	for ; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c == '"' || c == '\\' {
			break
		}
		seen |= uint64(c)
	}
	return i, seen&highs == 0
}

// shortText is up to how many bytes it is not worth while to call what is fast for
// long texts.
const shortText = 64

// validText is utf8.Valid for what mostly is short and ASCII.
func validText(b []byte) bool {
	if len(b) > shortText {
		return utf8.Valid(b)
	}
	seen := uint64(0)
	if len(b) >= 8 {
		for rest := b; len(rest) >= 8; rest = rest[8:] {
			seen |= binary.LittleEndian.Uint64(rest)
		}
		seen |= binary.LittleEndian.Uint64(b[len(b)-8:])
	} else {
		for _, c := range b {
			seen |= uint64(c)
		}
	}
	return seen&highs == 0 || utf8.Valid(b)
}

// copyText copies a short text to b, which is as long, and reports whether it is
// ASCII. The last word overlaps the one before it, so that no bytes are left over.
func copyText(b []byte, s string) (ascii bool) {
	n := len(s)
	b = b[:n]
	switch {
	case n >= 8:
		seen := uint64(0)
		for i := 0; i+8 < n; i += 8 {
			w := word(s[i:])
			binary.LittleEndian.PutUint64(b[i:], w)
			seen |= w
		}
		w := word(s[n-8:])
		binary.LittleEndian.PutUint64(b[n-8:], w)
		return (seen|w)&highs == 0
	case n >= 4:
		first, last := halfWord(s), halfWord(s[n-4:])
		binary.LittleEndian.PutUint32(b, first)
		binary.LittleEndian.PutUint32(b[n-4:], last)
		return (first|last)&(highs&0xFFFF_FFFF) == 0
	}
	seen := byte(0)
	for i := range b {
		b[i] = s[i]
		seen |= s[i]
	}
	return seen < utf8.RuneSelf
}

func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func halfWord(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// badRune returns where the first byte of b is that is not UTF-8.
func badRune(b []byte) int {
	i := 0
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return i
}

// escapeLen returns the length of the escape at b[i], for a surrogate pair that
// of both, or 0 and the reason why it is none.
func escapeLen(b []byte, i int) (int, string) {
	if i+1 >= len(b) {
		return 0, "unexpected end of a string"
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, "unknown escape"
	}
	r, ok := hex4(b, i+2)
	if !ok {
		return 0, "expected four hex digits"
	}
	if r < 0xD800 || r > 0xDFFF {
		return 6, ""
	}
	if r < 0xDC00 && i+7 < len(b) && b[i+6] == '\\' && b[i+7] == 'u' {
		if low, ok := hex4(b, i+8); ok && low >= 0xDC00 && low <= 0xDFFF {
			return 12, ""
		}
	}
	return 0, "unpaired surrogate"
}

func hex4(b []byte, i int) (r rune, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends the meaning of the inside of a string that is known to be good.
func unescape(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			dst = append(dst, b[i])
			i++
			continue
		}
		switch c := b[i+1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(b, i+2)
			i += 4
			if r >= 0xD800 && r <= 0xDFFF {
				low, _ := hex4(b, i+4)
				r = 0x10000 + (r-0xD800)<<10 + (low - 0xDC00)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
		i += 2
	}
	return dst
}
