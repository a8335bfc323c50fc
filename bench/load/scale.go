package load

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The works with points: how cost grows.

// scaleConns has one caller on each of many connections, all calling without pause.
func (m *Meter) scaleConns() error {
	clients := make([]Client, m.X)
	for i := range clients {
		c, err := m.Peer.Dial(m.Path)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		defer c.Close()
		clients[i] = c
	}
	var stop atomic.Bool
	var failed atomic.Pointer[error]
	var took histogram
	var all sync.WaitGroup
	var counting atomic.Bool
	counts := make([]padded, m.X)
	for i, c := range clients {
		all.Go(func() {
			in := Sample()
			for !stop.Load() {
				from := time.Now()
				if _, err := c.Echo(&in); err != nil {
					err = fmt.Errorf("connection %d: %w", i, err)
					failed.CompareAndSwap(nil, &err)
					return
				}
				if counting.Load() {
					took.add(time.Since(from))
				}
				counts[i].n.Add(1)
			}
		})
	}
	err := awaitEach(counts, &failed)
	if err == nil {
		time.Sleep(min(Warm, m.Time))
		before := sum(counts)
		counting.Store(true)
		from := m.Mark()
		time.Sleep(m.Time)
		n := float64(sum(counts) - before)
		u := m.Since(from)
		m.Emit("calls/s", n/u.Seconds, u.Others)
		m.Emit("p50 µs", took.micros(0.5), u.Others)
		m.Emit("p99 µs", took.micros(0.99), u.Others)
		m.Emit("CPU µs a call", u.CPU/n*1e6, u.Others)
	}
	stop.Store(true)
	all.Wait()
	if e := failed.Load(); e != nil {
		return *e
	}
	return err
}

// limited is a client that tells the refusal of what is too large from a failure.
type limited interface{ TooLarge(error) bool }

func (m *Meter) scaleSize() error {
	c, err := m.Peer.Dial(m.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	b := sampleBytes(m.X)
	r, err := c.EchoBytes(b)
	if l, ok := c.(limited); ok && err != nil && l.TooLarge(err) {
		return fmt.Errorf("%w: %w", errLimit, err)
	}
	if err != nil {
		return err
	}
	if !slices.Equal(r, b) {
		return ErrEcho
	}
	for end := time.Now().Add(min(Warm, m.Time)); time.Now().Before(end); {
		if _, err := c.EchoBytes(b); err != nil {
			return err
		}
	}
	var took histogram
	from := m.Mark()
	n := 0.0
	for prev := from.At; prev.Sub(from.At) < m.Time; n++ {
		if _, err := c.EchoBytes(b); err != nil {
			return err
		}
		now := time.Now()
		took.add(now.Sub(prev))
		prev = now
	}
	u := m.Since(from)
	m.Emit("p50 µs", took.micros(0.5), u.Others)
	m.Emit("MB/s", n*float64(m.X)/1e6/u.Seconds, u.Others)
	m.Emit("CPU µs a call", u.CPU/n*1e6, u.Others)
	return nil
}

// tabler is a client of a peer that has tables.
type tabler interface {
	// Fill makes the table.
	Fill(rows int) error
	// WatchTable calls snapshot with the number of rows when they are all here,
	// then counts changes until the connection is closed.
	WatchTable(snapshot func(rows int), changes *atomic.Int64) error
	// Churn has the server change rows without pause.
	Churn() error
}

// scaleRows fills a table, fetches all of it, and then follows its changes.
func (m *Meter) scaleRows() error {
	c, err := m.Peer.Dial(m.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	t, ok := c.(tabler)
	if !ok {
		return errors.ErrUnsupported
	}
	before := m.Server.Usage().RSS
	if err := t.Fill(m.X); err != nil {
		return err
	}
	m.Settle()
	m.Emit("server MiB", float64(m.Server.Usage().RSS-before)/1024, 0)

	var changes atomic.Int64
	up, failed := make(chan int, 1), make(chan error, 1)
	from := m.Mark()
	go func() {
		failed <- t.WatchTable(func(rows int) { up <- rows }, &changes)
	}()
	select {
	case rows := <-up:
		if rows != m.X {
			return fmt.Errorf("the snapshot has %d rows of %d", rows, m.X)
		}
	case err := <-failed:
		return err
	}
	u := m.Since(from)
	m.Emit("snapshot ms", u.Seconds*1e3, u.Others)
	m.Emit("CPU µs a row", u.CPU/float64(m.X)*1e6, u.Others)

	if err := t.Churn(); err != nil {
		return err
	}
	time.Sleep(min(Warm, m.Time))
	n := changes.Load()
	from = m.Mark()
	time.Sleep(m.Time)
	n = changes.Load() - n
	u = m.Since(from)
	if n == 0 {
		return errors.New("no change came")
	}
	m.Emit("changes/s", float64(n)/u.Seconds, u.Others)
	return nil
}
