package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/sabir-ipc/sabir/bench/load"
)

// printTables shows, for each figure, the median over the repetitions with its
// spread, and the ratio to raw within a repetition.
func printTables(w io.Writer, lines []load.Line, order []string) {
	f := newFigures()
	others := make(map[point]map[string][]float64)
	var points []point // in the order measured
	for _, l := range lines {
		f.add(l)
		at := point{l.Work, l.Metric, l.X, l.Pinned}
		if l.Err != "" || l.Note != "" {
			continue
		}
		if others[at] == nil {
			others[at] = make(map[string][]float64)
			points = append(points, at)
		}
		others[at][l.Peer] = append(others[at][l.Peer], l.Others)
	}
	for _, at := range points {
		fmt.Fprintf(w, "\n%s, %s, %s\n", (&load.Line{Work: at.work, X: at.x}).What(), at.metric, cores(at.pinned))
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "peer\tmedian\tmin\tmax\t× raw\tmin\tmax\tothers\t")
		for _, p := range order {
			v, ok := f.of(at, p)
			if !ok {
				continue
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t", p, figure(v.mid), figure(v.min), figure(v.max))
			if r, ok := f.ratio(at, p, "raw"); ok {
				fmt.Fprintf(t, "%.3g\t%.3g\t%.3g\t", r.mid, r.min, r.max)
			} else {
				fmt.Fprint(t, "\t\t\t")
			}
			fmt.Fprintf(t, "%.2f\t\n", median(others[at][p]))
		}
		t.Flush()
	}
}
