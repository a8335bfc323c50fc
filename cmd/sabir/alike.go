package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir/hub"
)

// difference is where what came is not what was expected.
type difference struct{ at, text string }

// differences compares two values as JSON. "$_" is like any, and so is what a hub
// has masked.
func differences(want, got []byte) (all []difference) {
	var w, g any
	if json.Unmarshal(want, &w) != nil || json.Unmarshal(got, &g) != nil {
		if string(want) != string(got) {
			all = append(all, unlike("", want, got))
		}
		return all
	}
	return compare(nil, "", w, g)
}

// isAny reports whether a value stands for any.
func isAny(v any) bool { return v == "$_" || v == hub.Masked }

func compare(all []difference, at string, want, got any) []difference {
	switch w := want.(type) {
	case []any:
		if g, ok := got.([]any); ok {
			if len(g) != len(w) {
				return append(all, difference{at, fmt.Sprintf("expected %s, got %d", counted(len(w), "element"), len(g))})
			}
			for i := range w {
				all = compare(all, fmt.Sprintf("%s[%d]", at, i), w[i], g[i])
			}
			return all
		}
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(w)) {
				if value, has := g[key]; has {
					all = compare(all, under(at, key), w[key], value)
				} else {
					all = append(all, difference{under(at, key), "expected " + asText(w[key]) + ", and there is none"})
				}
			}
			for _, key := range slices.Sorted(maps.Keys(g)) {
				if _, has := w[key]; !has {
					all = append(all, difference{under(at, key), "expected none, got " + asText(g[key])})
				}
			}
			return all
		}
	}
	if isAny(want) || reflect.DeepEqual(want, got) {
		return all
	}
	w, _ := json.Marshal(want)
	g, _ := json.Marshal(got)
	return append(all, unlike(at, w, g))
}

func under(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

const (
	// maxShown is how much of a value a difference shows; of longer ones from a
	// little before where they differ.
	maxShown, shownBefore = 200, 40
)

func asText(v any) string {
	text, _ := json.Marshal(v)
	return cutText(string(text), 0)
}

func unlike(at string, want, got []byte) difference {
	same := 0
	for same < min(len(want), len(got)) && want[same] == got[same] {
		same++
	}
	from := max(0, same-shownBefore)
	if max(len(want), len(got)) <= maxShown {
		from = 0
	}
	return difference{at, "expected " + cutText(string(want), from) + ", got " + cutText(string(got), from)}
}

// cutText is a text from some byte on, as far as it is shown.
func cutText(text string, from int) string {
	end := min(len(text), from+maxShown)
	cut := strings.ToValidUTF8(text[from:end], "")
	if from > 0 {
		cut = "…" + cut
	}
	if end < len(text) {
		cut += fmt.Sprintf("… (%d bytes)", len(text))
	}
	return cut
}
