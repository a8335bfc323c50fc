package wire

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// takeMany takes more large buffers than go round.
func takeMany() {
	for range 100 {
		TakeBuffer(forHeadroom)
	}
}

// headroomGoes reports whether the headroom is gone, or stays while the collector runs.
func headroomGoes() bool {
	for range 100 {
		runtime.GC()
		if headroom.memory.Load() == nil {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func TestHeadroom(t *testing.T) {
	if !headroomGoes() {
		t.Fatal("it stays without large messages")
	}
	for range 100 {
		TakeBuffer(forHeadroom / 2)
	}
	if headroom.memory.Load() != nil {
		t.Error("it is there for small messages")
	}
	for range 3 {
		takeMany()
		if headroom.memory.Load() == nil {
			t.Fatal("it is not there for large messages")
		}
		if !headroomGoes() {
			t.Fatal("it stays when they are over")
		}
	}
}

func TestHeadroomSparesCollections(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const messages = 1000
	for range messages {
		TakeBuffer(1 << 20)
	}
	runtime.ReadMemStats(&after)
	if n := after.NumGC - before.NumGC; n > messages/8 {
		t.Errorf("the collector ran %d times for %d messages of a megabyte", n, messages)
	}
}

func TestNoHeadroomUnderLimit(t *testing.T) {
	if !headroomGoes() {
		t.Fatal("it stays without large messages")
	}
	debug.SetMemoryLimit(1 << 40)
	defer debug.SetMemoryLimit(math.MaxInt64)
	takeMany()
	if headroom.memory.Load() != nil {
		t.Error("it is there")
	}
}
