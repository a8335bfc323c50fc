// Package faults_test kills and stops real processes in the middle of their
// work: a hub, a service that it has, and those who use it. What each of them
// has seen is then held against what was: nothing is lost that was not told,
// nothing comes twice, no call runs twice.
package faults_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
)

const (
	roleEnv   = "SABIR_FAULTS_ROLE"
	commonEnv = "SABIR_FAULTS_COMMON" // the numbers are the same for everyone, and the hub may merge their subscribers
)

// The processes are this test's own program, by the role that it is given.
func TestMain(m *testing.M) {
	roles := map[string]func(context.Context, string) error{
		"hub": runHub, "service": runService, "user": runUser, "server": runServer, "away": runAway,
	}
	role, ok := roles[os.Getenv(roleEnv)]
	if !ok {
		flag.Parse()
		flag.Set("test.parallel", "8") // what is parallel here waits, most of the time
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() { // nobody outlives the test
		bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(3)
	}()
	if err := role(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, os.Getenv(roleEnv)+":", err)
		os.Exit(1)
	}
}

var quiet = slog.New(slog.DiscardHandler)

func runHub(ctx context.Context, dir string) error {
	return hub.Serve(ctx, &hub.Options{Serve: sabir.ServeOptions{Log: quiet, Grace: time.Second}})
}

type (
	number struct{ N int }
	callID struct {
		ID  string
		Pad []byte `sabir:",optional"`
	}
)

// newService publishes numbers at a pace, and notes each that it is about to, and
// each call that it runs: a note that is written outlives the process.
func newService(ctx context.Context, dir string, pace time.Duration) (*sabir.Service, error) {
	published, last, err := notes(filepath.Join(dir, "published"))
	if err != nil {
		return nil, err
	}
	runs, _, err := notes(filepath.Join(dir, "runs"))
	if err != nil {
		return nil, err
	}
	s := sabir.NewService("history", "1.0", "Publishes numbers and runs calls.")
	var opts []sabir.MemberOption
	if os.Getenv(commonEnv) != "" {
		opts = append(opts, sabir.Common)
	}
	numbers := sabir.NewTopic[number, sabir.None](s, "numbers", opts...)
	sabir.NewTopic[number, sabir.None](s, "silence", sabir.Doc("Nothing is ever published."))
	sabir.Method(s, "hang", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		<-ctx.Done()
		return sabir.None{}, ctx.Err()
	})
	sabir.Method(s, "run", func(_ context.Context, in callID) (sabir.None, error) {
		_, err := fmt.Fprintln(runs, in.ID)
		time.Sleep(time.Millisecond)
		return sabir.None{}, err
	})
	if err := numbers.Keep(sabir.None{}); err != nil {
		return nil, err
	}
	go func() {
		for n := last + 1; ctx.Err() == nil; n++ {
			fmt.Fprintln(published, n)
			numbers.Publish(sabir.None{}, number{n})
			time.Sleep(pace)
		}
	}()
	return s, nil
}

