package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A section of the page is what stands between its two markers. Text outside of
// them is written by hand and stays.
var section = regexp.MustCompile(`(?s)(<!-- bench:([a-z0-9-]+) -->\n).*?(<!-- end -->)`)

// chart is a table of the page, and a picture beside it.
type chart struct {
	section, work, metric, title string
	along                        string // what a curve's points are
}

// plainCharts have a row for each peer, curves a row for each point.
var plainCharts = []chart{
	{"unary", "unary", "p50 µs", "One call at a time: p50 in µs", ""},
	{"flight", "flight", "calls/s", "64 calls in flight on one connection: calls a second", ""},
	{"cpu", "flight", "CPU µs a call", "64 calls in flight: CPU µs a call, both ends", ""},
	{"rare", "rare", "CPU µs a call", "A call every five milliseconds: CPU µs, both ends", ""},
	{"sub1", "sub1", "items/s", "One subscriber: items a second", ""},
	{"sub100", "sub100", "items/s", "A hundred subscribers: deliveries a second", ""},
	{"blob", "blob", "MB/s", "Echo of 1 MiB: MB a second", ""},
	{"idle", "idle", "KiB a connection", "An idle connection: KiB in the server", ""},
	{"cli", "cli", "p50 ms", "A call from the shell, whole process: p50 in ms", ""},
}

var curves = []chart{
	{"conns", "scale-conns", "calls/s", "Calls a second against connections", "connections"},
	{"conns-p99", "scale-conns", "p99 µs", "p99 in µs against connections", "connections"},
	{"conns-idle", "scale-idle", "MiB", "Memory of idle connections: MiB in the server", "connections"},
	{"subs", "scale-subs", "items/s", "Deliveries a second against subscribers", "subscribers"},
	{"subs-cpu", "scale-subs", "CPU µs an item", "CPU µs a delivery, both ends, against subscribers", "subscribers"},
	{"size", "scale-size", "MB/s", "Echo: MB a second against bytes", "bytes"},
	{"size-p50", "scale-size", "p50 µs", "Echo: p50 in µs against bytes", "bytes"},
	{"rows", "scale-rows", "snapshot ms", "A table: ms until all rows are here, against rows", "rows"},
	{"rows-changes", "scale-rows", "changes/s", "A table under watch: changes a second against rows", "rows"},
	{"rows-memory", "scale-rows", "server MiB", "A table: MiB in the server against rows", "rows"},
}

