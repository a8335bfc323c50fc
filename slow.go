package sabir

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// slow are the methods of a server whose handlers take long enough that what came
// behind them on their connection waited for nothing. Their calls run in goroutines
// of their own, from the start, since who has read one gives the role of reading away
// before he handles it; for others that costs more than they do. A method
// becomes one of them when a tick finds its handler where the last one found it, or
// two in turn find it at work and few others in between, and it answers or is given up; it is none
// any more when it was quick so many times in a row. Without this, a handler that
// waits three milliseconds is called 500 times a second on a connection, however many
// callers share that.
//
// Methods that have had large results are none: all calls of a connection at once,
// each with megabytes in the making, are more than a machine has memory for, and
// those 500 times are plenty.
//
// Any number of goroutines may use it. What nobody has held up costs one load.
type slow struct {
	methods atomic.Pointer[map[string]*slowMethod] // is not changed, but replaced
	mu      sync.Mutex                             // is held while it is
}

// slowMethod is what is known of a method.
type slowMethod struct {
	quick atomic.Int32 // runs in a row that were
	rank  atomic.Int32
}

// ranks of a slowMethod.
const (
	suspected int32 = iota // it has not answered
	apart                  // its calls have goroutines of their own
	heavy                  // never
)

const (
	quickRun  = 50 * time.Microsecond
	quickRuns = 1000
	// fewTurns are less than a connection takes in a tick where handlers are quick:
	// a call is two or three.
	fewTurns = 20
	// heavyResult is what a result takes at least, in bytes, that is not made many
	// times at once.
	heavyResult = 64 << 10
	// maxSlow is how many methods are known, and maxSlowName how long their names
	// may be: a Handler of its own may take any.
	maxSlow, maxSlowName = 1000, 256
)

// apart returns nil if calls of the method need no goroutines of their own.
func (s *slow) apart(method string) *slowMethod {
	if m := s.find(method); m != nil && m.rank.Load() == apart {
		return m
	}
	return nil
}

// unsure reports whether a method is suspected, and has not answered.
func (s *slow) unsure(method string) bool {
	m := s.find(method)
	return m != nil && m.rank.Load() == suspected
}

// answered tells how many bytes an answer took, and whether a tick had seen its
// handler.
func (s *slow) answered(method string, size int64, seen bool) {
	if size < heavyResult && !seen {
		return
	}
	switch m := s.find(method); {
	case m == nil:
	case size >= heavyResult:
		m.rank.Store(heavy)
	default:
		m.rank.CompareAndSwap(suspected, apart)
	}
}

// find returns nil if nothing is known of the method.
func (s *slow) find(method string) *slowMethod {
	if methods := s.methods.Load(); methods != nil {
		return (*methods)[method]
	}
	return nil
}

func (s *slow) add(method string) { s.change(method, new(slowMethod)) }

// change makes a method one of them, or none with nil.
func (s *slow) change(method string, m *slowMethod) {
	if len(method) > maxSlowName {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(map[string]*slowMethod)
	if now := s.methods.Load(); now != nil && len(*now) < maxSlow {
		maps.Copy(next, *now)
	}
	if m != nil {
		next[method] = m
	} else {
		delete(next, method)
	}
	if len(next) == 0 {
		s.methods.Store(nil)
		return
	}
	s.methods.Store(&next)
}

// run calls the handler of a method that is m, or none of them.
func (s *slow) run(in *inbound, m *slowMethod) (Body, error) {
	if m == nil {
		return in.run()
	}
	begun := time.Now()
	body, err := in.run()
	s.ran(in.call.Method, m, time.Since(begun))
	return body, err
}

// ran tells how long a run took.
func (s *slow) ran(method string, m *slowMethod, took time.Duration) {
	if took > quickRun {
		m.quick.Store(0)
	} else if m.quick.Add(1) == quickRuns {
		s.change(method, nil)
	}
}

// suspects looks at a tick whether a handler that has the role is slow, with c.mu
// held.
func (r *role) suspects() {
	s := &r.c.stats.slow
	switch {
	case r.busy == 0 || r.busy != r.handling || s.find(r.handles) != nil:
		r.suspect = ""
	case r.busy == r.seenBusy, r.handles == r.suspect && r.turn-r.seenTurn < fewTurns:
		s.add(r.handles)
	case r.turn-r.seenTurn < fewTurns:
		r.suspect = r.handles
	default:
		r.suspect = ""
	}
}
