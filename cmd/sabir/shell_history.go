package main

import (
	"path/filepath"
	"strings"

	"github.com/sabir-ipc/sabir/internal/keep"
	"github.com/sabir-ipc/sabir/transport"
)

// maxHistory is how many lines are kept.
const maxHistory = 1000

// history is the lines of this shell, the last one first, after those of shells
// before it, which are in a file that several share. It is for one goroutine.
type history struct {
	file  string // empty: nothing is kept
	lines []string
}

func openHistory() *history {
	h := new(history)
	dir, err := transport.Env{}.ClientDir()
	if err != nil || keep.Dir(dir) != nil {
		return h
	}
	h.file = filepath.Join(dir, "history")
	text, _, err := keep.Read(h.file)
	if err != nil {
		return h
	}
	for line := range strings.Lines(string(text)) {
		h.Add(strings.TrimSuffix(line, "\n"))
	}
	return h
}

// save keeps a line for shells to come.
func (h *history) save(line string) {
	if h.file == "" || strings.TrimSpace(line) == "" {
		return
	}
	_ = keep.ChangeNow(h.file, func(old []byte) ([]byte, error) { // a line less in a history is no reason to disturb anybody
		lines := append(strings.SplitAfter(strings.TrimSuffix(string(old), "\n")+"\n", "\n"), line+"\n")
		lines = lines[max(0, len(lines)-maxHistory):]
		return []byte(strings.TrimPrefix(strings.Join(lines, ""), "\n")), nil
	})
}

// Add, Len and At are what the editor wants.

func (h *history) Add(line string) {
	if strings.TrimSpace(line) == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	h.lines = h.lines[max(0, len(h.lines)-maxHistory):]
}

func (h *history) Len() int        { return len(h.lines) }
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }

// find returns the place of the last line, from a place on, that has a prefix.
func (h *history) find(prefix string, from int) (i int, ok bool) {
	for i = from; i < h.Len(); i++ {
		if strings.HasPrefix(h.At(i), prefix) && h.At(i) != prefix {
			return i, true
		}
	}
	return 0, false
}
