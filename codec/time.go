package codec

import (
	"time"
)

// parseTime reads the one form of time there is on the wire. The standard
// library takes several more. spec [T4]
func parseTime(b []byte) (t time.Time, ok bool) {
	if len(b) < len("2006-01-02T15:04:05Z") || len(b) > len("2006-01-02T15:04:05.999999999Z") {
		return t, false
	}
	number := func(from, to int) int {
		n := 0
		for _, c := range b[from:to] {
			if c < '0' || c > '9' {
				return -1
			}
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := number(0, 4), number(5, 7), number(8, 10)
	hour, minute, second := number(11, 13), number(14, 16), number(17, 19)
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[len(b)-1] != 'Z' {
		return t, false
	}
	nano := 0
	if frac := len(b) - len("2006-01-02T15:04:05Z"); frac > 0 {
		if b[19] != '.' || frac == 1 {
			return t, false
		}
		if nano = number(20, len(b)-1); nano < 0 {
			return t, false
		}
		for range 10 - frac {
			nano *= 10
		}
	}
	if year < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return t, false
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	return t, month >= 1 && month <= 12 && t.Day() == day
}

// appendTime writes it; ok is false for years beyond four digits.
func appendTime(dst []byte, t time.Time) (b []byte, ok bool) {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return dst, false
	}
	return t.AppendFormat(dst, time.RFC3339Nano), true
}
