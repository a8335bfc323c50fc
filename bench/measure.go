package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// line is one figure of one repetition.
type line struct {
	Peer   string  `json:"peer"`
	Work   string  `json:"work"`
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	Rep    int     `json:"rep"`
	// Others is how much CPU others took meanwhile, in cores: above a tenth or
	// two the figure is worth little.
	Others float64 `json:"others"`
	Err    string  `json:"err,omitempty"`
}

// meter measures one kind of work on one peer, once.
type meter struct {
	p    *peer
	srv  *server
	path string
	time time.Duration
	emit func(metric string, value, others float64)
}

// warm is how long a peer runs before it counts.
const warm = 300 * time.Millisecond

var works = []struct {
	name string
	does string
	run  func(*meter) error
}{
	{"unary", "one call at a time", (*meter).unary},
	{"flight", "64 calls in flight on one connection", (*meter).flight},
	{"sub1", "items to one subscriber", func(m *meter) error { return m.subscribers(1) }},
	{"sub100", "items to a hundred subscribers, a connection each", func(m *meter) error { return m.subscribers(100) }},
	{"blob", "echo of 1 MiB", (*meter).blob},
	{"idle", "memory of an idle connection", (*meter).idle},
}

func (m *meter) unary() error {
	c, err := m.p.dial(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	in := sample()
	for end := time.Now().Add(min(warm, m.time)); time.Now().Before(end); {
		out, err := c.Echo(&in)
		if err == nil {
			err = checkMsg(&out)
		}
		if err != nil {
			return err
		}
	}
	took := make([]uint32, 0, 1<<20)
	runtime.GC()
	from := m.mark()
	n := 0
	for prev := from.at; prev.Sub(from.at) < m.time; n++ {
		if _, err := c.Echo(&in); err != nil {
			return err
		}
		now := time.Now()
		if len(took) < cap(took) {
			took = append(took, uint32(now.Sub(prev)))
		}
		prev = now
	}
	u := m.since(from)
	slices.Sort(took)
	m.emit("p50 µs", float64(took[len(took)/2])/1e3, u.others)
	m.emit("p99 µs", float64(took[len(took)*99/100])/1e3, u.others)
	m.emit("CPU µs a call", u.cpu/float64(n)*1e6, u.others)
	return nil
}

// padded keeps the counters of two goroutines off one cache line.
type padded struct {
	n atomic.Int64
	_ [56]byte
}

func sum(counts []padded) (n int64) {
	for i := range counts {
		n += counts[i].n.Load()
	}
	return n
}

const inFlight = 64

func (m *meter) flight() error {
	c, err := m.p.dial(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	var stop atomic.Bool
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	counts := make([]padded, inFlight)
	if w, ok := c.(windower); ok {
		all.Go(func() {
			if err := w.Window(inFlight, &counts[0].n, &stop); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	} else {
		for i := range counts {
			all.Go(func() {
				in := sample()
				for !stop.Load() {
					if _, err := c.Echo(&in); err != nil {
						failed.CompareAndSwap(nil, &err)
						return
					}
					counts[i].n.Add(1)
				}
			})
		}
	}
	time.Sleep(min(warm, m.time))
	before := sum(counts)
	from := m.mark()
	time.Sleep(m.time)
	n := float64(sum(counts) - before)
	u := m.since(from)
	stop.Store(true)
	all.Wait()
	if e := failed.Load(); e != nil {
		return *e
	}
	if n == 0 {
		return errors.New("no call was answered")
	}
	m.emit("calls/s", n/u.seconds, u.others)
	m.emit("CPU µs a call", u.cpu/n*1e6, u.others)
	return nil
}

func (m *meter) subscribers(subs int) error {
	counts := make([]padded, subs)
	var failed atomic.Pointer[error]
	var closing atomic.Bool
	for i := range subs {
		c, err := m.p.dial(m.path)
		if err != nil {
			return err
		}
		go func() {
			subscribe := c.Subscribe
			if s, ok := c.(crowdSubscriber); ok && subs > 1 {
				subscribe = s.SubscribeCrowd
			}
			if err := subscribe(&counts[i].n); err != nil && !closing.Load() {
				failed.CompareAndSwap(nil, &err)
			}
		}()
	}
	time.Sleep(min(warm, m.time) + time.Duration(subs)*3*time.Millisecond)
	before := sum(counts)
	from := m.mark()
	time.Sleep(m.time)
	n := float64(sum(counts) - before)
	u := m.since(from)
	closing.Store(true) // the connections go with the process
	if e := failed.Load(); e != nil {
		return *e
	}
	if n == 0 {
		return errors.New("nothing was received")
	}
	starved := 0
	for i := range counts {
		if counts[i].n.Load() == 0 {
			starved++
		}
	}
	if starved > 0 {
		return fmt.Errorf("%d of %d subscribers got nothing", starved, subs)
	}
	m.emit("items/s", n/u.seconds, u.others)
	m.emit("CPU µs an item", u.cpu/n*1e6, u.others)
	return nil
}

// crowdSubscriber is a client that subscribes to one publisher together with
// others, where that is another thing than a stream of its own.
type crowdSubscriber interface {
	SubscribeCrowd(n *atomic.Int64) error
}

func (m *meter) blob() error {
	c, err := m.p.dial(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	b := sampleBlob()
	for range 8 {
		r, err := c.EchoBytes(b)
		if err != nil {
			return err
		}
		if !slices.Equal(r, b) {
			return errEcho
		}
	}
	from := m.mark()
	n := 0.0
	for time.Since(from.at) < m.time {
		if _, err := c.EchoBytes(b); err != nil {
			return err
		}
		n++
	}
	u := m.since(from)
	m.emit("MB/s", n*blobSize/1e6/u.seconds, u.others)
	return nil
}

const idleConns = 1000

func (m *meter) idle() error {
	in := sample()
	var before int64
	for i := range idleConns + 1 {
		c, err := m.p.dial(m.path)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		defer c.Close()
		if _, err := c.Echo(&in); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		if i == 0 { // what one call costs once is not the connections' doing
			time.Sleep(50 * time.Millisecond)
			before = m.srv.usage().RSS
		}
	}
	time.Sleep(500 * time.Millisecond)
	m.emit("KiB", float64(m.srv.usage().RSS-before)/idleConns, 0)
	return nil
}
