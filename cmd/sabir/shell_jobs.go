package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"syscall"
)

// jobs are what runs in the background of a shell.
type jobs struct {
	mu      sync.Mutex
	last    int
	running map[int]*job
	waiting sync.WaitGroup
}

type job struct {
	line string
	stop func()
	done chan struct{}
}

// start runs a function in the background. What it prints has its number before
// each line.
func (j *jobs) start(ctx context.Context, line string, out io.Writer, run func(ctx context.Context, out io.Writer)) {
	ctx, end := context.WithCancelCause(ctx)
	cancel := func() { end(interruption{syscall.SIGINT}) } // which is no news to whoever did it
	this := &job{line, cancel, make(chan struct{})}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.running) == 0 {
		j.running, j.last = make(map[int]*job), 0
	}
	j.last++
	n := j.last
	j.running[n] = this
	j.waiting.Go(func() {
		defer close(this.done)
		defer cancel()
		run(ctx, &marked{out: out, mark: fmt.Sprintf("[%d] ", n)})
		j.mu.Lock()
		delete(j.running, n)
		j.mu.Unlock()
	})
}

// stopOne ends a job, and waits for it.
func (j *jobs) stopOne(n int) bool {
	j.mu.Lock()
	this := j.running[n]
	j.mu.Unlock()
	if this == nil {
		return false
	}
	this.stop()
	<-this.done
	return true
}

// stop ends all of them, and waits.
func (j *jobs) stop() {
	j.mu.Lock()
	for _, this := range j.running {
		this.stop()
	}
	j.mu.Unlock()
	j.waiting.Wait()
}

func (j *jobs) list(out io.Writer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(j.running)) {
		fmt.Fprintf(out, "[%d] %s\n", n, escape(j.running[n].line, false))
	}
}

// marked writes whole lines, each with a mark before it, so that what comes from
// the background never stands in the middle of something else.
type marked struct {
	out  io.Writer
	mark string
	rest []byte
}

func (m *marked) Write(p []byte) (int, error) {
	m.rest = append(m.rest, p...)
	var text []byte
	for {
		line, rest, ok := bytes.Cut(m.rest, []byte("\n"))
		if !ok {
			break
		}
		text = append(append(append(text, m.mark...), line...), '\n')
		m.rest = rest
	}
	if len(text) == 0 {
		return len(p), nil
	}
	_, err := m.out.Write(text)
	return len(p), err
}
