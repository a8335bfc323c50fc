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
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, release := interruptible()
	world := process(ctx)
	world.release = release
	os.Exit(run(ctx, os.Args[1:], world))
}

// interruption is why the context of a command ended: a signal.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string { return fmt.Sprintf("interrupted (%v)", i.signal) }
func (i interruption) exit() int     { return 128 + int(i.signal) }

// together is how close signals come that were meant as one: timeout(1), for
// one, signals the process and then its group. Without it they would be two.
const together = 100 * time.Millisecond

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP ends,
// unless it was released before. SIGHUP does not where it was ignored: nohup(1)
// means that. The second signal ends the process: whoever presses Ctrl-C again has
// waited enough. The goroutine lives as long as the process.
func interruptible() (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
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
