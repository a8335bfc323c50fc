package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
)

// seen is what one subscriber was told, in order.
type seen struct {
	n    int   // the number of an item, from 1; 0: nothing but lost is told
	lost int64 // right before it; -1: an unknown number
}

// seenIn is what an event tells of the history, if anything.
func seenIn(e sabir.Event[number]) (x seen, ok bool) {
	switch e.Kind {
	case sabir.Up:
		return seen{lost: e.Lost}, e.Lost != 0
	case sabir.Changed:
		return seen{n: e.Value.N, lost: e.Lost}, true
	}
	return seen{}, false
}

// outcome is what a caller was told of one call.
type outcome string

const (
	answered    outcome = "answered"
	notRun      outcome = "not run"
	unknown     outcome = "unknown"
	maxDeclared         = 1 << 40
)

// history is what came of a time of faults.
type history struct {
	published   int            // the numbers 1 to published, in order
	subscribers [][]seen       // of each
	runs        map[string]int // how often the service ran a call, by its id
	calls       map[string]outcome
}

// gather reads what a service noted, which is what was.
func gather(dir string) (*history, error) {
	h := &history{runs: make(map[string]int), calls: make(map[string]outcome)}
	f, published, err := notes(filepath.Join(dir, "published"))
	if err != nil {
		return nil, err
	}
	f.Close()
	h.published = published
	text, err := os.ReadFile(filepath.Join(dir, "runs"))
	for id := range strings.FieldsSeq(string(text)) {
		h.runs[id]++
	}
	return h, err
}

// faults says what should not have been: an item lost and not told, told twice
// or out of order, more told as lost than was; a call that ran twice, or did
// not run though it was answered, or ran though it was told not to have.
func (h *history) faults() (found []string) {
	tell := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for who, all := range h.subscribers {
		last, gap, open := 0, int64(0), false
		for _, s := range all {
			if s.lost < 0 {
				open = true
			}
			gap += max(0, s.lost)
			if s.n == 0 {
				continue
			}
			missing := int64(s.n - last - 1)
			switch {
			case s.n > h.published:
				tell("subscriber %d: %d was never published", who, s.n)
			case s.n == last:
				tell("subscriber %d: %d came twice", who, s.n)
			case s.n < last:
				tell("subscriber %d: %d came after %d", who, s.n, last)
			case last == 0: // it came late
			case !open && missing != gap:
				tell("subscriber %d: between %d and %d are %d, %d were told as lost", who, last, s.n, missing, gap)
			case open && missing < gap:
				tell("subscriber %d: between %d and %d are %d, at least %d were told as lost", who, last, s.n, missing, gap)
			}
			last, gap, open = max(last, s.n), 0, false
		}
	}
	ids := make([]string, 0, len(h.calls))
	for id := range h.calls {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		switch n, told := h.runs[id], h.calls[id]; {
		case n > 1:
			tell("call %s ran %d times", id, n)
		case told == answered && n == 0:
			tell("call %s was answered and did not run", id)
		case told == notRun && n > 0:
			tell("call %s was told not to have run, and did", id)
		}
	}
	for id := range h.runs {
		if _, made := h.calls[id]; !made {
			tell("call %s ran and nobody made it", id)
		}
	}
	return found
}

// The checker finds what is planted.
func TestHistoryFindsWhatIsPlanted(t *testing.T) {
	sound := func() *history {
		return &history{
			published: 10,
			subscribers: [][]seen{
				{{n: 1}, {n: 2}, {n: 3}, {n: 6, lost: 2}, {n: 7}, {lost: -1}, {n: 10}},
				{{n: 4}, {n: 5}, {lost: 1}, {n: 8, lost: 1}, {n: 9}},
			},
			runs:  map[string]int{"a": 1, "b": 1},
			calls: map[string]outcome{"a": answered, "b": unknown, "c": unknown, "d": notRun},
		}
	}
	if found := sound().faults(); found != nil {
		t.Fatalf("in what is sound: %v", found)
	}
	for want, plant := range map[string]func(*history){
		"between 1 and 3 are 1, 0":            func(h *history) { h.subscribers[0] = slices.Delete(h.subscribers[0], 1, 2) },
		"2 came twice":                        func(h *history) { h.subscribers[0] = slices.Insert(h.subscribers[0], 1, seen{n: 2}) },
		"2 came after 3":                      func(h *history) { h.subscribers[0][1], h.subscribers[0][2] = h.subscribers[0][2], h.subscribers[0][1] },
		"between 3 and 6 are 2, 3 were":       func(h *history) { h.subscribers[0][3].lost = 3 },
		"between 5 and 8 are 2, 1 were":       func(h *history) { h.subscribers[1][2].lost = 0 },
		"11 was never published":              func(h *history) { h.subscribers[1] = append(h.subscribers[1], seen{n: 11, lost: 1}) },
		"call a ran 2 times":                  func(h *history) { h.runs["a"] = 2 },
		"call a was answered and did not":     func(h *history) { delete(h.runs, "a") },
		"call d was told not to have run":     func(h *history) { h.runs["d"] = 1 },
		"call e ran and nobody made it":       func(h *history) { h.runs["e"] = 1 },
		"are 2, at least 9 were told as lost": func(h *history) { h.subscribers[0][5] = seen{lost: -1}; h.subscribers[0][6].lost = 9 },
	} {
		h := sound()
		plant(h)
		if found := h.faults(); len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("%s: found %q", want, found)
		}
	}
}
