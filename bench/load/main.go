// Package load is what a measured program has beside its library: the works, the
// processes and the clocks. It links little, for what a program links and does
// not use still costs it: the collector goes through the globals in each cycle.
package load

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Main is the main function of a program with these peers. It is one server, or
// makes one measurement, as bench asks for.
func Main(peers ...Peer) {
	serve := flag.String("serve", "", "be the server of that `peer`")
	socket := flag.String("socket", "", "where")
	one := flag.String("one", "", "measure PEER:WORK:POINT:REP and print lines")
	m := &Meter{}
	flag.StringVar(&m.server, "server", "", "the program that has the server (default: this one)")
	flag.DurationVar(&m.Time, "time", time.Second, "of the measurement")
	flag.BoolVar(&m.small, "smoke", false, "only show that it works")
	flag.Parse()
	raiseFiles()
	err := errors.New("this is a part of bench; see go doc github.com/sabir-ipc/sabir/bench")
	switch {
	case *serve != "":
		err = serveOf(peers, *serve, *socket)
	case *one != "":
		err = m.one(peers, *one)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func named(peers []Peer, name string) *Peer {
	for i := range peers {
		if peers[i].Name == name {
			return &peers[i]
		}
	}
	return nil
}

func serveOf(peers []Peer, name, path string) error {
	p := named(peers, name)
	if p == nil || p.Serve == nil {
		return fmt.Errorf("this program has no server of %q", name)
	}
	return serve(p, path)
}

// one makes a measurement and prints a line for each figure.
func (m *Meter) one(peers []Peer, text string) error {
	step, err := ParseStep(text)
	if err != nil {
		return err
	}
	m.Peer, m.X = named(peers, step.Peer), step.Point
	if m.Peer == nil || m.Peer.Dial == nil {
		return fmt.Errorf("this program has no client of %q", step.Peer)
	}
	l := Line{Peer: step.Peer, Work: step.Work.Name, X: step.Point, Rep: step.Rep}
	out := json.NewEncoder(os.Stdout)
	m.Emit = func(metric string, value, others float64) {
		l := l
		l.Metric, l.Value, l.Others = metric, value, others
		out.Encode(l)
	}
	switch err := m.measure(step.Work); {
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
func (m *Meter) measure(w *Work) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m.Path = dir + "/s.sock"
	if m.Server, err = startServer(m.Peer, m.server, m.Path); err != nil {
		return err
	}
	defer m.Server.stop()
	run := w.run
	if own := m.Peer.Works[w.Name]; own != nil {
		run = own
	}
	if run == nil {
		return errors.ErrUnsupported
	}
	done := make(chan error, 1)
	go func() { done <- run(m) }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience(w, m.Time)):
		return errors.New("hung")
	}
}

// patience is how long a measurement may take before it counts as hung.
func patience(w *Work, d time.Duration) time.Duration {
	if w.Points != nil {
		return 3*d + 5*time.Minute
	}
	return 3*d + time.Minute
}

// raiseFiles lets a process have as many connections as it may, and the daemons
// that it starts too: what Go raises by itself, it takes back from them.
func raiseFiles() {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) == nil {
		r.Cur = r.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r)
	}
}
