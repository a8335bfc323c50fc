package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/sabir-ipc/sabir/bench/load"
)

func run(c *config) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(dir, c.used()); err != nil {
		return err
	}
	sink := io.Discard
	if c.out != "" {
		f, err := os.Create(c.out)
		if err != nil {
			return err
		}
		defer f.Close()
		sink = f
	}
	if c.json {
		sink = io.MultiWriter(sink, os.Stdout)
	}
	out := json.NewEncoder(sink)
	out.Encode(struct {
		Machine machine `json:"machine"`
	}{thisMachine(c)})

	var lines []load.Line
	failed := 0
	steps := c.steps()
	for i, s := range steps {
		if c.out != "" && (i == 0 || s.Work != steps[i-1].Work) {
			fmt.Fprintf(os.Stderr, "bench: %d of %d, %s, %s\n", i+1, len(steps), s.Work.Name, cores(s.pin))
		}
		got, err := c.spawn(dir, s)
		if err != nil {
			return err
		}
		for _, l := range got {
			if l.Err != "" {
				failed++
				fmt.Fprintf(os.Stderr, "bench: %s, %s: %s\n", l.Peer, l.What(), l.Err)
			}
			if l.Note != "" {
				fmt.Fprintf(os.Stderr, "bench: %s, %s: %s\n", l.Peer, l.What(), l.Note)
			}
			out.Encode(l)
		}
		lines = append(lines, got...)
	}
	if !c.json && !c.smoke {
		printTables(os.Stdout, lines, c.peers)
	}
	if failed > 0 {
		return fmt.Errorf("%d measurements failed", failed)
	}
	if c.smoke {
		fmt.Printf("bench: %d figures of %d peers\n", len(lines), len(c.peers))
	}
	return nil
}

// one makes a single measurement, whose lines go to stdout.
func (c *config) one(text string) error {
	s, err := parseStep(text)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(dir, []*peer{s.peer}); err != nil {
		return err
	}
	s.pin = c.pins[0]
	cmd := c.measurement(dir, s)
	cmd.Stdout = os.Stdout
	return cmd.Run()
}

// step is one process that measures.
type step struct {
	load.Step
	peer *peer
	pin  bool
}

func parseStep(text string) (s step, err error) {
	if s.Step, err = load.ParseStep(text); err != nil {
		return s, err
	}
	s.peer = peerNamed(s.Peer)
	switch {
	case s.peer == nil:
		return s, fmt.Errorf("no peer %q", s.Peer)
	case !s.peer.can(s.Work):
		return s, fmt.Errorf("%s does not do %s", s.Peer, s.Work.Name)
	}
	if lacks := s.peer.lacks(); lacks != "" {
		return s, fmt.Errorf("%s needs %s", s.Peer, lacks)
	}
	return s, nil
}

// steps orders them so that what will be compared is measured one after the other.
func (c *config) steps() (steps []step) {
	for rep := range c.reps {
		for _, pin := range c.pins {
			for _, name := range c.works {
				w := load.WorkNamed(name)
				if w.Points != nil && pin && len(c.pins) > 1 {
					continue // curves are of all cores
				}
				for _, point := range c.pointsOf(w) {
					for _, p := range c.peers {
						if p := peerNamed(p); p.can(w) {
							steps = append(steps, step{load.Step{Peer: p.name, Work: w, Point: point, Rep: rep}, p, pin})
						}
					}
				}
			}
		}
	}
	return steps
}

// pointsOf is where a work is measured: a work without points at zero.
func (c *config) pointsOf(w *load.Work) []int {
	switch {
	case w.Points == nil:
		return []int{0}
	case c.smoke:
		return []int{w.Points[1]}
	}
	return w.Points
}

// used are the peers that can do any of the works.
func (c *config) used() (used []*peer) {
	for _, name := range c.peers {
		p := peerNamed(name)
		if slices.ContainsFunc(c.works, func(w string) bool { return p.can(load.WorkNamed(w)) }) {
			used = append(used, p)
		}
	}
	return used
}

// measurement is a fresh client process, pinned if asked: its server inherits that.
func (c *config) measurement(dir string, s step) *exec.Cmd {
	client, server := s.peer.programs()
	args := []string{filepath.Join(dir, client), "-one", s.String(), "-server", server, "-time", c.time.String()}
	if c.smoke {
		args = append(args, "-smoke")
	}
	if s.pin {
		args = append([]string{"taskset", "-c", fmt.Sprint(runtime.NumCPU() - 1)}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	return cmd
}

// spawn reads the lines of a measurement.
func (c *config) spawn(dir string, s step) (lines []load.Line, err error) {
	cmd := c.measurement(dir, s)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for in := bufio.NewScanner(out); in.Scan(); {
		l := load.Line{Pinned: s.pin}
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, errors.Join(fmt.Errorf("%s, %s: %w", s.Peer, s.Work.Name, err), cmd.Process.Kill(), cmd.Wait())
		}
		lines = append(lines, l)
	}
	if err := cmd.Wait(); err != nil {
		lines = append(lines, load.Line{Peer: s.Peer, Work: s.Work.Name, Rep: s.Rep, X: s.Point, Pinned: s.pin, Metric: "error", Err: err.Error()})
	}
	return lines, nil
}
