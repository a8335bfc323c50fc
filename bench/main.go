// Command bench measures Sabir beside raw sockets and beside what else people
// pick: server and client are processes of their own over a unix socket, fresh
// for each measurement; the repetitions of the peers are interleaved; what
// counts are medians and the ratios to raw within one repetition.
//
// Each peer is a program of its own (peers/), that links its library and what
// measures it (load/), for what a program links and does not use costs it in
// every cycle of the collector. This one builds those that a run needs, starts
// them, and shows the figures; what there is to measure is in peers.go.
//
//	go run ./bench                         # Sabir, raw sockets and net/rpc, three times
//	go run ./bench -peers all              # beside everyone who can run here
//	go run ./bench -pin                    # all on one core: the steady measure of path length
//	go run ./bench -works scale            # cost against connections, subscribers, sizes, rows
//	go run ./bench -peers sabir-tls,sabir-tls-json,grpc-tls -works unary    # TLS 1.3 over TCP on loopback
//	go run ./bench -peers sabir-tls-json -works hostile -time 10s           # quiet, then beside a thousand hostile connections
//	go run ./bench -peers sabir-hub-cbor -works beside -time 6s             # through a hub, beside a slow service there
//	go run ./bench -peers sabir-websocket,sabir-post,connect,http-json -works unary   # HTTP on the unix socket
//	go run ./bench -one sabir-cbor:unary:0:0                                # a single measurement, as lines of JSON
//	go run ./bench -full -out all.jsonl    # what docs/performance.md shows, half an hour and more
//	go run ./bench -report all.jsonl       # writes it there
//
// It installs nothing. What a peer lacks is told, with how to get it.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

type config struct {
	peers, works []string
	reps         int
	time         time.Duration
	pins         []bool // one pass for each: all on one core or not
	json, smoke  bool
	out          string
}

func main() {
	var c config
	peerList := flag.String("peers", "", "which, by commas: all, or of "+strings.Join(peerNames(), ", ")+" (default "+strings.Join(quick, ",")+"); raw is always measured")
	workList := flag.String("works", "all", "which, by commas: all, scale, or of "+strings.Join(workNames(), ", "))
	flag.IntVar(&c.reps, "reps", 3, "interleaved repetitions")
	flag.DurationVar(&c.time, "time", time.Second, "of each measurement")
	pin := flag.Bool("pin", false, "run everything on one core (taskset)")
	flag.BoolVar(&c.json, "json", false, "print a JSON line for each figure instead of tables")
	flag.StringVar(&c.out, "out", "", "write a JSON line for each figure to this file as well")
	flag.BoolVar(&c.smoke, "smoke", false, "only show that all works: every peer that can run here, once, short and small")
	full := flag.Bool("full", false, "everything that docs/performance.md shows: all peers and works, five times, on all cores and on one")
	reportFrom := flag.String("report", "", "write docs/performance.md from a file of -out, and measure nothing")
	sections := flag.String("sections", "", "which of the page -report writes, by commas (default: all)")
	page := flag.String("page", "docs/performance.md", "the page of -report")
	svg := flag.String("svg", "", "folder for the curves of -report (default: a folder beside the page, with its name)")
	one := flag.String("one", "", "make the one measurement PEER:WORK:POINT:REP and print its lines")
	flag.Parse()

	c.pins = []bool{*pin}
	var err error
	switch {
	case *one != "":
		err = c.one(*one)
	case *reportFrom != "":
		err = report(*reportFrom, *page, *svg, strings.FieldsFunc(*sections, func(r rune) bool { return r == ',' }))
	default:
		if *full {
			*peerList, *workList, c.reps, c.pins = "all", "all,scale", max(c.reps, 5), []bool{true, false}
		}
		if c.smoke {
			*peerList, *workList, c.reps, c.time = "all", "all,scale", 1, 20*time.Millisecond
		}
		if err = c.choose(*peerList, *workList); err == nil {
			err = run(&c)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
