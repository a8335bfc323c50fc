package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine is where and with what a run measured: the first of its JSON lines.
type machine struct {
	Date     string            `json:"date"`
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	Kernel   string            `json:"kernel"`
	Go       string            `json:"go"`
	Commit   string            `json:"commit,omitempty"`
	Reps     int               `json:"reps"`
	Seconds  float64           `json:"seconds"` // of each measurement
	Versions map[string]string `json:"versions"`
	Without  map[string]string `json:"without,omitempty"` // peers that could not run, and what they lack
}

// modules are those whose version says what was measured.
var modules = []string{
	"connectrpc.com/connect", "github.com/containerd/ttrpc", "github.com/ethereum/go-ethereum", "github.com/godbus/dbus/v5",
	"github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "github.com/sourcegraph/jsonrpc2", "github.com/varlink/go",
	"google.golang.org/grpc", "google.golang.org/protobuf", "storj.io/drpc",
}

func thisMachine(c *config) machine {
	m := machine{
		Date: time.Now().UTC().Format(time.DateOnly), Cores: runtime.NumCPU(), Go: runtime.Version(),
		Reps: c.reps, Seconds: c.time.Seconds(), Versions: make(map[string]string), Without: make(map[string]string),
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for l := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel = strings.TrimSpace(string(kernel))
	m.Commit = firstLine("git", "rev-parse", "--short", "HEAD")
	out, _ := exec.Command("go", append([]string{"list", "-m"}, modules...)...).Output()
	for l := range strings.Lines(string(out)) {
		if path, version, ok := strings.Cut(strings.TrimSpace(l), " "); ok {
			m.Versions[path] = version
		}
	}
	for name, version := range map[string]string{
		"dbus-daemon": firstLine("dbus-daemon", "--version"), "mpd": firstLine("mpd", "--version"),
		"libzmq": firstLine("pkg-config", "--modversion", "libzmq"), "capnp": firstLine("capnp", "--version"),
	} {
		if version != "" {
			m.Versions[name] = version
		}
	}
	for _, p := range peers {
		if lacks := p.lacks(); lacks != "" {
			m.Without[p.name] = lacks
		}
	}
	return m
}

// firstLine is what a program says first, or nothing.
func firstLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}
