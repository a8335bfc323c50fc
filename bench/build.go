package main

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const module = "github.com/sabir-ipc/sabir"

// build makes in dir what these peers need: a program for each library, since
// what a program links and does not use slows it down all the same.
func build(dir string, peers []*peer) error {
	if len(peers) == 0 {
		return nil // without a name, go build would take what is here
	}
	var programs []string
	for _, p := range peers {
		client, server := p.programs()
		programs = append(programs, client, server)
	}
	slices.Sort(programs)
	if err := buildPrograms(dir, slices.Compact(programs)...); err != nil {
		return err
	}
	for _, p := range peers {
		if p.build == nil {
			continue
		}
		if err := p.build(dir); err != nil {
			return fmt.Errorf("building what %s needs: %w", p.name, err)
		}
	}
	return nil
}

// buildPrograms has the tag of ZeroMQ for all: it changes nothing in the others.
func buildPrograms(dir string, names ...string) error {
	args := []string{"build", "-tags", "zmq", "-o", dir + "/"}
	for _, name := range names {
		args = append(args, module+"/bench/peers/"+name)
	}
	return command("go", args...)
}

// buildSabir makes the command, whose name a program of peers/ has too.
func buildSabir(dir string) error {
	return command("go", "build", "-o", filepath.Join(dir, "command", "sabir"), module+"/cmd/sabir")
}

// buildNATS makes the broker.
func buildNATS(dir string) error { return buildPrograms(dir, "nats-server") }

//go:embed peers/capnp/echo.*
var capnpSource embed.FS

func buildCapnp(dir string) error {
	if err := os.CopyFS(dir, capnpSource); err != nil {
		return err
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "capnp-rpc").Output()
	if err != nil {
		return fmt.Errorf("pkg-config: %w", err)
	}
	src := filepath.Join(dir, "peers", "capnp")
	if err := command("capnp", "compile", "-oc++:"+src, "--src-prefix="+src, filepath.Join(src, "echo.capnp")); err != nil {
		return err
	}
	args := []string{"-O2", "-std=c++17", "-o", filepath.Join(dir, "capnp-echo"), filepath.Join(src, "echo.c++"), filepath.Join(src, "echo.capnp.c++")}
	return command("g++", append(args, strings.Fields(string(flags))...)...)
}

// command runs a program and has its output in the error.
func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
