package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// worker is what bench starts itself for: one server, or one measurement.
type worker struct{ serve, socket, one string }

func (u *worker) work(c *config) error {
	if u.serve != "" {
		p := peerNamed(u.serve)
		if p == nil {
			return fmt.Errorf("no peer %q", u.serve)
		}
		return serve(p, u.socket)
	}
	parts := strings.Split(u.one, ":")
	if len(parts) != 4 || peerNamed(parts[0]) == nil || workNamed(parts[1]) == nil {
		return fmt.Errorf("-one takes PEER:WORK:POINT:REP, got %q", u.one)
	}
	point, err := strconv.Atoi(parts[2])
	if err != nil {
		return err
	}
	rep, err := strconv.Atoi(parts[3])
	if err != nil {
		return err
	}
	p, w := peerNamed(parts[0]), workNamed(parts[1])
	if !p.can(w) {
		return fmt.Errorf("%s does not do %s", p.name, w.name)
	}
	m := &meter{p: p, x: point, time: c.time, small: c.smoke}
	l := line{Peer: parts[0], Work: parts[1], X: point, Rep: rep}
	out := json.NewEncoder(os.Stdout)
	m.emit = func(metric string, value, others float64) {
		l := l
		l.Metric, l.Value, l.Others = metric, value, others
		out.Encode(l)
	}
	switch err := m.measure(w); {
	case errors.Is(err, errLimit):
		l.Metric, l.Note = "limit", err.Error()
		out.Encode(l)
	case err != nil:
		l.Metric, l.Err = "error", err.Error()
		out.Encode(l)
	}
	return nil
}

// measure does one work with a fresh server.
func (m *meter) measure(w *work) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m.path = dir + "/s.sock"
	if m.srv, err = startServer(m.p, m.path); err != nil {
		return err
	}
	defer m.srv.stop()
	done := make(chan error, 1)
	go func() {
		if m.p.measure != nil {
			done <- m.p.measure(m, w.name)
		} else {
			done <- w.run(m)
		}
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(patience(w, m.time)):
		return errors.New("hung")
	}
}
