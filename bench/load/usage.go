package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is what a process has used so far.
type Usage struct {
	CPU float64 // seconds
	RSS int64   // KiB
}

// ownUsage is that of this process alone: a client's only child is the server, which
// tells its own.
func ownUsage() Usage {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return Usage{CPU: seconds(r.Utime) + seconds(r.Stime), RSS: residentKiB("self")}
}

// serverUsage is that of this process and of the daemons that it started.
func serverUsage() Usage {
	u := ownUsage()
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, t := range tasks {
		children, _ := os.ReadFile(t)
		for _, pid := range strings.Fields(string(children)) {
			u.CPU += processCPU(pid)
			u.RSS += residentKiB(pid)
		}
	}
	return u
}

func residentKiB(pid string) (kib int64) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%s/status", pid))
	for l := range strings.Lines(string(status)) {
		if strings.HasPrefix(l, "VmRSS:") {
			kib, _ = strconv.ParseInt(strings.Fields(l)[1], 10, 64)
		}
	}
	return kib
}

// processCPU is good to a hundredth of a second.
func processCPU(pid string) float64 {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%s/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ") // the name before may have blanks
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
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

// Moment is when a measurement began, and what had been used by then.
type Moment struct {
	At       time.Time
	own, srv Usage
	machine  float64
}

// Spent is what a measurement took.
type Spent struct {
	Seconds float64
	CPU     float64 // of both ends
	Others  float64 // cores that others used
}

func (m *Meter) Mark() Moment {
	return Moment{time.Now(), ownUsage(), m.Server.Usage(), machineCPU()}
}

func (m *Meter) Since(a Moment) Spent {
	b := m.Mark()
	s := Spent{Seconds: b.At.Sub(a.At).Seconds(), CPU: b.own.CPU - a.own.CPU + b.srv.CPU - a.srv.CPU}
	s.Others = max(0, (b.machine-a.machine-s.CPU)/s.Seconds)
	return s
}