// runService offers it at a hub.
func runService(ctx context.Context, dir string) error {
	s, err := newService(ctx, dir, 200*time.Microsecond)
	if err != nil {
		return err
	}
	for ctx.Err() == nil { // the hub may not be there yet
		err := sabir.Export(ctx, "hub", s, &sabir.ExportOptions{DialOptions: sabir.DialOptions{Log: quiet}})
		if err != nil && !errors.Is(err, sabir.ErrUnavailable) && !errors.As(err, new(sabir.Taken)) && !errors.Is(err, sabir.ErrOutcomeUnknown) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// runServer offers it over TLS, on a machine of its own, to whoever is in the file
// of credentials, and says who comes and goes.
func runServer(ctx context.Context, dir string) error {
	s, err := newService(ctx, dir, 5*time.Millisecond)
	if err != nil {
		return err
	}
	err = sabir.ListenAndServe(ctx, filepath.Join(dir, "history.sock"), s, &sabir.ServeOptions{
		Env: stateIn(dir), Log: quiet, Grace: time.Second, Listen: []string{os.Args[2]},
		Connected: func(sabir.Caller) func() {
			fmt.Println("comes", time.Now().UnixNano())
			return func() { fmt.Println("goes") }
		},
		Ready: func(all []transport.Address) { fmt.Println("ready", all[1].HostPort()) },
	})
	return err
}

func stateIn(dir string) transport.Env { return transport.Env{StateHome: dir, UID: -1} }

// runAway uses it from another machine, on a connection for each of what one may
// do there, and says what it sees.
func runAway(ctx context.Context, dir string) error {
	dial := func() *sabir.Client {
		for ctx.Err() == nil {
			c, err := sabir.Dial(ctx, os.Args[2], &sabir.DialOptions{Log: quiet, Env: stateIn(dir)})
			if err == nil {
				return c
			}
			fmt.Println("no connection:", err)
			time.Sleep(time.Second)
		}
		return nil
	}
	var all sync.WaitGroup
	all.Go(func() {
		err := subscribe(ctx, dial(), false, func(e sabir.Event[number]) {
			if e.Kind == sabir.Up || e.Kind == sabir.Down {
				fmt.Println("numbers", upOrDown(e.Kind))
			}
			if x, ok := seenIn(e); ok {
				fmt.Println("saw", x.n, x.lost)
			}
		})
		fmt.Println("numbers ended", err)
	})
	all.Go(func() {
		c := dial()
		if c == nil {
			return
		}
		defer c.Close()
		for e, err := range sabir.Watch[number](ctx, c, "history.silence", nil, nil) {
			if err != nil {
				fmt.Println("silence ended", err)
			} else {
				fmt.Println("silence", upOrDown(e.Kind))
			}
		}
	})
	all.Go(func() {
		c := dial()
		if c == nil {
			return
		}
		defer c.Close()
		_, err := sabir.Do[sabir.None](ctx, c, "history.hang", nil)
		fmt.Println("hang", errors.Is(err, sabir.ErrOutcomeUnknown), err)
	})
	all.Go(func() {
		err := calls(ctx, dial(), dir, func(id string, o outcome) {
			fmt.Println("call", id, o)
			time.Sleep(20 * time.Millisecond)
		})
		fmt.Println("calls ended", err)
	})
	all.Wait()
	return nil
}

func upOrDown(k sabir.EventKind) string {
	if k == sabir.Up {
		return "up"
	}
	return "down"
}

// notes opens a file of lines to add to, and tells how many it has.
func notes(path string) (f *os.File, n int, err error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, 0, err
	}
	f, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return f, strings.Count(string(text), "\n"), err
}

// runUser subscribes and calls, as somebody who is killed: what it saw is gone
// with it. It is there to leave the others with its remains.
func runUser(ctx context.Context, dir string) error {
	for ctx.Err() == nil {
		c, err := sabir.Dial(ctx, "history", &sabir.DialOptions{Log: quiet})
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		for range sabir.Watch[number](ctx, c, "history.numbers", nil, &sabir.WatchOptions{Window: 4}) {
		}
		c.Close()
	}
	return nil
}

// process is one of the three that faults are done to. It is made again when it
// is gone.
type process struct {
	t    *testing.T
	role string
	dir  string
	cmd  *exec.Cmd
}

func newProcess(t *testing.T, role, dir string) *process {
	p := &process{t: t, role: role, dir: dir}
	p.start()
	t.Cleanup(func() { p.kill(false) })
	return p
}

func (p *process) start() {
	p.t.Helper()
	cmd := exec.Command(os.Args[0], p.dir)
	cmd.Env = append(os.Environ(), roleEnv+"="+p.role, "SABIR_DIR="+p.dir)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.cmd = cmd
}

// kill ends it at once, wherever it is.
func (p *process) kill(again bool) {
	p.cmd.Process.Kill()
	p.cmd.Wait()
	if again {
		p.start()
	}
}

// freeze stops it for a while.
func (p *process) freeze(d time.Duration) {
	p.cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(d)
	p.cmd.Process.Signal(syscall.SIGCONT)
}
