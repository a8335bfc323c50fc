// Command capnp starts a server and clients of Cap'n Proto, which bench builds from echo.c++.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/sabir-ipc/sabir/bench/load"
)

// Cap'n Proto is measured in C++, both ends: its Go module is not to be had.
func main() {
	p := load.Peer{Name: "capnp", Serve: serve, Dial: dial, Works: make(map[string]func(*load.Meter) error)}
	for _, work := range []string{"unary", "flight", "sub1", "sub100", "blob", "idle"} {
		p.Works[work] = func(m *load.Meter) error { return measure(m, work) }
	}
	load.Main(p)
}

func serve(path string) error {
	if err := load.StartChild(load.Tool("capnp-echo"), "serve", path); err != nil {
		return err
	}
	select {} // until stdin closes
}

// dial only shows that the server is up.
func dial(path string) (load.Client, error) {
	c, err := net.Dial("unix", path)
	return probe{Conn: c}, err
}

type probe struct {
	net.Conn
	load.Unsubscribable
}

func (probe) Echo(*load.Msg) (load.Msg, error) { return load.Msg{}, errors.ErrUnsupported }
func (probe) EchoBytes([]byte) ([]byte, error) { return nil, errors.ErrUnsupported }

// measure has the C++ client do the work: it says when it begins and ends.
func measure(m *load.Meter, name string) error {
	seconds := max(m.Time.Seconds(), 0.2) // it takes long turns at each connection
	count := map[string]int{"sub100": 100, "idle": 1000}[name]
	program := name
	if strings.HasPrefix(name, "sub") {
		program = "push"
	}
	cmd := exec.Command(load.Tool("capnp-echo"), program, m.Path, fmt.Sprint(seconds), fmt.Sprint(m.Few(max(count, 1))))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Wait()
	defer in.Close()
	lines := bufio.NewReader(out)
	if l, err := lines.ReadString('\n'); l != "begin\n" {
		return errors.Join(err, fmt.Errorf("the client said %q", l))
	}
	from := m.Mark()
	before := m.Server.Usage().RSS
	if name == "idle" {
		fmt.Fprintln(in)
	}
	l, err := lines.ReadString('\n')
	var n, p50, p99 float64
	if _, bad := fmt.Sscanf(l, "end %g %g %g", &n, &p50, &p99); bad != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("the client said %q", l))
	}
	u := m.Since(from)
	switch name {
	case "idle":
		m.Settle()
		m.Emit("KiB a connection", float64(m.Server.Usage().RSS-before)/n, 0)
	case "unary":
		m.Emit("p50 µs", p50, u.Others)
		m.Emit("p99 µs", p99, u.Others)
		m.Emit("CPU µs a call", u.CPU/n*1e6, u.Others)
	case "flight":
		m.Emit("calls/s", n/u.Seconds, u.Others)
		m.Emit("CPU µs a call", u.CPU/n*1e6, u.Others)
	case "blob":
		m.Emit("MB/s", n*load.BlobSize/1e6/u.Seconds, u.Others)
	default:
		m.Emit("items/s", n/u.Seconds, u.Others)
		m.Emit("CPU µs an item", u.CPU/n*1e6, u.Others)
	}
	return nil
}
