// Package attacks_test plays the project's list of attacks against a whole daemon: real sockets, all listeners, the
// defaults. A test has the number of its case in its name; docs/dev/cases.md has the list.
package attacks_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
)

// patience is how long anything may take that has no time of its own.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if part := os.Getenv(partEnv); part != "" {
		play(part)
		return
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	status := m.Run()
	// Those that were told to end may need an instant; a leak stays. One goroutine is the clock's, for good.
	for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines+1 || openFiles() > files; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			fmt.Printf("leaked: goroutines %d → %d, files %d → %d\n%s\n", goroutines, runtime.NumGoroutine(), files, openFiles(),
				stacks[:runtime.Stack(stacks, true)])
			status = 1
			break
		}
	}
	os.Exit(status)
}

// openFiles counts descriptors, but those that a process opens once and keeps: of its poller and its clock.
func openFiles() (n int) {
	files, _ := os.ReadDir("/dev/fd")
	for _, f := range files {
		if target, _ := os.Readlink("/dev/fd/" + f.Name()); !strings.HasPrefix(target, "anon_inode:") {
			n++
		}
	}
	return n
}

// daemon is the probe, on a unix socket, with TLS and plain on loopback.
type daemon struct {
	t        *testing.T
	path     string
	tls, tcp transport.Address
	pin      transport.Fingerprint
	store    *auth.Store
	env      transport.Env
	log      *journal
	good     *sabir.Client // somebody who does no harm and must not be harmed
}

// roads are the ways to a daemon for those it knows.
var roads = []string{"unix", "tls", "tcp"}

// serve runs a daemon for the time of the test, after which it has to be as if nothing had been: it answers within a
// second, knows of no other connection and no call, and ends.
func serve(t *testing.T, change func(*sabir.ServeOptions)) *daemon {
	t.Helper()
	return serveHandler(t, probe.New(), change)
}

func serveHandler(t *testing.T, h sabir.Handler, change func(*sabir.ServeOptions)) *daemon {
	t.Helper()
	d := &daemon{t: t, env: transport.Env{StateHome: t.TempDir(), UID: -1}, log: &journal{}}
	dir := shortDir(t)
	d.path = filepath.Join(dir, "d.sock")
	state, err := d.env.ServiceDir("probe")
	if err == nil {
		d.store, err = auth.OpenStore(filepath.Join(state, sabir.CredentialsFile))
	}
	if err != nil {
		t.Fatal(err)
	}
	identity, err := transport.OpenIdentity(state)
	if err != nil {
		t.Fatal(err)
	}
	d.pin = identity.Fingerprint()
	opts := &sabir.ServeOptions{
		Env: d.env, Grace: 100 * time.Millisecond, Log: slog.New(slog.NewTextHandler(d.log, nil)),
		Credentials: d.store, Identity: identity, Listen: []string{"sabir://127.0.0.1:0", "tcp:127.0.0.1:0"},
	}
	if change != nil {
		change(opts)
	}
	ready, done := make(chan []transport.Address, 1), make(chan error, 1)
	opts.Ready = func(all []transport.Address) { ready <- all }
	ctx, stop := context.WithCancel(context.Background())
	go func() { done <- sabir.ListenAndServe(ctx, d.path, h, opts) }()
	select {
	case all := <-ready:
		d.tls, d.tcp = all[1].WithPairing(transport.Pairing{Pin: d.pin}), all[2]
	case err := <-done:
		t.Fatal(err)
	}
	if d.good, err = sabir.Dial(t.Context(), d.path, &sabir.DialOptions{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.settled()
		d.good.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d
}

type counters struct{ Connections, InFlight, Subscriptions, Calls int }

func (d *daemon) counters() counters {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	now, err := sabir.Do[counters](ctx, d.good, "rpc.stats", nil)
	if err != nil {
		d.t.Fatal("the daemon does not answer: ", err)
	}
	return now
}

// settled waits until nothing is left of what was done to the daemon.
func (d *daemon) settled() {
	d.t.Helper()
	d.settledBut(1)
	d.ping()
}

// settledBut waits until no call runs on so many connections, the good client's among them.
func (d *daemon) settledBut(connections int) {
	d.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		now := d.counters()
		if now.Connections == connections && now.InFlight == 1 && now.Subscriptions == 0 { // the one that asks
			break
		}
		if time.Now().After(end) {
			d.t.Errorf("left behind: %+v", now)
			break
		}
	}
}

// ping fails the test if an honest client has to wait for a second.
func (d *daemon) ping() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := sabir.Do[sabir.None](ctx, d.good, "rpc.ping", nil); err != nil {
		d.t.Error("ping within a second: ", err)
	}
}

