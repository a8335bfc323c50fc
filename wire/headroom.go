package wire

import (
	"math"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// headroom is memory that nobody writes to, and so is nothing but a number to the
// garbage collector, which lets as much garbage gather as there is memory in use.
// Where little is, it would run after every three messages of a megabyte, since each
// is garbage as soon as its value is: that took two fifths of the time on two cores, a
// tenth on one. The price is that the garbage of a program with large messages takes
// as much more.
//
// It is there while large messages come, and goes when the collector has run without
// any. A program with a memory limit (GOMEMLIMIT) has none. docs/limits.md
var headroom struct {
	memory atomic.Pointer[[headroomSize]byte]
	wanted atomic.Bool // since the collector last ran
}

const (
	headroomSize = 16 << 20
	// forHeadroom is how large a new buffer is at least that wants it.
	forHeadroom = 256 << 10
)

func wantHeadroom() {
	if headroom.wanted.Load() && headroom.memory.Load() != nil {
		return
	}
	headroom.wanted.Store(true)
	if headroom.memory.Load() == nil && debug.SetMemoryLimit(-1) == math.MaxInt64 &&
		headroom.memory.CompareAndSwap(nil, new([headroomSize]byte)) {
		watchHeadroom()
	}
}

// watchHeadroom looks after the headroom when the collector has run.
func watchHeadroom() {
	type garbage struct{ _ *int } // with a pointer, it is a piece of memory of its own
	runtime.AddCleanup(new(garbage), func(struct{}) {
		if headroom.wanted.Swap(false) {
			watchHeadroom()
		} else {
			headroom.memory.Store(nil)
		}
	}, struct{}{})
}
