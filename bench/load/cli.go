package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"time"
)

// cli runs a call from the shell again and again, each a whole process.
func (m *meter) cli() error {
	args, err := m.p.command(m.path)
	if err != nil {
		return err
	}
	call := func() error {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, bytes.TrimSpace(out))
		}
		if !bytes.Contains(out, []byte(sample().URI)) {
			return fmt.Errorf("%s: %w: %s", args[0], errEcho, bytes.TrimSpace(out))
		}
		return nil
	}
	if err := call(); err != nil {
		return err
	}
	var took []float64
	from := m.mark()
	for prev := from.at; prev.Sub(from.at) < m.time; {
		if err := call(); err != nil {
			return err
		}
		now := time.Now()
		took = append(took, now.Sub(prev).Seconds()*1e3)
		prev = now
	}
	u := m.since(from)
	slices.Sort(took)
	m.emit("p50 ms", took[len(took)/2], u.others)
	m.emit("p99 ms", took[len(took)*99/100], u.others)
	return nil
}
