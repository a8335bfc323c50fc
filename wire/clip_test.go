package wire

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// clause: B5
func TestClip(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256} {
		if s := strings.Repeat("x", n); Clip(s) != s {
			t.Errorf("%d bytes are cut", n)
		}
	}
	for shift := range 4 {
		got := Clip(strings.Repeat("x", shift) + strings.Repeat("😀", 1000))
		if !utf8.ValidString(got) || len(got) > maxEcho+len("…") || len(got) < maxEcho-utf8.UTFMax {
			t.Errorf("%d: %q", shift, got)
		}
	}
}
