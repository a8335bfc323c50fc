package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A folder may be called anything; what cannot be written as JSON of its name is replaced, and nothing is left out.
func TestFolderOfAnotherEncoding(t *testing.T) {
	dir := filepath.Join(sandbox(t), "a b\n\xff")
	t.Setenv("SABIR_DIR", dir)
	newTab(t, nil, "sabir", "hub").sees("services are offered")
	newTab(t, nil, "sabir", "demo", "--to", "hub").sees("is offered to hub")
	for words, want := range map[string]string{
		"ls":                 `a b\n` + "\uFFFD/lounge.sock",
		"get hub.services":   `a b\n` + "\uFFFD/lounge.sock",
		"call lounge.status": `"rooms":`,
	} {
		if exit, out, errout := sabirHere(t, strings.Fields(words)...); exit != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: %d %q %q", words, exit, out, errout)
		}
	}
}
