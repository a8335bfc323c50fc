package main

import (
	"fmt"
	"slices"
	"strings"
)

// goal is a figure that Sabir is to reach: absolute, or a ratio to a peer in
// the same repetition. It holds on one core and on all.
type goal struct {
	work, metric string
	peer, to     string
	bound        float64
}

var goals = []goal{
	{"unary", "p50 µs", "sabir-cbor", "raw", 1.3},
	{"unary", "p50 µs", "sabir-json", "raw", 1.5},
	{"flight", "calls/s", "sabir-cbor", "raw", 0.22},
	{"flight", "calls/s", "sabir-cbor", "netrpc", 3.5},
	{"flight", "calls/s", "sabir-cbor", "grpc", 10},
	{"flight", "calls/s", "sabir-json", "netrpc", 2},
	{"flight", "CPU µs a call", "sabir-cbor", "", 5},
	{"flight", "CPU µs a call", "sabir-json", "", 9},
	{"sub1", "items/s", "sabir-cbor", "raw", 0.17},
	{"sub1", "items/s", "sabir-cbor", "grpc", 2.2},
	{"sub1", "items/s", "sabir-json", "grpc", 1.2},
	{"sub100", "items/s", "sabir-cbor", "raw", 0.4},
	{"sub100", "items/s", "sabir-json", "raw", 0.4},
	{"blob", "MB/s", "sabir-cbor", "raw", 0.6},
	{"blob", "MB/s", "sabir-json", "", 100},
	{"idle", "KiB a connection", "sabir-cbor", "", 16},
	{"idle", "KiB a connection", "sabir-json", "", 16},
	{"cli", "p50 ms", "sabir-json", "", 10},
}

func cores(pinned bool) string {
	if pinned {
		return "one core"
	}
	return "all cores"
}

func (f *figures) goalsSection() string {
	var b strings.Builder
	for _, g := range goals {
		for _, pinned := range []bool{true, false} {
			b.WriteString(f.goalRow(g, pinned))
		}
	}
	if b.Len() == 0 {
		return notMeasured
	}
	return "| figure | of | goal | measured | reached |\n|---|---|---|---|---|\n" + b.String()
}

// goalRow is empty for what was not measured.
func (f *figures) goalRow(g goal, pinned bool) string {
	at := point{g.work, g.metric, 0, pinned}
	got, ok := f.of(at, g.peer)
	unit := ""
	if g.to != "" {
		got, ok = f.ratio(at, g.peer, g.to)
		unit = " × " + g.to
	}
	if !ok {
		return ""
	}
	sign, reached := "≥", got.mid >= g.bound
	if lessIsBetter(g.metric) {
		sign, reached = "≤", got.mid <= g.bound
	}
	verdict := "**no**"
	if reached {
		verdict = "yes"
	}
	return fmt.Sprintf("| %s, %s, %s | %s | %s %g%s | %s | %s |\n", g.work, g.metric, cores(pinned), g.peer, sign, g.bound, unit, got, verdict)
}

// withoutCodec are no peers: nobody calls without a codec.
var withoutCodec = []string{"raw", "raw-mux"}

// lossesSection has each figure in which a peer is ahead of Sabir.
func (f *figures) lossesSection() string {
	if len(f.values) == 0 {
		return notMeasured
	}
	var b strings.Builder
	row := func(what string, at point) {
		for _, name := range peerNames() {
			if slices.Contains(withoutCodec, name) || strings.HasPrefix(name, "sabir-") {
				continue
			}
			theirs, ok := f.of(at, name)
			if !ok {
				continue
			}
			text, lost := fmt.Sprintf("| %s | %s | %s |", what, name, theirs), false
			for _, ours := range []string{"sabir-cbor", "sabir-json"} {
				v, ok := f.of(at, ours)
				if !ok {
					text += " - |"
					continue
				}
				behind := v.mid < theirs.mid
				if lessIsBetter(at.metric) {
					behind = v.mid > theirs.mid
				}
				if behind {
					lost = true
					text += fmt.Sprintf(" **%s** |", v)
				} else {
					text += fmt.Sprintf(" %s |", v)
				}
			}
			if lost {
				fmt.Fprintln(&b, text)
			}
		}
	}
	for _, c := range plainCharts {
		for _, pinned := range []bool{true, false} {
			row(fmt.Sprintf("%s, %s, %s", c.section, c.metric, cores(pinned)), point{c.work, c.metric, 0, pinned})
		}
	}
	for _, c := range curves {
		for _, x := range f.xs(c.work, c.metric) {
			row(fmt.Sprintf("%s at %s, %s", c.section, grouped(x), c.metric), point{c.work, c.metric, x, false})
		}
	}
	if b.Len() == 0 {
		return "In nothing that was measured here.\n"
	}
	return "| figure | peer | its | Sabir CBOR | Sabir JSON |\n|---|---|---|---|---|\n" + b.String()
}
