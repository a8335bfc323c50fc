package load

import (
	"math"
	"sync/atomic"
	"time"
)

// histogram counts durations in steps of a 32nd of an octave, which is two per
// cent. Any number of goroutines may add.
type histogram struct {
	counts [64 * 32]atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	h.counts[int(32*math.Log2(float64(max(d, 1))))].Add(1)
}

// micros is the duration that the given part of all durations do not exceed.
func (h *histogram) micros(part float64) float64 {
	all := int64(0)
	for i := range h.counts {
		all += h.counts[i].Load()
	}
	seen := int64(0)
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen > 0 && float64(seen) >= part*float64(all) {
			return math.Exp2((float64(i)+0.5)/32) / 1e3
		}
	}
	return 0
}
