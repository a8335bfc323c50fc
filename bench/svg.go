package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// The pictures follow the reader's light or dark mode: an SVG in a page sees
// prefers-color-scheme, but not the colours of the page.
const style = `<style>
text{font:12px system-ui,sans-serif;fill:#333}
.title{font-size:14px;font-weight:600}
.grid{stroke:#ddd}
.axis{stroke:#888}
@media (prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#333}.axis{stroke:#777}}
</style>
`

// colours are picked to be told apart on white and on black. Sabir has the
// strongest two; grey is for the limit.
func colour(peer string) string {
	if c := (map[string]string{
		"raw": "#8a8a8a", "raw-mux": "#8a8a8a", "sabir-cbor": "#2a78d6", "sabir-json": "#1fa37a", "netrpc": "#d9822b", "grpc": "#b659c2",
	})[peer]; c != "" {
		return c
	}
	return "#8a8a8a"
}

// scale maps values onto pixels by their logarithm.
type scale struct{ min, max, from, to float64 }

// logScale spans the values in whole decades at both ends of a tick.
func logScale(values []float64, from, to float64) scale {
	lo, hi := slices.Min(values), slices.Max(values)
	s := scale{min: math.Pow(10, math.Floor(math.Log10(lo))), max: math.Pow(10, math.Ceil(math.Log10(hi))), from: from, to: to}
	for _, step := range []float64{5, 2} { // no half-empty decades
		if s.min*step <= lo {
			s.min *= step
			break
		}
	}
	for _, step := range []float64{5, 2} {
		if s.max/step >= hi {
			s.max /= step
			break
		}
	}
	if s.min == s.max {
		s.max *= 10
	}
	return s
}

func (s scale) at(v float64) float64 {
	return s.from + (s.to-s.from)*math.Log(v/s.min)/math.Log(s.max/s.min)
}

// ticks are 1, 2 and 5 of each decade, or the decades alone if that is too many.
func (s scale) ticks() (ticks []float64) {
	steps := []float64{1, 2, 5}
	if s.max/s.min > 2000 {
		steps = steps[:1]
	}
	for decade := math.Pow(10, math.Floor(math.Log10(s.min))); decade <= s.max*1.001; decade *= 10 {
		for _, step := range steps {
			if v := decade * step; v >= s.min*0.999 && v <= s.max*1.001 {
				ticks = append(ticks, v)
			}
		}
	}
	return ticks
}

func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", math.Round(v/1e3)/1e3)
	case v >= 1e3:
		return fmt.Sprintf("%gk", math.Round(v)/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}

// canvas gathers the shapes of a picture.
type canvas struct{ strings.Builder }

func (c *canvas) line(look string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, `<line %s x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", look, x1, y1, x2, y2)
}

func (c *canvas) dot(look string, x, y float64) {
	fmt.Fprintf(c, `<circle %s cx="%.1f" cy="%.1f" r="3.5"/>`+"\n", look, x, y)
}

// text is placed by its anchor: start, middle or end.
func (c *canvas) text(look, anchor string, x, y float64, text string) {
	fmt.Fprintf(c, `<text %s text-anchor="%s" x="%.1f" y="%.1f">%s</text>`+"\n", look, anchor, x, y, html.EscapeString(text))
}

const width = 720

func picture(title string, height float64, body string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" role="img" aria-label="%s">
%s<text class="title" x="10" y="20">%s</text>
%s</svg>
`, width, height, html.EscapeString(title), style, html.EscapeString(title), body)
}

