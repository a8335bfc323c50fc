// Sabir lists, describes, calls and watches the services of this machine, and
// of others, from a shell.
//
// Results go to stdout, everything else to stderr. Exit status: 0 done,
// 1 answered with an error, 2 wrong usage, 3 nobody answered or it was not run,
// 4 too late, 130 interrupted.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	world := process()
	ctx, release := interruptible()
	world.release = release
	os.Exit(run(ctx, os.Args[1:], world))
}

// stdio is the world as a command sees it.
type stdio struct {
	in     io.Reader
	out    io.Writer
	errout io.Writer
	outTTY bool // out is a terminal
	errTTY bool
	getenv func(string) string
	// release leaves signals to the command, which has to have an answer to them;
	// nil: they are nobody's.
	release func()
}

func process() stdio {
	return stdio{
		in: os.Stdin, out: os.Stdout, errout: os.Stderr,
		outTTY: term.IsTerminal(int(os.Stdout.Fd())),
		errTTY: term.IsTerminal(int(os.Stderr.Fd())),
		getenv: os.Getenv,
	}
}

// interruption is why the context of a command ended: a signal.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string { return fmt.Sprintf("interrupted (%v)", i.signal) }
func (i interruption) exit() int     { return 128 + int(i.signal) }

// together is how close signals come that were meant as one: timeout(1), for
// one, signals the process and then its group. Without it they would be two.
const together = 100 * time.Millisecond

// interruptible returns a context that the first SIGINT or SIGTERM ends, unless
// it was released before. The second ends the process: whoever presses Ctrl-C
// again has waited enough. The goroutine lives as long as the process.
func interruptible() (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		first := interruption{(<-signals).(syscall.Signal)}
		at := time.Now()
		cancel(first)
		for s := range signals {
			if time.Since(at) > together {
				os.Exit(interruption{s.(syscall.Signal)}.exit())
			}
		}
	}()
	return ctx, func() { signal.Stop(signals) }
}
