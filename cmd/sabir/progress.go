package main

import (
	"fmt"
	"io"
	"time"
)

// progress shows on one line of a terminal how many bytes have come, and how
// fast. The zero progress shows nothing.
type progress struct {
	w           io.Writer
	n           int64
	start, last time.Time
	shown       bool
}

// progress begins a line on stderr if a person looks at that and not at stdout.
func (a *app) progress() *progress {
	p := &progress{start: time.Now()}
	p.last = p.start
	if a.errTTY && !a.outTTY && !a.quiet {
		p.w = a.errout
	}
	return p
}

const refresh = 200 * time.Millisecond

func (p *progress) add(n int) {
	p.n += int64(n)
	if p.w == nil {
		return
	}
	if now := time.Now(); now.Sub(p.last) >= refresh {
		p.last, p.shown = now, true
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.text(now))
	}
}

func (p *progress) text(now time.Time) string {
	rate := float64(p.n) / max(now.Sub(p.start).Seconds(), 0.001)
	return fmt.Sprintf("%s, %s/s", size(float64(p.n)), size(rate))
}

// done leaves the sum of what came on the line.
func (p *progress) done() {
	if p.shown {
		now := time.Now()
		fmt.Fprintf(p.w, "\r\x1b[K%s in %s\n", p.text(now), now.Sub(p.start).Round(100*time.Millisecond))
	}
}

func size(n float64) string {
	if n < 1024 {
		return fmt.Sprintf("%.0f bytes", n)
	}
	for _, unit := range []string{"KiB", "MiB"} {
		if n /= 1024; n < 1024 {
			return fmt.Sprintf("%.1f %s", n, unit)
		}
	}
	return fmt.Sprintf("%.1f GiB", n/1024)
}
