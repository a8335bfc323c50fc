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
	"time"
)

// toolsDir names the folder of what was built for this run, for the processes
// that measure.
const toolsDir = "BENCH_TOOLS"

func tool(name string) string { return filepath.Join(os.Getenv(toolsDir), name) }

func run(c *config) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	os.Setenv(toolsDir, dir)
	exes, err := build(c)
	if err != nil {
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

	var lines []line
	failed := 0
	steps := c.steps()
	for i, s := range steps {
		if c.out != "" && (i == 0 || s.work != steps[i-1].work) {
			fmt.Fprintf(os.Stderr, "bench: %d of %d, %s, %s\n", i+1, len(steps), s.work.name, cores(s.pin))
		}
		got, err := c.spawn(exes[s.peer.name], s)
		if err != nil {
			return err
		}
		for _, l := range got {
			if l.Err != "" {
				failed++
				fmt.Fprintf(os.Stderr, "bench: %s, %s: %s\n", l.Peer, l.what(), l.Err)
			}
			if l.Note != "" {
				fmt.Fprintf(os.Stderr, "bench: %s, %s: %s\n", l.Peer, l.what(), l.Note)
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

// step is one process that measures.
type step struct {
	peer  *peer
	work  *work
	point int
	rep   int
	pin   bool
}

// steps orders them so that what will be compared is measured one after the other.
func (c *config) steps() (steps []step) {
	for rep := range c.reps {
		for _, pin := range c.pins {
			for _, name := range c.works {
				w := workNamed(name)
				if w.points != nil && pin && len(c.pins) > 1 {
					continue // curves are of all cores
				}
				for _, point := range w.at(c) {
					for _, p := range c.peers {
						if p := peerNamed(p); p.can(w) {
							steps = append(steps, step{p, w, point, rep, pin})
						}
					}
				}
			}
		}
	}
	return steps
}

// at is where a work is measured: a point of zero is a work without points.
func (w *work) at(c *config) []int {
	switch {
	case w.points == nil:
		return []int{0}
	case c.smoke:
		return []int{w.points[1]}
	}
	return w.points
}

// build makes the programs that peers need, and returns for each peer the
// program that measures it: another one than this where cgo is needed.
func build(c *config) (map[string]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	exes := make(map[string]string)
	for _, name := range c.peers {
		exes[name] = self
		p := peerNamed(name)
		if p.build == nil || !c.uses(p) {
			continue
		}
		exe, err := p.build(os.Getenv(toolsDir))
		if err != nil {
			return nil, fmt.Errorf("building what %s needs: %w", name, err)
		}
		if exe != "" {
			exes[name] = exe
		}
	}
	return exes, nil
}

func (c *config) uses(p *peer) bool {
	for _, name := range c.works {
		if p.can(workNamed(name)) {
			return true
		}
	}
	return false
}

// command runs a program and has its output in the error.
func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// spawn measures in a fresh client process, pinned if asked: its server inherits that.
func (c *config) spawn(exe string, s step) (lines []line, err error) {
	args := []string{exe, "-one", fmt.Sprintf("%s:%s:%d:%d", s.peer.name, s.work.name, s.point, s.rep), "-time", c.time.String()}
	if c.smoke {
		args = append(args, "-smoke")
	}
	if s.pin {
		args = append([]string{"taskset", "-c", fmt.Sprint(runtime.NumCPU() - 1)}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for in := bufio.NewScanner(out); in.Scan(); {
		l := line{Pinned: s.pin}
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, errors.Join(fmt.Errorf("%s, %s: %w", s.peer.name, s.work.name, err), cmd.Process.Kill(), cmd.Wait())
		}
		lines = append(lines, l)
	}
	if err := cmd.Wait(); err != nil {
		lines = append(lines, line{Peer: s.peer.name, Work: s.work.name, Rep: s.rep, X: s.point, Pinned: s.pin, Metric: "error", Err: err.Error()})
	}
	return lines, nil
}

// patience is how long a measurement may take before it counts as hung.
func patience(w *work, d time.Duration) time.Duration {
	if w.points != nil {
		return 3*d + 5*time.Minute
	}
	return 3*d + time.Minute
}
