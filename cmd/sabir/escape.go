package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// dangerous reports whether a terminal might obey a character instead of
// showing it, or show the text around it in another order.
func dangerous(r rune) bool {
	switch {
	case r < ' ', r >= 0x7F && r <= 0x9F: // C0, DEL, C1
		return true
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F, r == 0x061C: // bidi
		return true
	case r == 0x2028, r == 0x2029: // line ends to some
		return true
	}
	return false
}

// escape shows what is dangerous in text that came from a peer. Line ends and
// tabs stay where text may have several lines.
func escape(s string, lines bool) string {
	keep := func(r rune) bool { return !dangerous(r) || lines && (r == '\n' || r == '\t') }
	clean := true
	for i, r := range s {
		if !keep(r) || r == utf8.RuneError && !validAt(s, i) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !validAt(s, i):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case keep(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

// validAt tells a U+FFFD that was written from one that stands for a bad byte.
func validAt(s string, i int) bool {
	_, n := utf8.DecodeRuneInString(s[i:])
	return n > 1
}

// escapeInvalid makes text fit for JSON.
func escapeInvalid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// appendSafe writes JSON so that a terminal cannot obey it; it stays the same
// value. Only strings hold such characters, but for the line end after it, and
// all have four digits.
func appendSafe(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if dangerous(r) && r != '\n' {
			dst = fmt.Appendf(dst, `\u%04x`, r)
		} else {
			dst = append(dst, raw[i:i+n]...)
		}
		i += n
	}
	return dst
}
