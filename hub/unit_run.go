package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
)

// started is a service that runs when somebody calls it: a Handler for its
// unit. Its methods may be called by many goroutines at once.
type started struct {
	unit *Unit
	log  *slog.Logger
	dir  string          // where the sockets are; ours alone
	ctx  context.Context // ends with the hub
	all  *sync.WaitGroup // of the hub
	told func(pid int)   // of a process that is there, and of none (0)

	mu       sync.Mutex
	proc     *process // nil: none runs
	closed   bool
	failures int       // in a row
	again    time.Time // when it may be tried again
	why      string    // it failed
	said     string    // the end of its stderr then
}

// process is one run of the command.
type process struct {
	cmd   *exec.Cmd
	said  *tail // its stderr
	front *Front
	ready chan struct{} // closed when front or err is set
	err   error
	gone  chan struct{} // closed when the process has ended
	done  chan struct{} // closed when started knows
	begun time.Time

	// Under started.mu:
	calls    int
	stopping bool // by us
	idle     *time.Timer
}

const (
	// startTime is how long a service may take until it answers.
	startTime = 30 * time.Second
	// drainTime is how long a service may take to end: calls in flight have ten
	// seconds of it, spec [O9].
	drainTime = 12 * time.Second
	// lastWords is how long a service that has ended may be heard, by what it has
	// started and left behind.
	lastWords = time.Second
	// wellAfter is after how long a run that has answered was not a failure to start.
	wellAfter = 10 * time.Second
	// leastPause and mostPause are before the next try after a failure.
	leastPause = 200 * time.Millisecond
	mostPause  = 30 * time.Second
	// maxSaid is how much of its stderr a failure repeats, in bytes and in lines.
	maxSaid, saidLines = 1024, 5
)

// Handle passes a call on to the service, which is started if need be. The call
// waits meanwhile. spec [U10]
func (s *started) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	if err := s.permit(call); err != nil {
		return sabir.Body{}, err
	}
	for try := 0; ; try++ {
		p, err := s.take(ctx, call.Caller)
		if err != nil {
			return sabir.Body{}, err
		}
		body, err := p.front.Handle(ctx, call, sink)
		s.give(p)
		if (err == errNotThere || err == errStopping) && try == 0 && p.ending() {
			<-p.done
			continue // it ended just then, and has not seen the call
		}
		return body, err
	}
}

// permit judges a call before anything is started for it.
func (s *started) permit(call *sabir.Call) error {
	var names []string
	for i := range s.unit.desc.Members {
		m := &s.unit.desc.Members[i]
		name := s.unit.Service + "." + m.Name
		if name == call.Method {
			return call.Caller.Permit(call.Method, m)
		}
		names = append(names, name)
	}
	return sabir.MethodNotFound(call.Method, names)
}

// take returns a process that answers. It lasts until give.
func (s *started) take(ctx context.Context, caller sabir.Caller) (*process, error) {
	for {
		s.mu.Lock()
		p := s.proc
		switch {
		case s.closed:
			s.mu.Unlock()
			return nil, sabir.Unavailable("stopping")
		case p == nil && time.Now().Before(s.again):
			err := s.failed(caller)
			s.mu.Unlock()
			return nil, err
		case p == nil:
			p = s.start()
		}
		wait := p.ready
		if p.stopping {
			wait = p.done // and then for another
		} else {
			p.calls++
			if p.idle != nil {
				p.idle.Stop()
			}
		}
		stopping := p.stopping
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			if !stopping {
				s.give(p)
			}
			return nil, ctx.Err()
		}
		switch {
		case stopping:
		case p.err != nil:
			<-p.done
			s.mu.Lock()
			err := s.failed(caller)
			s.mu.Unlock()
			return nil, err
		default:
			return p, nil
		}
	}
}

// failed says why there is nobody to answer, with s.mu held. What the service
// has said of itself is for admins: it may be about anything.
func (s *started) failed(caller sabir.Caller) error {
	text := s.unit.Service + " does not run: " + s.why
	if pause := time.Until(s.again).Round(10 * time.Millisecond); pause > 0 {
		text += fmt.Sprintf("; it is tried again in %v", pause)
	}
	if s.said != "" && caller.Level.Allows(sabir.AccessAdmin) {
		text += "; it said:\n" + s.said
	}
	return sabir.Unavailable("%s", text)
}

// give ends a use of a process.
func (s *started) give(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.calls--; p.calls > 0 || s.proc != p || p.stopping || s.unit.idle == 0 {
		return
	}
	p.idle = time.AfterFunc(s.unit.idle, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if p.calls == 0 && s.proc == p {
			s.stop(p)
		}
	})
}

// stop asks a process to end, with s.mu held.
func (s *started) stop(p *process) {
	if p.stopping {
		return
	}
	p.stopping = true
	s.all.Go(func() {
		<-p.ready
		if p.cmd != nil && p.cmd.Process != nil {
			endGroup(p.cmd.Process.Pid, p.gone, drainTime)
		}
	})
}

// start begins a run, with s.mu held. It is not over before s.proc is nil.
func (s *started) start() *process {
	p := &process{ready: make(chan struct{}), gone: make(chan struct{}), done: make(chan struct{}), said: &tail{most: maxPiece}, begun: time.Now()}
	s.proc = p
	s.all.Go(func() {
		path, err := s.launch(p)
		if err == nil {
			s.told(p.cmd.Process.Pid)
			s.all.Go(func() { p.front, p.err = s.meet(p, path); close(p.ready) })
			err = p.cmd.Wait()
			// What it has left behind would be in the way of the next, and holds its stderr.
			syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
			if errors.Is(err, exec.ErrWaitDelay) {
				err = nil
			}
		} else {
			p.err = err
			close(p.ready)
		}
		close(p.gone)
		<-p.ready
		s.ended(p, path, err)
	})
	return p
}

