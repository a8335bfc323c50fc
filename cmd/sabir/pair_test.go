package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCode(t *testing.T) {
	const url = "sabir://host.example:7224/#fp=AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&t=3k7.c2VjcmV0c2VjcmV0c2Vj"
	text, err := withCode(url)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if last := lines[len(lines)-1]; last != url {
		t.Errorf("ends with %q", last)
	}
	width := utf8.RuneCountInString(lines[0])
	for _, line := range lines[:len(lines)-1] {
		if n := utf8.RuneCountInString(line); n != width || strings.Trim(line, "█▀▄ ") != "" {
			t.Errorf("%q", line)
		}
	}
	if width < 2*(len(lines)-1)-2 || width > 2*(len(lines)-1) { // square, two rows in a line
		t.Errorf("%d wide, %d lines", width, len(lines)-1)
	}
	if !strings.HasPrefix(strings.TrimLeft(lines[1], "█"), " ") { // a corner, behind the margin
		t.Errorf("%q", lines[1])
	}
}
