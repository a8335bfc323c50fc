package load

import (
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h histogram
	for range 98 {
		h.add(time.Millisecond)
	}
	for range 2 {
		h.add(100 * time.Millisecond)
	}
	if p50 := h.micros(0.5); p50 < 980 || p50 > 1020 {
		t.Errorf("p50 of 98 times 1 ms and twice 100 ms is %g µs", p50)
	}
	if p99 := h.micros(0.99); p99 < 98e3 || p99 > 102e3 {
		t.Errorf("p99 of 98 times 1 ms and twice 100 ms is %g µs", p99)
	}
}
