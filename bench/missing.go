package main

import (
	"errors"
	"os/exec"
	"path/filepath"
)

// ZeroMQ is a C library. What uses it is built with the tag zmq, by a run of
// bench that finds libzmq: all else then builds without.
var zeromqPeer = &peer{
	name:  "zeromq",
	note:  "pebbe/zmq4 on libzmq, ready bytes without codec: REQ/REP, DEALER/ROUTER, XPUB/SUB",
	works: []string{"unary", "flight", "sub1", "sub100", "blob", "idle"},
	build: func(dir string) (string, error) {
		exe := filepath.Join(dir, "bench-zmq")
		return exe, command("go", "build", "-tags", "zmq", "-o", exe, "github.com/sabir-ipc/sabir/bench")
	},
	missing: func() string {
		for _, args := range [][]string{{"gcc", "--version"}, {"pkg-config", "--exists", "libzmq"}} {
			if exec.Command(args[0], args[1:]...).Run() != nil {
				return "libzmq with its headers, gcc and pkg-config: apt-get install libzmq3-dev gcc pkg-config"
			}
		}
		return ""
	},
	serve: zeromqServe,
	dial:  zeromqDial,
}

var errWithoutZeroMQ = errors.New("built without libzmq (tag zmq)")
