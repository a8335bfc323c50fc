package main

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
func (m *meter) scaleConns() error {
	clients := make([]client, m.x)
	for i := range clients {
		c, err := m.p.dial(m.path)
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
	counts := make([]padded, m.x)
	for i, c := range clients {
		all.Go(func() {
			in := sample()
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
		time.Sleep(min(warm, m.time))
		before := sum(counts)
		counting.Store(true)
		from := m.mark()
		time.Sleep(m.time)
		n := float64(sum(counts) - before)
		u := m.since(from)
		m.emit("calls/s", n/u.seconds, u.others)
		m.emit("p50 µs", took.micros(0.5), u.others)
		m.emit("p99 µs", took.micros(0.99), u.others)
		m.emit("CPU µs a call", u.cpu/n*1e6, u.others)
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

func (m *meter) scaleSize() error {
	c, err := m.p.dial(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	b := sampleBytes(m.x)
	r, err := c.EchoBytes(b)
	if l, ok := c.(limited); ok && err != nil && l.TooLarge(err) {
		return fmt.Errorf("%w: %w", errLimit, err)
	}
	if err != nil {
		return err
	}
	if !slices.Equal(r, b) {
		return errEcho
	}
	for end := time.Now().Add(min(warm, m.time)); time.Now().Before(end); {
		if _, err := c.EchoBytes(b); err != nil {
			return err
		}
	}
	var took histogram
	from := m.mark()
	n := 0.0
	for prev := from.at; prev.Sub(from.at) < m.time; n++ {
		if _, err := c.EchoBytes(b); err != nil {
			return err
		}
		now := time.Now()
		took.add(now.Sub(prev))
		prev = now
	}
	u := m.since(from)
	m.emit("p50 µs", took.micros(0.5), u.others)
	m.emit("MB/s", n*float64(m.x)/1e6/u.seconds, u.others)
	m.emit("CPU µs a call", u.cpu/n*1e6, u.others)
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
func (m *meter) scaleRows() error {
	c, err := m.p.dial(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	t, ok := c.(tabler)
	if !ok {
		return errors.ErrUnsupported
	}
	before := m.srv.usage().RSS
	if err := t.Fill(m.x); err != nil {
		return err
	}
	m.settle()
	m.emit("server MiB", float64(m.srv.usage().RSS-before)/1024, 0)

	var changes atomic.Int64
	up, failed := make(chan int, 1), make(chan error, 1)
	from := m.mark()
	go func() {
		failed <- t.WatchTable(func(rows int) { up <- rows }, &changes)
	}()
	select {
	case rows := <-up:
		if rows != m.x {
			return fmt.Errorf("the snapshot has %d rows of %d", rows, m.x)
		}
	case err := <-failed:
		return err
	}
	u := m.since(from)
	m.emit("snapshot ms", u.seconds*1e3, u.others)
	m.emit("CPU µs a row", u.cpu/float64(m.x)*1e6, u.others)

	if err := t.Churn(); err != nil {
		return err
	}
	time.Sleep(min(warm, m.time))
	n := changes.Load()
	from = m.mark()
	time.Sleep(m.time)
	n = changes.Load() - n
	u = m.since(from)
	if n == 0 {
		return errors.New("no change came")
	}
	m.emit("changes/s", float64(n)/u.seconds, u.others)
	return nil
}