// The socket of a run is in a folder of its own beside that of the hub.
const runPrefix, runSocket = ".unit-", "s"

// sweep removes the sockets of runs on which nobody listens: those of a hub that
// was killed.
func sweep(dir string) {
	sockets, _ := filepath.Glob(filepath.Join(dir, runPrefix+"*", runSocket))
	for _, path := range sockets {
		c, err := net.Dial("unix", path)
		switch {
		case err == nil:
			c.Close() // it is of another hub
		case errors.Is(err, syscall.ECONNREFUSED):
			os.RemoveAll(filepath.Dir(path))
		}
	}
}

// launch makes the socket and starts the command.
func (s *started) launch(p *process) (path string, err error) {
	dir, err := os.MkdirTemp(s.dir, runPrefix)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, runSocket)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, syscall.EINVAL) {
		err = fmt.Errorf("its socket %s has %d bytes, which is too much for the path of one: the hub needs a shorter folder", path, len(path))
	}
	if err != nil {
		return path, err
	}
	ln.SetUnlinkOnClose(false)
	defer ln.Close() // the command has its own: with it the last one ends, and who waits is told
	socket, err := ln.File()
	if err != nil {
		return path, err
	}
	defer socket.Close()
	// The shell knows the number of the process, which is to be in its environment.
	p.cmd = exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$@"`, "sh"}, s.unit.Command...)...)
	p.cmd.ExtraFiles = []*os.File{socket}
	p.cmd.Env = append(s.environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES="+s.unit.Service)
	p.cmd.Dir = filepath.Dir(s.unit.file)
	p.cmd.Stderr = p.said
	p.cmd.Stdout = p.said
	p.cmd.WaitDelay = lastWords
	p.cmd.SysProcAttr = tied()
	s.unit.as(p.cmd.SysProcAttr)
	return path, inFolder(p.cmd.Dir, startTied(p.cmd))
}

// inFolder is why a command did not start: package exec has the name of the shell for
// each reason, also where that is the folder, which is gone or not for that user.
func inFolder(dir string, err error) error {
	var at *fs.PathError
	if _, e := os.Stat("/bin/sh"); e == nil && errors.As(err, &at) &&
		(errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOTDIR)) {
		return fmt.Errorf("its folder %s: %w", dir, at.Err)
	}
	return err
}

// environ is the hub's own, less what was meant for the hub alone.
func (s *started) environ() (env []string) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "SABIR_ADDRESS", "SABIR_URL", // where the hub is, with a secret maybe
			"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID":
		case "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME":
			if s.unit.owner == nil {
				env = append(env, v)
			}
		default:
			env = append(env, v)
		}
	}
	if o := s.unit.owner; o != nil {
		env = append(env, "HOME="+o.home, "USER="+s.unit.User, "LOGNAME="+s.unit.User)
	}
	return env
}

// meet waits until the service answers.
func (s *started) meet(p *process, path string) (*Front, error) {
	ctx, cancel := context.WithTimeout(s.ctx, startTime)
	defer cancel()
	unwatch := make(chan struct{})
	defer close(unwatch)
	s.all.Go(func() {
		select {
		case <-p.gone:
			cancel()
		case <-unwatch:
		}
	})
	o := &FrontOptions{Services: []*idl.Service{s.unit.desc}}
	o.Dial.Log = s.log
	front, err := NewFront(ctx, path, o)
	if err != nil {
		if !p.ending() { // for then it says why
			s.mu.Lock()
			p.stopping = true
			s.mu.Unlock()
			endGroup(p.cmd.Process.Pid, p.gone, drainTime)
		}
		if ctx.Err() == context.DeadlineExceeded {
			err = fmt.Errorf("it did not answer within %v at the socket that is made for it under the name %s (LISTEN_FDS)", startTime, s.unit.Service)
		}
		return nil, err
	}
	return front, nil
}

// ending reports whether a process whose socket is closed has ended, or does
// within a second.
func (p *process) ending() bool {
	select {
	case <-p.gone:
		return true
	case <-time.After(time.Second):
		return false
	}
}

// ended takes in how a run has ended.
func (s *started) ended(p *process, path string, err error) {
	defer close(p.done)
	if p.front != nil {
		p.front.Close()
	}
	if path != "" {
		os.RemoveAll(filepath.Dir(path))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.idle != nil {
		p.idle.Stop()
	}
	s.proc = nil
	s.told(0)
	failed := p.err != nil || err != nil && !p.stopping
	if !failed {
		s.failures, s.again = 0, time.Time{}
		return
	}
	if p.err == nil && time.Since(p.begun) >= wellAfter {
		s.failures = 0
	}
	pause := min(leastPause<<min(s.failures, 20), mostPause)
	s.failures++
	s.again = time.Now().Add(pause)
	s.said = lastLines(p.said.text())
	s.why = fmt.Sprint(err)
	if err == nil || p.err != nil && p.stopping { // it could not be met, and so was ended
		s.why = fmt.Sprint(p.err)
		if err == nil && !p.stopping {
			s.why = "it ended before it answered, where it is to stay in the foreground"
		}
	}
	s.log.Error("hub: a service failed", "service", s.unit.Service, "why", s.why, "said", s.said, "again in", pause)
}

// close ends the process and lets no other begin.
func (s *started) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.proc != nil {
		s.stop(s.proc)
	}
}
