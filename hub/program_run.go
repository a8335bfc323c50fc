package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// run is one run of a Program's command.
type run struct {
	*Program
	member *programMember
	name   string // of the caller
	level  sabir.Access
	params []byte // as JSON
}

// run starts the command, has what it prints read, and says how it has ended.
func (r *run) run(ctx context.Context, read func(out io.Reader) (sabir.Body, error)) (body sabir.Body, err error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	args := append(append([]string(nil), r.command[1:]...), r.member.Name)
	cmd := exec.Command(r.command[0], args...)
	cmd.Env = append(os.Environ(), r.variables()...)
	cmd.Stdin = bytes.NewReader(append(append([]byte(nil), r.params...), '\n'))
	said := &tail{most: maxPiece}
	cmd.Stderr = said
	cmd.SysProcAttr = tied()
	cmd.WaitDelay = lastWords // else what it leaves behind, and has its stderr, is waited for
	from, to, err := os.Pipe()
	if err != nil {
		return sabir.Body{}, r.notStarted(err)
	}
	defer from.Close()
	cmd.Stdout = to
	begun, gone, quiet := make(chan error, 1), make(chan struct{}), make(chan struct{})
	out := &output{from: from, gone: gone}
	var ended error
	go func() {
		err := startTied(cmd)
		begun <- err
		if err != nil {
			return
		}
		ended = cmd.Wait()
		close(gone)
		out.quieten()
	}()
	err = <-begun
	to.Close()
	if err != nil {
		return sabir.Body{}, r.notStarted(err)
	}
	unwatch := context.AfterFunc(running, func() {
		defer close(quiet)
		endGroup(cmd.Process.Pid, gone, patience)
		from.Close() // what has left the group has it still
	})
	body, err = read(out)
	itself := err == nil || r.member.Kind == idl.Method && err != errTooMuch // all it printed is read: how it ends is up to it
	if !itself {
		stop()
	}
	io.Copy(io.Discard, out) // so that it can end by itself
	<-gone
	if !unwatch() {
		<-quiet
	}
	if errors.Is(ended, exec.ErrWaitDelay) {
		ended = nil
	}
	var status *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return sabir.Body{}, ctx.Err()
	case itself && errors.As(ended, &status):
		return sabir.Body{}, r.failure(status, []byte(said.text()))
	case err != nil:
		if r.member.Kind.Subscribed() { // perhaps nobody listens who would be told, and then it is logged nowhere else
			r.log.Error("command failed", "method", r.service.Name+"."+r.member.Name, "err", err, "stderr", lastLines(said.text()))
		} else if text := lastLines(said.text()); text != "" {
			err = fmt.Errorf("%w; it said:\n%s", err, text)
		}
		return sabir.Body{}, err
	case ended != nil:
		return sabir.Body{}, ended
	}
	return body, nil
}

// notStarted is the answer where the command could not begin, as when there are too
// many processes or files: nothing was done. spec [E2]
func (r *run) notStarted(err error) error {
	r.log.Error("command does not start", "method", r.service.Name+"."+r.member.Name, "err", err)
	return sabir.Unavailable("the command of %s.%s does not start; the log says why", r.service.Name, r.member.Name)
}

// output is what a command prints. It ends with the command, also where something
// that it has left behind holds it open and says nothing for a while.
type output struct {
	from *os.File
	gone <-chan struct{} // closed when the command has ended
	over bool            // it has been quiet for long enough
}

func (o *output) Read(b []byte) (int, error) {
	if o.over {
		return 0, io.EOF
	}
	select {
	case <-o.gone:
		o.quieten()
	default:
	}
	n, err := o.from.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		o.over, err = true, io.EOF
	}
	return n, err
}

// quieten has what is not printed within a while not waited for.
func (o *output) quieten() { o.from.SetReadDeadline(time.Now().Add(lastWords)) }

// endGroup asks a group of processes to end, and ends what is left of it when
// its first has gone or the time is over.
func endGroup(pid int, gone <-chan struct{}, patience time.Duration) {
	syscall.Kill(-pid, syscall.SIGTERM)
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case <-gone:
	case <-over.C:
	}
	syscall.Kill(-pid, syscall.SIGKILL)
}

// variables are what the command finds in its environment.
func (r *run) variables() []string {
	env := []string{
		"SABIR_SERVICE=" + r.service.Name, "SABIR_MEMBER=" + r.member.Name,
		"SABIR_CALLER=" + r.name, "SABIR_LEVEL=" + string(r.level),
	}
	room := maxVariables
	v := wire.Value{Enc: wire.JSON, Raw: r.params}
	c := v.Cursor()
	for it := c.Open(); c.More(&it); {
		name := strings.ToUpper(string(c.Key()))
		text := ""
		switch c.Kind() {
		case wire.String:
			text = string(c.Text())
		case wire.Null:
			c.Skip()
			continue
		default:
			text = string(c.Skip().Raw)
		}
		if len(text) <= min(maxVariable, room) && !strings.Contains(text, "\x00") {
			env = append(env, "SABIR_PARAM_"+name+"="+text)
			room -= len(text)
		}
	}
	return env
}

// stream gives each line as an item, or all of them as a list.
func (r *run) stream(ctx context.Context, out io.Reader, sink sabir.Sink) (sabir.Body, error) {
	if sink != nil {
		return sabir.Body{}, r.items(out, func(b sabir.Body) error {
			if err := sink.Ready(ctx); err != nil {
				return err
			}
			return sink.Item(sabir.Item{Value: b})
		})
	}
	list := []byte("[")
	err := r.items(out, func(b sabir.Body) (err error) {
		if len(list) > 1 {
			list = append(list, ',')
		}
		if list, err = b.Append(list, wire.JSON); err == nil && len(list) > maxOutput {
			err = errTooMuch
		}
		return err
	})
	return sabir.RawBody(wire.Value{Enc: wire.JSON, Raw: append(list, ']')}), err
}
