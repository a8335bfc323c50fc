// Package near finds the word that was meant.
package near

import "strings"

// Word returns the name that a mistyped one most likely means, or "". It
// compares without case and allows one change in three letters, of a name with
// dots in three of its last part: of lounge.zap, lounge.say is not what was meant.
func Word(word string, names []string) string {
	if len(word) < 2 || len(word) > 64 {
		return ""
	}
	last := len(word) - 1 - strings.LastIndexByte(word, '.')
	best, least := "", max(1, last/3)+1
	for _, n := range names {
		if d := distance(word, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance counts the changes between two words: letters put in, left out,
// changed, or two neighbours swapped.
func distance(a, b string) int {
	lower := func(c byte) byte {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if lower(a[i-1]) == lower(b[j-1]) {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && lower(a[i-1]) == lower(b[j-2]) && lower(a[i-2]) == lower(b[j-1]) {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
