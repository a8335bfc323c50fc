package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// printTables shows, for each figure, the median over the repetitions with its
// spread, and the ratio to raw within a repetition.
func printTables(w io.Writer, lines []line, order []string) {
	type key struct{ work, metric string }
	var keys []key
	values := make(map[key]map[string]map[int]line)
	for _, l := range lines {
		k := key{l.Work, l.Metric}
		if l.Err != "" {
			continue
		}
		if values[k] == nil {
			values[k] = make(map[string]map[int]line)
			keys = append(keys, k)
		}
		if values[k][l.Peer] == nil {
			values[k][l.Peer] = make(map[int]line)
		}
		values[k][l.Peer][l.Rep] = l
	}
	for _, k := range keys {
		fmt.Fprintf(w, "\n%s, %s\n", k.work, k.metric)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "peer\tmedian\tmin\tmax\t× raw\tmin\tmax\tothers\t")
		for _, p := range order {
			var xs, ratios, others []float64
			for rep, l := range values[k][p] {
				xs = append(xs, l.Value)
				others = append(others, l.Others)
				if raw, ok := values[k]["raw"][rep]; ok && raw.Value > 0 {
					ratios = append(ratios, l.Value/raw.Value)
				}
			}
			if len(xs) == 0 {
				continue
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t", p, figure(median(xs)), figure(slices.Min(xs)), figure(slices.Max(xs)))
			if len(ratios) > 0 {
				fmt.Fprintf(t, "%.3g\t%.3g\t%.3g\t", median(ratios), slices.Min(ratios), slices.Max(ratios))
			} else {
				fmt.Fprint(t, "\t\t\t")
			}
			fmt.Fprintf(t, "%.2f\t\n", median(others))
		}
		t.Flush()
	}
}

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
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
