package pulse

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestBeats(t *testing.T) {
	for name, sourced := range map[string]bool{"this system's source": true, "a ticker": false} {
		t.Run(name, func(t *testing.T) {
			if !sourced {
				source := fast.source
				fast.source = standIn()
				defer func() { fast.source = source }()
			}
			const beats = 20
			var n atomic.Int32
			over := make(chan struct{})
			var b *Beat
			b = New(func() {
				if n.Add(1) == beats {
					close(over)
					return
				}
				b.Next()
				b.Next() // twice is once
			})
			start := time.Now()
			b.Next()
			select {
			case <-over:
			case <-time.After(10 * time.Second):
				t.Fatalf("%d beats in 10 s", n.Load())
			}
			if d := time.Since(start); d < (beats-1)*Period/2 {
				t.Errorf("%d beats in %v", beats, d)
			}
			waitSilent(t)
			if n.Load() != beats {
				t.Errorf("called %d times, want %d", n.Load(), beats)
			}
		})
	}
}

// Those who are in no hurry do not keep the others' clock going.
func TestSlow(t *testing.T) {
	called := make(chan time.Time, 1)
	start := time.Now()
	NewSlow(func() { called <- time.Now() }).Next()
	waitSilent(t)
	select {
	case at := <-called:
		if d := at.Sub(start); d < Slow/2 {
			t.Errorf("called after %v", d)
		}
	case <-time.After(10 * time.Second):
		t.Error("not called in 10 s")
	}
}

// Many who wait for a beat are a crowd, a few are none.
func TestCrowded(t *testing.T) {
	seen := func(many int) bool {
		var crowded atomic.Bool
		var called sync.WaitGroup
		called.Add(many)
		for range many {
			New(func() {
				if Crowded() {
					crowded.Store(true)
				}
				called.Done()
			}).Next()
		}
		called.Wait()
		waitSilent(t)
		return crowded.Load()
	}
	if seen(crowd - 1) {
		t.Errorf("%d are a crowd", crowd-1)
	}
	for try := 0; !seen(crowd); try++ { // a beat may come between
		if try == 100 {
			t.Fatalf("%d are none", crowd)
		}
	}
	if Crowded() {
		t.Error("a crowd when nobody waits")
	}
}

func TestCount(t *testing.T) {
	much := 0
	for range 1000 { // most of these come within the time
		if Count() {
			much++
		}
	}
	if much == 0 {
		t.Error("a thousand at once are not much")
	}
	for range 50 {
		time.Sleep(Period)
		if Count() {
			t.Error("one a millisecond is much")
		}
	}
}

// A Beat that was stopped is not called, and holds nothing until the clock beats.
func TestStop(t *testing.T) {
	held := make(chan struct{})
	func() {
		large := new([1 << 20]byte)
		runtime.AddCleanup(large, func(struct{}) { close(held) }, struct{}{})
		b := NewSlow(func() { t.Errorf("called with %d", large[0]) })
		b.Next()
		b.Stop()
		b.Next()
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-held:
			return
		case <-time.After(time.Millisecond):
		}
	}
	t.Error("it holds what its function does")
}

// TestCrowd has many ask from many goroutines, also while the clock is about to stop.
func TestCrowd(t *testing.T) {
	const crowd, rounds = 50, 20
	var called, asked atomic.Int32
	over := make(chan struct{})
	for range crowd {
		go func() {
			for range rounds {
				asked.Add(1)
				done := make(chan struct{})
				New(func() { called.Add(1); close(done) }).Next()
				<-done
			}
			over <- struct{}{}
		}()
	}
	for range crowd {
		<-over
	}
	if called.Load() != asked.Load() {
		t.Errorf("%d calls for %d asked", called.Load(), asked.Load())
	}
	waitSilent(t)
}

// waitSilent waits for the goroutine of the clock to end, which nobody asks any more.
func waitSilent(t *testing.T) {
	t.Helper()
	for range 1000 {
		if !Beating() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the clock beats for nobody")
}

func BenchmarkNext(b *testing.B) {
	beat := New(func() {})
	b.ReportAllocs()
	for b.Loop() {
		beat.Next()
	}
}

// The last who stops has the clock end, however far the next beat is, and who comes then begins it anew.
func TestStopEnds(t *testing.T) {
	for name, sourced := range map[string]bool{"this system's source": true, "a ticker": false} {
		t.Run(name, func(t *testing.T) {
			c := clock{period: time.Hour}
			if !sourced {
				c.source = standIn()
			}
			beating := func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.beating
			}
			for range 3 {
				a, b := &Beat{of: &c, f: func() { t.Error("called") }}, &Beat{of: &c, f: func() { t.Error("called") }}
				a.Next()
				b.Next()
				a.Stop()
				if !beating() {
					t.Fatal("one of two has ended it")
				}
				b.Stop()
				b.Stop()
				for end := time.Now().Add(10 * time.Second); beating(); time.Sleep(time.Millisecond) {
					if time.Now().After(end) {
						t.Fatal("it beats for nobody")
					}
				}
			}
		})
	}
}
