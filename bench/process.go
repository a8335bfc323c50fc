package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is the process of a peer's server. It answers a line on stdin with
// what it has used, and ends with its stdin.
type server struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// usage is what a process has used so far.
type usage struct {
	CPU float64 // seconds
	RSS int64   // KiB
}

func ownUsage() usage {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	u := usage{CPU: seconds(r.Utime) + seconds(r.Stime)}
	status, _ := os.ReadFile("/proc/self/status")
	for l := range strings.Lines(string(status)) {
		if strings.HasPrefix(l, "VmRSS:") {
			u.RSS, _ = strconv.ParseInt(strings.Fields(l)[1], 10, 64)
		}
	}
	return u
}

func startServer(p *peer, path string) (*server, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.Command(exe, "-serve", p.name, "-socket", path)}
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 1000 {
		if c, err := p.dial(path); err == nil {
			c.Close()
			return s, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("the server did not come up")
}

func (s *server) usage() (u usage) {
	io.WriteString(s.in, "\n")
	l, _ := s.out.ReadBytes('\n')
	json.Unmarshal(l, &u)
	return u
}

func (s *server) stop() {
	s.in.Close()
	kill := time.AfterFunc(time.Second, func() { s.cmd.Process.Kill() })
	defer kill.Stop()
	s.cmd.Wait()
}

// serve is the server process.
func serve(p *peer, path string) error {
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			json.NewEncoder(os.Stdout).Encode(ownUsage())
		}
		os.Exit(0)
	}()
	return p.serve(path)
}

// moment is when a measurement began, and what had been used by then.
type moment struct {
	at       time.Time
	own, srv usage
	machine  float64
}

type spent struct {
	seconds float64
	cpu     float64 // of both ends
	others  float64 // cores that others used
}

func (m *meter) mark() moment {
	return moment{time.Now(), ownUsage(), m.srv.usage(), machineCPU()}
}

func (m *meter) since(a moment) spent {
	b := m.mark()
	s := spent{seconds: b.at.Sub(a.at).Seconds(), cpu: b.own.CPU - a.own.CPU + b.srv.CPU - a.srv.CPU}
	s.others = max(0, (b.machine-a.machine-s.cpu)/s.seconds)
	return s
}

// machineCPU is the CPU time that all processes and the hypervisor took so far.
func machineCPU() float64 {
	stat, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(stat), "\n")
	f := strings.Fields(first)
	total := 0.0
	for _, i := range []int{1, 2, 3, 6, 7, 8} { // user nice system irq softirq steal
		if i < len(f) {
			ticks, _ := strconv.ParseFloat(f[i], 64)
			total += ticks / 100
		}
	}
	return total
}

// measureOnce runs one work on one peer, with a fresh server.
func measureOnce(p *peer, work string, d time.Duration, rep int, emit func(line)) {
	l := line{Peer: p.name, Work: work, Rep: rep}
	fail := func(err error) {
		l.Metric, l.Err = "error", err.Error()
		emit(l)
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		fail(err)
		return
	}
	defer os.RemoveAll(dir)
	m := &meter{p: p, path: dir + "/s.sock", time: d}
	m.emit = func(metric string, value, others float64) {
		l.Metric, l.Value, l.Others = metric, value, others
		emit(l)
	}
	if m.srv, err = startServer(p, m.path); err != nil {
		fail(err)
		return
	}
	defer m.srv.stop()
	for _, w := range works {
		if w.name != work {
			continue
		}
		done := make(chan error, 1)
		go func() { done <- w.run(m) }()
		select {
		case err = <-done:
		case <-time.After(3*d + 20*time.Second):
			err = errors.New("hung")
		}
		if err != nil {
			fail(err)
		}
		return
	}
	fail(fmt.Errorf("no work %q", work))
}
