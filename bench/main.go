// Command bench measures Sabir beside raw sockets: server and client are
// processes of their own over a unix socket, fresh for each measurement; the
// repetitions of the peers are interleaved; what counts are medians and the
// ratios to raw within one repetition.
//
//	go run ./bench              # everything, three times
//	go run ./bench -pin         # all on one core: the steady measure of path length
//	go run ./bench -json        # a JSON line for each figure
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type config struct {
	peers, works []string
	reps         int
	time         time.Duration
	pin, json    bool
}

func main() {
	var c config
	peerList := flag.String("peers", "all", "which, by commas; raw is always measured")
	workList := flag.String("works", "all", "which, by commas: "+strings.Join(workNames(), ", "))
	flag.IntVar(&c.reps, "reps", 3, "interleaved repetitions")
	flag.DurationVar(&c.time, "time", time.Second, "of each measurement")
	flag.BoolVar(&c.pin, "pin", false, "run everything on one core (taskset)")
	flag.BoolVar(&c.json, "json", false, "print a JSON line for each figure instead of tables")
	smoke := flag.Bool("smoke", false, "only show that everything works: short, once")
	serveName := flag.String("serve", "", "be the server of that peer (used by bench itself)")
	socket := flag.String("socket", "", "where (used by bench itself)")
	one := flag.String("one", "", "measure PEER:WORK:REP and print lines (used by bench itself)")
	flag.Parse()
	raiseFiles()

	var err error
	switch {
	case *serveName != "":
		err = serve(peerNamed(*serveName), *socket)
	case *one != "":
		err = runOne(*one, c.time)
	default:
		c.peers, c.works = split(*peerList, peerNames()), split(*workList, workNames())
		if *smoke {
			c.reps, c.time = 1, 50*time.Millisecond
		}
		err = run(&c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func split(list string, all []string) []string {
	if list == "all" {
		return all
	}
	return strings.Split(list, ",")
}

func peerNames() (names []string) {
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

func workNames() (names []string) {
	for _, w := range works {
		names = append(names, w.name)
	}
	return names
}

func run(c *config) error {
	for _, n := range c.peers {
		if peerNamed(n) == nil {
			return fmt.Errorf("no peer %q; there are %s", n, strings.Join(peerNames(), ", "))
		}
	}
	if !slices.Contains(c.peers, "raw") {
		c.peers = append([]string{"raw"}, c.peers...)
	}
	var lines []line
	failed := 0
	for rep := range c.reps {
		for _, w := range c.works {
			for _, p := range c.peers {
				got, err := spawn(c, p, w, rep)
				if err != nil {
					return err
				}
				for _, l := range got {
					if l.Err != "" {
						failed++
						fmt.Fprintf(os.Stderr, "bench: %s, %s: %s\n", l.Peer, l.Work, l.Err)
					}
					if c.json {
						json.NewEncoder(os.Stdout).Encode(l)
					}
				}
				lines = append(lines, got...)
			}
		}
	}
	if !c.json {
		printTables(os.Stdout, lines, c.peers)
	}
	if failed > 0 {
		return fmt.Errorf("%d measurements failed", failed)
	}
	return nil
}

// spawn measures in a fresh client process, pinned if asked: its server inherits that.
func spawn(c *config, p, w string, rep int) (lines []line, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{exe, "-one", fmt.Sprintf("%s:%s:%d", p, w, rep), "-time", c.time.String()}
	if c.pin {
		args = append([]string{"taskset", "-c", fmt.Sprint(runtime.NumCPU() - 1)}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for in := bufio.NewScanner(out); in.Scan(); {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", p, w, err)
		}
		lines = append(lines, l)
	}
	return lines, cmd.Wait()
}

func runOne(spec string, d time.Duration) error {
	parts := strings.Split(spec, ":")
	if len(parts) != 3 || peerNamed(parts[0]) == nil {
		return fmt.Errorf("-one takes PEER:WORK:REP, got %q", spec)
	}
	rep := 0
	fmt.Sscan(parts[2], &rep)
	out := json.NewEncoder(os.Stdout)
	measureOnce(peerNamed(parts[0]), parts[1], d, rep, func(l line) { out.Encode(l) })
	return nil
}

// raiseFiles lets a process have as many connections as it may.
func raiseFiles() {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) == nil {
		r.Cur = r.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r)
	}
}