// token makes a credential, and the options of a client that has it.
func (d *daemon) token(level string, only ...auth.Glob) (auth.Credential, *sabir.DialOptions) {
	d.t.Helper()
	c, secret, err := d.store.AddToken(auth.NewCredential{Name: "laptop", Rights: auth.Rights{Level: level, Only: only}})
	if err != nil {
		d.t.Fatal(err)
	}
	return c, &sabir.DialOptions{
		Env: d.env, Log: slog.New(slog.DiscardHandler),
		KnownHosts: &transport.KnownHosts{Path: filepath.Join(d.t.TempDir(), "known")},
		Secret:     func(string) (string, auth.Secret, error) { return c.ID, secret, nil },
	}
}

// address is where a road begins.
func (d *daemon) address(road string) transport.Address {
	switch road {
	case "tls":
		return d.tls
	case "tcp":
		return d.tcp
	}
	return transport.Address{Scheme: "unix", Path: d.path}
}

// open connects by a road as somebody who may do everything, of whom the daemon has read nothing else.
func (d *daemon) open(road string) *line {
	d.t.Helper()
	return d.openAs(road, "admin", false)
}

func (d *daemon) openAs(road, level string, cbor bool) *line {
	d.t.Helper()
	opts := &sabir.DialOptions{}
	if road != "unix" { // where the level is admin
		_, opts = d.token(level)
	}
	opts.CBOR = cbor
	c, err := sabir.Connect(d.t.Context(), d.address(road), opts)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.line(c)
}

// line is a connection of which every byte is ours.
type line struct {
	io.ReadWriteCloser
	t  *testing.T
	in *bufio.Reader
}

func (d *daemon) line(c io.ReadWriteCloser) *line {
	watchdog := time.AfterFunc(2*patience, func() { c.Close() })
	d.t.Cleanup(func() { watchdog.Stop(); c.Close() })
	return &line{c, d.t, bufio.NewReader(c)}
}

// say sends text and a line end. That nobody listens any more shows in what is heard.
func (l *line) say(text string) { io.WriteString(l, text+"\n") }

// closeWrite ends what we say, and we still listen.
func (l *line) closeWrite() {
	l.ReadWriteCloser.(interface{ CloseWrite() error }).CloseWrite()
}

// hear is the next line.
func (l *line) hear() string {
	l.t.Helper()
	text, err := l.in.ReadString('\n')
	if err != nil {
		l.t.Fatalf("expected a line: %q, %v", text, err)
	}
	return strings.TrimSuffix(text, "\n")
}

// hears fails the test unless the next line contains want.
func (l *line) hears(want string) {
	l.t.Helper()
	if got := l.hear(); !strings.Contains(got, want) {
		l.t.Fatalf("expected …%s…, got %s", want, got)
	}
}

// rest is all that comes until the end, which has to come.
func (l *line) rest() string {
	l.t.Helper()
	var all bytes.Buffer
	start := time.Now()
	io.Copy(&all, l.in)
	if time.Since(start) > patience {
		l.t.Error("the connection was not closed")
	}
	return all.String()
}

// answer decodes a line.
func answer(t *testing.T, text string) (a struct {
	ID     any
	Result json.RawMessage
	Error  struct {
		Code int
		Data struct {
			Name   string
			Params json.RawMessage
		}
	}
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a
}

// journal is what a daemon logs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// shortDir is a directory whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
