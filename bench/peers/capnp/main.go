package main

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Cap'n Proto is measured in C++, both ends: its Go module is not to be had.
var capnpPeer = &peer{
	name: "capnp",
	note: "Cap'n Proto in C++, both ends",
	missing: func() string {
		for _, args := range [][]string{{"g++", "--version"}, {"capnp", "--version"}, {"pkg-config", "--exists", "capnp-rpc"}} {
			if exec.Command(args[0], args[1:]...).Run() != nil {
				return "Cap'n Proto with its headers, g++ and pkg-config: apt-get install capnproto libcapnp-dev g++ pkg-config"
			}
		}
		return ""
	},
	build: buildCapnp,
	serve: func(path string) error {
		if err := startChild(tool("capnp-echo"), "serve", path); err != nil {
			return err
		}
		select {} // until stdin closes
	},
	dial: func(path string) (client, error) { // only shows that the server is up
		c, err := net.Dial("unix", path)
		return capnpProbe{Conn: c}, err
	},
	measure: measureCapnp,
}

//go:embed capnp
var capnpSource embed.FS

func buildCapnp(dir string) (exe string, err error) {
	if err := os.CopyFS(dir, capnpSource); err != nil {
		return "", err
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "capnp-rpc").Output()
	if err != nil {
		return "", fmt.Errorf("pkg-config: %w", err)
	}
	src := filepath.Join(dir, "capnp")
	if err := command("capnp", "compile", "-oc++:"+src, "--src-prefix="+src, filepath.Join(src, "echo.capnp")); err != nil {
		return "", err
	}
	args := []string{"-O2", "-std=c++17", "-o", filepath.Join(dir, "capnp-echo"), filepath.Join(src, "echo.c++"), filepath.Join(src, "echo.capnp.c++")}
	return "", command("g++", append(args, strings.Fields(string(flags))...)...)
}

type capnpProbe struct {
	net.Conn
	unsubscribable
}

func (capnpProbe) Echo(*Msg) (Msg, error)           { return Msg{}, errors.ErrUnsupported }
func (capnpProbe) EchoBytes([]byte) ([]byte, error) { return nil, errors.ErrUnsupported }

// measureCapnp has the C++ client do the work: it says when it begins and ends.
func measureCapnp(m *meter, name string) error {
	seconds := max(m.time.Seconds(), 0.2) // it takes long turns at each connection
	count := map[string]int{"sub100": 100, "idle": 1000}[name]
	program := name
	if strings.HasPrefix(name, "sub") {
		program = "push"
	}
	cmd := exec.Command(tool("capnp-echo"), program, m.path, fmt.Sprint(seconds), fmt.Sprint(m.few(max(count, 1))))
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
	from := m.mark()
	before := m.srv.usage().RSS
	if name == "idle" {
		fmt.Fprintln(in)
	}
	l, err := lines.ReadString('\n')
	var n, p50, p99 float64
	if _, bad := fmt.Sscanf(l, "end %g %g %g", &n, &p50, &p99); bad != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("the client said %q", l))
	}
	u := m.since(from)
	switch name {
	case "idle":
		m.settle()
		m.emit("KiB a connection", float64(m.srv.usage().RSS-before)/n, 0)
	case "unary":
		m.emit("p50 µs", p50, u.others)
		m.emit("p99 µs", p99, u.others)
		m.emit("CPU µs a call", u.cpu/n*1e6, u.others)
	case "flight":
		m.emit("calls/s", n/u.seconds, u.others)
		m.emit("CPU µs a call", u.cpu/n*1e6, u.others)
	case "blob":
		m.emit("MB/s", n*blobSize/1e6/u.seconds, u.others)
	default:
		m.emit("items/s", n/u.seconds, u.others)
		m.emit("CPU µs an item", u.cpu/n*1e6, u.others)
	}
	return nil
}