// report writes the figures of a run into the page, and the pictures beside it:
// all sections, or those named.
func report(from, page, svg string, only []string) error {
	f, err := readFigures(from)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	if svg == "" {
		svg = strings.TrimSuffix(page, filepath.Ext(page))
	}
	if err := os.MkdirAll(svg, 0o755); err != nil {
		return err
	}
	link, err := filepath.Rel(filepath.Dir(page), svg)
	if err != nil {
		return err
	}
	sections := map[string]string{
		"machine": f.machineSection(), "goals": f.goalsSection(), "losses": f.lossesSection(),
		"tls": f.tlsSection(), "http": f.httpSection(), "hostile": f.hostileSection(), "hub": f.hubSection(), "beside": f.besideSection(),
	}
	wanted := func(name string) bool { return len(only) == 0 || slices.Contains(only, name) }
	add := func(c chart, table, picture string) error {
		if picture != "" && wanted(c.section) {
			table = fmt.Sprintf("![%s](%s)\n\n%s", c.title, filepath.ToSlash(filepath.Join(link, c.section+".svg")), table)
			if err := os.WriteFile(filepath.Join(svg, c.section+".svg"), []byte(picture), 0o644); err != nil {
				return err
			}
		}
		sections[c.section] = table
		return nil
	}
	for _, c := range plainCharts {
		if err := add(c, f.peerTable(c, peerNames()), f.ratioPicture(c)); err != nil {
			return err
		}
	}
	for _, c := range curves {
		if err := add(c, f.curveTable(c), f.curvePicture(c)); err != nil {
			return err
		}
	}
	var unknown []string
	text := section.ReplaceAllStringFunc(string(old), func(s string) string {
		m := section.FindStringSubmatch(s)
		body, ok := sections[m[2]]
		if !ok {
			unknown = append(unknown, m[2])
		}
		if !wanted(m[2]) {
			return s
		}
		return m[1] + body + m[3]
	})
	if unknown != nil {
		return fmt.Errorf("%s: no section %s", page, strings.Join(unknown, ", "))
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

const notMeasured = "Not measured in this run.\n"

// peerTable has both modes side by side.
func (f *figures) peerTable(c chart, names []string) string {
	var b strings.Builder
	for _, name := range names {
		row, any := "| "+name, false
		for _, pinned := range []bool{true, false} {
			at := point{c.work, c.metric, 0, pinned}
			v, ok := f.of(at, name)
			r, related := f.ratio(at, name, "raw")
			any = any || ok
			row += " | " + cell(v, ok) + " | " + cell(r, related)
		}
		if any {
			fmt.Fprintln(&b, row+" |")
		}
	}
	if b.Len() == 0 {
		return notMeasured
	}
	return "| | one core | × raw | all cores | × raw |\n|---|---|---|---|---|\n" + b.String()
}

func cell(s spread, ok bool) string {
	if !ok {
		return "-"
	}
	return s.String()
}

// curveTable has the peers side by side.
func (f *figures) curveTable(c chart) string {
	xs := f.xs(c.work, c.metric)
	names := f.measured(c)
	if len(names) == 0 {
		return notMeasured
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, x := range xs {
		row := "| " + grouped(x)
		for _, name := range names {
			v, ok := f.of(point{c.work, c.metric, x, false}, name)
			text := cell(v, ok)
			if f.limits[point{c.work, "", x, false}][name] != "" {
				text = "over its limit"
			}
			row += " | " + text
		}
		fmt.Fprintln(&b, row+" |")
	}
	return b.String()
}

// measured lists the peers that have a figure, all in the order of the list of peers.
func (f *figures) measured(c chart) (names []string) {
	for _, name := range peerNames() {
		if slices.ContainsFunc(f.xs(c.work, c.metric), func(x int) bool {
			_, ok := f.of(point{c.work, c.metric, x, false}, name)
			return ok
		}) {
			names = append(names, name)
		}
	}
	return names
}

// grouped writes 10000 as 10 000.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// measuredOn says on what, when and how often, of the runs of one work or, without a name, of all.
func (f *figures) measuredOn(work string) string {
	m := &f.machine
	text := fmt.Sprintf("Measured on %s, %d cores, Linux %s, %s.", m.CPU, m.Cores, m.Kernel, m.Go)
	for _, run := range f.runs {
		said := fmt.Sprintf(" %s, %s: %d × %g s at commit %s.", run.Date, strings.Join(run.works, ", "), run.Reps, run.Seconds, run.Commit)
		if (work == "" || slices.Contains(run.works, work)) && !strings.HasSuffix(text, said) {
			text += said
		}
	}
	return text
}

func (f *figures) machineSection() string {
	m := &f.machine
	if m.Date == "" {
		return notMeasured
	}
	var b strings.Builder
	fmt.Fprint(&b, f.measuredOn(""), "\n\n")
	fmt.Fprintln(&b, "| peer | what it is |\n|---|---|")
	for _, name := range peerNames() {
		note := peerNamed(name).note
		if lacks := m.Without[name]; lacks != "" {
			note += "; **not measured**, for it needs " + lacks
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, note)
	}
	var versions []string
	for name, version := range m.Versions {
		versions = append(versions, name+" "+version)
	}
	slices.Sort(versions)
	fmt.Fprintf(&b, "\nVersions: %s.\n", strings.Join(versions, ", "))
	return b.String()
}
