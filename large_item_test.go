package sabir_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
)

// Whether a value is too large is decided when it is published, and not by the encoding
// that somebody has asked for before.
func TestTooLargeForSomeReader(t *testing.T) {
	type value struct {
		Text   string
		Floats []float64
	}
	s := sabir.NewService("large", "1", "")
	state := sabir.NewState[value, sabir.None](s, "state")
	table := sabir.NewTable[value, sabir.None](s, "table")
	topic := sabir.NewTopic[value, sabir.None](s, "topic")
	if err := topic.Keep(sabir.None{}); err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(value) error{
		"large.state": func(v value) error { return state.Set(sabir.None{}, v) },
		"large.table": func(v value) error { return table.Set(sabir.None{}, "k", v) },
		"large.topic": func(v value) error { return topic.Publish(sabir.None{}, v) },
	}
	cases := map[string]struct {
		value value
		fits  bool
	}{
		"small":                     {value{Text: "x"}, true},
		"large":                     {value{Text: strings.Repeat("x", 4_000_000)}, true},
		"twice as much in JSON":     {value{Text: strings.Repeat(`"`, 3_000_000)}, false},
		"half of it":                {value{Text: strings.Repeat(`"`, 1_500_000)}, true},
		"twice as much in CBOR":     {value{Floats: slices.Repeat([]float64{.1}, 800_000)}, false},
		"half of that":              {value{Floats: slices.Repeat([]float64{.1}, 400_000)}, true},
		"six times as much in JSON": {value{Text: strings.Repeat("\x01", 700_000)}, false},
	}
	r := newRestartable(t, s)
	encodings(t, func(t *testing.T, cbor bool) {
		c := dial(t, r.path, sabir.DialOptions{CBOR: cbor})
		for member, publish := range ways {
			for range sabir.Watch[value](t.Context(), c, member, nil, nil) {
				break // it has asked in its encoding
			}
			for name, is := range cases {
				err := publish(is.value)
				if is.fits && err != nil || !is.fits && !errors.Is(err, sabir.ErrTooLarge) {
					t.Errorf("%s, %s: %v", member, name, err)
				}
			}
		}
	})
	// A key counts as well.
	if err := table.Set(sabir.None{}, strings.Repeat(`"`, 3_000_000), value{}); !errors.Is(err, sabir.ErrTooLarge) {
		t.Errorf("a long key: %v", err)
	}
}
