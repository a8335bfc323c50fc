package load

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Meter measures one kind of work on one peer, once.
type Meter struct {
	Peer   *Peer
	Server *Server
	Path   string // where the server is
	X      int    // the point of a scale work
	Time   time.Duration
	Emit   func(metric string, value, others float64)

	server string // the program of the server, if it is not this one
	small  bool   // only show that it works
}

// Warm is how long a peer runs before it counts.
const Warm = 300 * time.Millisecond

// errLimit wraps the refusal of a peer to go so far: a curve ends there.
var errLimit = errors.New("over the limit of the peer")

// Unary is one call at a time.
func (m *Meter) Unary() error {
	c, err := m.Peer.Dial(m.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	in := Sample()
	for end := time.Now().Add(min(Warm, m.Time)); time.Now().Before(end); {
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
	from := m.Mark()
	n := 0
	for prev := from.At; prev.Sub(from.At) < m.Time; n++ {
		if _, err := c.Echo(&in); err != nil {
			return err
		}
		now := time.Now()
		if len(took) < cap(took) {
			took = append(took, uint32(now.Sub(prev)))
		}
		prev = now
	}
	u := m.Since(from)
	slices.Sort(took)
	m.Emit("p50 µs", float64(took[len(took)/2])/1e3, u.Others)
	m.Emit("p99 µs", float64(took[len(took)*99/100])/1e3, u.Others)
	m.Emit("CPU µs a call", u.CPU/float64(n)*1e6, u.Others)
	return nil
}

// rareGap is long for a computer: whatever looks after a connection that is busy has come to rest.
const rareGap = 5 * time.Millisecond

// rare is a call now and then; what the caller takes to sleep in between is counted.
func (m *Meter) rare() error {
	c, err := m.Peer.Dial(m.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	in := Sample()
	call := func() error {
		_, err := c.Echo(&in)
		return err
	}
	for range m.Few(20) {
		if err := call(); err != nil {
			return err
		}
		time.Sleep(rareGap)
	}
	runtime.GC()
	from := m.Mark()
	var took []time.Duration
	for calls := m.Few(200); len(took) < calls; {
		time.Sleep(rareGap)
		start := time.Now()
		if err := call(); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	u := m.Since(from)
	slices.Sort(took)
	m.Emit("p50 µs", float64(took[len(took)/2])/1e3, u.Others)
	m.Emit("CPU µs a call", u.CPU/float64(len(took))*1e6, u.Others)
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

// Few is n, or what is enough to show that it works.
func (m *Meter) Few(n int) int {
	if m.small {
		return min(n, max(1, n/8), 20)
	}
	return n
}

// Settle lets the server come to rest before its memory is read.
func (m *Meter) Settle() {
	if !m.small {
		time.Sleep(500 * time.Millisecond)
	}
}

const inFlight = 64

func (m *Meter) flight() error {
	c, err := m.Peer.Dial(m.Path)
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
				in := Sample()
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
	time.Sleep(min(Warm, m.Time))
	before := sum(counts)
	from := m.Mark()
	time.Sleep(m.Time)
	n := float64(sum(counts) - before)
	u := m.Since(from)
	stop.Store(true)
	all.Wait()
	if e := failed.Load(); e != nil {
		return *e
	}
	if n == 0 {
		return errors.New("no call was answered")
	}
	m.Emit("calls/s", n/u.Seconds, u.Others)
	m.Emit("CPU µs a call", u.CPU/n*1e6, u.Others)
	return nil
}

// subscribers starts them all before it waits until each has got something.
func (m *Meter) subscribers(subs int) error {
	subs = m.Few(subs)
	counts := make([]padded, subs)
	clients := make([]Client, subs)
	for i := range clients {
		c, err := m.Peer.Dial(m.Path)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		clients[i] = c
	}
	crowd := subs > 1 || m.X > 0
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
	time.Sleep(min(Warm, m.Time))
	before := sum(counts)
	from := m.Mark()
	time.Sleep(max(m.Time, 200*time.Millisecond)) // some come in bursts
	n := float64(sum(counts) - before)
	u := m.Since(from)
	if e := failed.Load(); e != nil {
		return *e
	}
	if n == 0 {
		return errors.New("nothing was received")
	}
	m.Emit("items/s", n/u.Seconds, u.Others)
	m.Emit("CPU µs an item", u.CPU/n*1e6, u.Others)
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

func (m *Meter) blob() error {
	c, err := m.Peer.Dial(m.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	b := sampleBytes(BlobSize)
	for range m.Few(8) {
		r, err := c.EchoBytes(b)
		if err != nil {
			return err
		}
		if !slices.Equal(r, b) {
			return ErrEcho
		}
	}
	from := m.Mark()
	n := 0.0
	for time.Since(from.At) < m.Time {
		if _, err := c.EchoBytes(b); err != nil {
			return err
		}
		n++
	}
	u := m.Since(from)
	m.Emit("MB/s", n*BlobSize/1e6/u.Seconds, u.Others)
	return nil
}

func (m *Meter) idle(conns int) error {
	conns = m.Few(conns)
	in := Sample()
	var before int64
	for i := range conns + 1 {
		c, err := m.Peer.Dial(m.Path)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		defer c.Close()
		if _, err := c.Echo(&in); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		if i == 0 { // what one call costs once is not the connections' doing
			time.Sleep(50 * time.Millisecond)
			before = m.Server.Usage().RSS
		}
	}
	m.Settle()
	grown := float64(m.Server.Usage().RSS - before)
	m.Emit("KiB a connection", grown/float64(conns), 0)
	if m.X > 0 {
		m.Emit("MiB", grown/1024, 0)
	}
	return nil
}