// curvePicture draws a line for each peer, named at its end.
func (f *figures) curvePicture(c chart) string {
	const height, left, right, top, bottom = 390, 60, 110, 46, 44
	var allX, allY []float64
	names := f.measured(c)
	for _, x := range f.xs(c.work, c.metric) {
		for _, name := range names {
			if v, ok := f.of(point{c.work, c.metric, x, false}, name); ok && v.min > 0 {
				allX, allY = append(allX, float64(x)), append(allY, v.min, v.max)
			}
		}
	}
	if len(allX) == 0 {
		return ""
	}
	sx, sy := logScale(allX, left, width-right), logScale(allY, height-bottom, top)
	var b canvas
	for _, t := range sx.ticks() {
		b.line(`class="grid"`, sx.at(t), top, sx.at(t), height-bottom)
		b.text("", "middle", sx.at(t), height-bottom+18, short(t))
	}
	for _, t := range sy.ticks() {
		b.line(`class="grid"`, left, sy.at(t), width-right, sy.at(t))
		b.text("", "end", left-6, sy.at(t)+4, short(t))
	}
	b.line(`class="axis"`, left, top, left, height-bottom)
	b.line(`class="axis"`, left, height-bottom, width-right, height-bottom)
	b.text("", "end", width-right, height-8, c.along)
	b.text("", "start", 10, top-4, c.metric)
	ends := make(map[string]float64)
	for _, name := range names {
		path := ""
		for _, x := range f.xs(c.work, c.metric) {
			v, ok := f.of(point{c.work, c.metric, x, false}, name)
			if !ok || v.min <= 0 {
				continue
			}
			px := sx.at(float64(x))
			path += fmt.Sprintf("%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[path == ""], px, sy.at(v.mid))
			b.line(fmt.Sprintf(`stroke="%s"`, colour(name)), px, sy.at(v.min), px, sy.at(v.max))
			b.dot(fmt.Sprintf(`fill="%s"`, colour(name)), px, sy.at(v.mid))
			ends[name] = sy.at(v.mid)
		}
		fmt.Fprintf(&b, `<path fill="none" stroke="%s" stroke-width="2" d="%s"/>`+"\n", colour(name), path)
	}
	ends = apart(ends, 14)
	for _, name := range names {
		b.text(fmt.Sprintf(`style="fill:%s"`, colour(name)), "start", width-right+8, ends[name]+4, name)
	}
	return picture(c.title, height, b.String())
}

// apart moves labels down until each has room.
func apart(at map[string]float64, room float64) map[string]float64 {
	names := make([]string, 0, len(at))
	for name := range at {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if at[a] != at[b] {
			return int(math.Copysign(1, at[a]-at[b]))
		}
		return strings.Compare(a, b)
	})
	next := math.Inf(-1)
	for _, name := range names {
		at[name] = max(at[name], next)
		next = at[name] + room
	}
	return at
}

// ratioPicture has a row for each peer: its ratio to raw with the spread, a full
// dot on one core and a ring on all. Where raw does not play, the figure itself.
func (f *figures) ratioPicture(c chart) string {
	const left, right, top, row = 110, 30, 52, 22
	value := func(name string, pinned bool) (spread, bool) {
		at := point{c.work, c.metric, 0, pinned}
		if len(f.values[at]["raw"]) == 0 {
			return f.of(at, name)
		}
		return f.ratio(at, name, "raw")
	}
	var names []string
	var all []float64
	for _, name := range peerNames() {
		n := len(all)
		for _, pinned := range []bool{true, false} {
			if v, ok := value(name, pinned); ok && v.min > 0 {
				all = append(all, v.min, v.max)
			}
		}
		if len(all) > n {
			names = append(names, name)
		}
	}
	if len(all) == 0 {
		return ""
	}
	better := func(name string) float64 {
		v, ok := value(name, true)
		if !ok {
			v, _ = value(name, false)
		}
		if lessIsBetter(c.metric) {
			return v.mid
		}
		return -v.mid
	}
	slices.SortStableFunc(names, func(a, b string) int {
		if x, y := better(a), better(b); x != y {
			return int(math.Copysign(1, x-y))
		}
		return 0
	})
	s := logScale(all, left, width-right)
	bottom := float64(top + row*len(names))
	var b canvas
	for _, t := range s.ticks() {
		b.line(`class="grid"`, s.at(t), top-10, s.at(t), bottom)
		b.text("", "middle", s.at(t), bottom+18, short(t))
	}
	for i, name := range names {
		y := float64(top + row*i + row/2)
		b.text("", "end", left-10, y+4, name)
		for _, pinned := range []bool{false, true} {
			v, ok := value(name, pinned)
			if !ok || v.min <= 0 {
				continue
			}
			fill := "none"
			if pinned {
				fill = colour(name)
			}
			b.line(fmt.Sprintf(`stroke="%s"`, colour(name)), s.at(v.min), y, s.at(v.max), y)
			b.dot(fmt.Sprintf(`fill="%s" stroke="%s" stroke-width="2"`, fill, colour(name)), s.at(v.mid), y)
		}
	}
	legend := "× raw; ● one core, ○ all cores; best first"
	if f.values[point{c.work, c.metric, 0, true}]["raw"] == nil && f.values[point{c.work, c.metric, 0, false}]["raw"] == nil {
		legend = "● one core, ○ all cores; best first"
	}
	b.text("", "end", width-right, bottom+36, legend)
	return picture(c.title, bottom+46, b.String())
}
