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
	X      int     `json:"x,omitempty"` // the point of a scale work
	Rep    int     `json:"rep"`
	Pinned bool    `json:"pinned,omitempty"`
	// Others is how much CPU others took meanwhile, in cores: above a tenth or
	// two the figure is worth little.
	Others float64 `json:"others"`
	Err    string  `json:"err,omitempty"`
	Note   string  `json:"note,omitempty"` // why there is no figure, where that is no failure
}

func (l *line) what() string {
	if l.X > 0 {
		return fmt.Sprintf("%s %d", l.Work, l.X)
	}
	return l.Work
}

// meter measures one kind of work on one peer, once.
type meter struct {
	p     *peer
	srv   *server
	path  string
	x     int // the point of a scale work
	time  time.Duration
	small bool // only show that it works
	emit  func(metric string, value, others float64)
}

// warm is how long a peer runs before it counts.
const warm = 300 * time.Millisecond

// errLimit wraps the refusal of a peer to go so far: a curve ends there.
var errLimit = errors.New("over the limit of the peer")

// work is a kind of measurement. One with points is measured at each of them.
type work struct {
	name   string
	does   string
	run    func(*meter) error
	points []int
}

var works = []work{
	{"unary", "one call at a time", (*meter).unary, nil},
	{"flight", "64 calls in flight on one connection", (*meter).flight, nil},
	{"sub1", "items to one subscriber", func(m *meter) error { return m.subscribers(1) }, nil},
	{"sub100", "items to a hundred subscribers, a connection each", func(m *meter) error { return m.subscribers(100) }, nil},
	{"blob", "echo of 1 MiB", (*meter).blob, nil},
	{"idle", "memory of an idle connection", func(m *meter) error { return m.idle(1000) }, nil},
	{"cli", "a call as a process of its own", (*meter).cli, nil},
	{"hostile", "a call beside a thousand hostile connections", (*meter).hostile, nil},
	{"beside", "a call through a hub beside a thousand that wait at another service", (*meter).beside, nil},
	{"scale-conns", "calls on many connections, a caller each", (*meter).scaleConns, []int{1, 10, 100, 1000, 10000}},
	{"scale-idle", "memory of many idle connections", func(m *meter) error { return m.idle(m.x) }, []int{100, 1000, 10000}},
	{"scale-subs", "items to many subscribers, a connection each", func(m *meter) error { return m.subscribers(m.x) }, []int{1, 10, 100, 1000, 10000}},
	{"scale-size", "echo of bytes", (*meter).scaleSize, []int{64, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20}},
	{"scale-rows", "a table under watch", (*meter).scaleRows, []int{100, 1000, 10000, 100000}},
}

// plain are the works of a peer that says nothing else.
var plain = []string{"unary", "flight", "sub1", "sub100", "blob", "idle"}

// workNamed returns nil if there is none.
func workNamed(name string) *work {
	for i := range works {
		if works[i].name == name {
			return &works[i]
		}
	}
	return nil
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

// few is n, or what is enough to show that it works.
func (m *meter) few(n int) int {
	if m.small {
		return min(n, max(1, n/8), 20)
	}
	return n
}

// settle lets the server come to rest before its memory is read.
func (m *meter) settle() {
	if !m.small {
		time.Sleep(500 * time.Millisecond)
	}
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

// subscribers starts them all before it waits until each has got something.
func (m *meter) subscribers(subs int) error {
	subs = m.few(subs)
	counts := make([]padded, subs)
	clients := make([]client, subs)
	for i := range clients {
		c, err := m.p.dial(m.path)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		clients[i] = c
	}
	crowd := subs > 1 || m.x > 0
	var failed atomic.Pointer[error]
	for i, c := range clients {
		go func() {
			subscribe := c.Subscribe
			if s, ok := c.(crowdSubscriber); ok && crowd {
				subscribe = s.SubscribeCrowd
			}
			err := fmt.Errorf("subscriber %d: %w", i, subscribe(&counts[i].n)) // it is the connections' end with the process that ends it
			failed.CompareAndSwap(nil, &err)
		}()
	}
	if s, ok := clients[0].(crowdSubscriber); ok && crowd {
		if err := s.StartCrowd(subs); err != nil {
			return err
		}
	}
	if err := awaitEach(counts, &failed); err != nil {
		return err
	}
	time.Sleep(min(warm, m.time))
	before := sum(counts)
	from := m.mark()
	time.Sleep(max(m.time, 200*time.Millisecond)) // some come in bursts
	n := float64(sum(counts) - before)
	u := m.since(from)
	if e := failed.Load(); e != nil {
		return *e
	}
	if n == 0 {
		return errors.New("nothing was received")
	}
	m.emit("items/s", n/u.seconds, u.others)
	m.emit("CPU µs an item", u.cpu/n*1e6, u.others)
	return nil
}

// awaitEach waits until every counter has counted.
func awaitEach(counts []padded, failed *atomic.Pointer[error]) error {
	end := time.Now().Add(2 * time.Minute) // ten thousand first fill their windows, one after the other
	for first := 0; first < len(counts); time.Sleep(5 * time.Millisecond) {
		for first < len(counts) && counts[first].n.Load() > 0 {
			first++
		}
		if e := failed.Load(); e != nil {
			return *e
		}
		if first < len(counts) && time.Now().After(end) {
			return fmt.Errorf("subscriber %d of %d got nothing", first, len(counts))
		}
	}
	return nil
}

// crowdSubscriber is a client that subscribes to one publisher together with
// others, where that is another thing than a stream of its own.
type crowdSubscriber interface {
	SubscribeCrowd(n *atomic.Int64) error
	// StartCrowd begins once so many subscribe.
	StartCrowd(subscribers int) error
}

func (m *meter) blob() error {
	c, err := m.p.dial(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	b := sampleBlob()
	for range m.few(8) {
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

func (m *meter) idle(conns int) error {
	conns = m.few(conns)
	in := sample()
	var before int64
	for i := range conns + 1 {
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
	m.settle()
	grown := float64(m.srv.usage().RSS - before)
	m.emit("KiB a connection", grown/float64(conns), 0)
	if m.x > 0 {
		m.emit("MiB", grown/1024, 0)
	}
	return nil
}
