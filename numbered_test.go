package sabir

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// What is in the table is what would be in a map, whatever the ids are.
func TestNumbered(t *testing.T) {
	for name, id := range map[string]func(i int64) int64{
		"one after the other": func(i int64) int64 { return i },
		"of one place":        func(int64) int64 { return 4096 * rand.Int64N(200) },
		"any":                 func(int64) int64 { return rand.Int64N(500) - 250 },
	} {
		t.Run(name, func(t *testing.T) {
			var table numbered[int64]
			want := make(map[int64]*int64)
			for i := range int64(20_000) {
				n := id(i)
				if want[n] == nil && len(want) < 300 {
					want[n] = &n
					table.add(n, &n)
				}
				if i%3 > 0 {
					gone := id(i - rand.Int64N(100))
					delete(want, gone)
					table.remove(gone)
				}
				if i%1000 == 0 {
					for n := range want {
						delete(want, n)
						table.remove(n)
					}
				}
				if got := table.find(n); got != want[n] || table.n != len(want) {
					t.Fatalf("%d: %v of %d, want %v of %d", n, got, table.n, want[n], len(want))
				}
			}
			for _, v := range table.all() {
				if want[*v] != v {
					t.Errorf("%d is there", *v)
				}
				delete(want, *v)
			}
			for n := range want {
				t.Errorf("%d is missing", n)
			}
		})
	}
}

// Ids that follow each other take a place each, and memory is given back.
func TestNumberedMemory(t *testing.T) {
	var table numbered[int]
	v := new(int)
	for id := range int64(1000) {
		table.add(id, v)
	}
	if i := slices.IndexFunc(table.places, func(p place[int]) bool { return p.v == nil }); i != 1000 || len(table.places) != 2048 {
		t.Errorf("the first free of %d places is %d", len(table.places), i)
	}
	for id := range int64(1000) {
		table.remove(id)
	}
	if table.places != nil {
		t.Errorf("%d places are kept", len(table.places))
	}
}
