package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir/bench/load"
)

// point is one thing that was measured, of any number of peers and repetitions.
type point struct {
	work, metric string
	x            int
	pinned       bool
}

// figures are the values by point, peer and repetition.
type figures struct {
	machine machine    // of the last run
	runs    []measured // one, or as many as were put into one file
	values  map[point]map[string]map[int]float64
	limits  map[point]map[string]string // where a peer refused to go, and its words
}

func newFigures() *figures {
	return &figures{values: make(map[point]map[string]map[int]float64), limits: make(map[point]map[string]string)}
}

func (f *figures) add(l load.Line) {
	at := point{l.Work, l.Metric, l.X, l.Pinned}
	switch {
	case l.Err != "":
		return
	case l.Note != "":
		at.metric = ""
		if f.limits[at] == nil {
			f.limits[at] = make(map[string]string)
		}
		f.limits[at][l.Peer] = l.Note
		return
	case f.values[at] == nil:
		f.values[at] = make(map[string]map[int]float64)
	}
	if f.values[at][l.Peer] == nil {
		f.values[at][l.Peer] = make(map[int]float64)
	}
	f.values[at][l.Peer][l.Rep] = l.Value
}

// readFigures reads a file of -out.
func readFigures(file string) (*figures, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	f := newFigures()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		var l struct {
			load.Line
			Machine *machine `json:"machine"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		if l.Machine != nil {
			f.machine = *l.Machine
			f.runs = append(f.runs, measured{machine: *l.Machine})
			continue
		}
		f.add(l.Line)
		if n := len(f.runs); n > 0 && !slices.Contains(f.runs[n-1].works, l.Work) {
			f.runs[n-1].works = append(f.runs[n-1].works, l.Work)
		}
	}
	return f, lines.Err()
}

// measured is one run and what was measured in it.
type measured struct {
	machine
	works []string
}

// spread is a median with the least and the greatest.
type spread struct{ mid, min, max float64 }

func spreadOf(values []float64) (s spread, ok bool) {
	if len(values) == 0 {
		return s, false
	}
	return spread{median(values), slices.Min(values), slices.Max(values)}, true
}

func (f *figures) of(at point, peer string) (spread, bool) {
	var values []float64
	for _, v := range f.values[at][peer] {
		values = append(values, v)
	}
	return spreadOf(values)
}

// ratio is that of the peer to another within each repetition.
func (f *figures) ratio(at point, peer, to string) (spread, bool) {
	var ratios []float64
	for rep, v := range f.values[at][peer] {
		if base := f.values[at][to][rep]; base > 0 {
			ratios = append(ratios, v/base)
		}
	}
	return spreadOf(ratios)
}

// xs are the points at which a scale work was measured, in order.
func (f *figures) xs(work, metric string) (xs []int) {
	for at := range f.values {
		if at.work == work && at.metric == metric && !slices.Contains(xs, at.x) {
			xs = append(xs, at.x)
		}
	}
	slices.Sort(xs)
	return xs
}

// lessIsBetter: rates are good when they are high, all else when it is low.
func lessIsBetter(metric string) bool { return !strings.HasSuffix(metric, "/s") }

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

func figure(v float64) string {
	switch {
	case v >= 1e7:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (s spread) String() string {
	if s.min == s.max {
		return figure(s.mid)
	}
	return fmt.Sprintf("%s (%s–%s)", figure(s.mid), figure(s.min), figure(s.max))
}
