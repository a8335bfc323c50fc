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
	call   *sabir.Call
	sink   sabir.Sink
	params []byte // as JSON
}

var (
	errEnough = errors.New("enough") // no more of the command is wanted
	errEnded  = errors.New("the command has ended, and was to go on as long as somebody listens")
)

func (r *run) run(ctx context.Context) (body sabir.Body, err error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	args := append(append([]string(nil), r.command[1:]...), r.member.Name)
	cmd := exec.Command(r.command[0], args...)
	cmd.Env = append(os.Environ(), r.variables()...)
	cmd.Stdin = bytes.NewReader(append(append([]byte(nil), r.params...), '\n'))
	said := &tail{most: maxPiece}
	cmd.Stderr = said
	// A group of its own, so that what it has started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return sabir.Body{}, err
	}
	if err := cmd.Start(); err != nil {
		return sabir.Body{}, err
	}
	gone, quiet := make(chan struct{}), make(chan struct{})
	unwatch := context.AfterFunc(running, func() {
		defer close(quiet)
		endGroup(cmd.Process.Pid, gone, patience)
	})
	body, err = r.read(ctx, out)
	itself := err == nil || err == errEnded || r.member.Kind == idl.Method // all it printed is read: how it ends is up to it
	if !itself {
		stop()
	}
	io.Copy(io.Discard, out) // so that it can end by itself
	ended := cmd.Wait()
	close(gone)
	if !unwatch() {
		<-quiet
	}
	var status *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return sabir.Body{}, ctx.Err()
	case errors.Is(err, errEnough):
		return body, nil
	case itself && errors.As(ended, &status):
		return sabir.Body{}, r.failure(status.ExitCode(), []byte(said.text()))
	case err != nil:
		r.log.Error("command failed", "method", r.call.Method, "err", err, "stderr", said.text())
		return sabir.Body{}, err
	case ended != nil:
		return sabir.Body{}, ended
	}
	return body, nil
}

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
		"SABIR_CALLER=" + r.call.Caller.Name, "SABIR_LEVEL=" + string(r.call.Caller.Level),
	}
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
		if len(text) <= maxVariable && !strings.Contains(text, "\x00") {
			env = append(env, "SABIR_PARAM_"+name+"="+text)
		}
	}
	return env
}

// read takes what the command prints for what it is.
func (r *run) read(ctx context.Context, out io.Reader) (sabir.Body, error) {
	switch r.member.Kind {
	case idl.Stream:
		return r.stream(ctx, out)
	case idl.Topic:
		return r.topic(ctx, out)
	case idl.State:
		return r.state(ctx, out)
	}
	return r.result(out)
}

func (r *run) give(ctx context.Context, it sabir.Item) error {
	if err := r.sink.Ready(ctx); err != nil {
		return err
	}
	return r.sink.Item(it)
}

func (r *run) stream(ctx context.Context, out io.Reader) (sabir.Body, error) {
	if r.sink != nil {
		return sabir.Body{}, r.items(out, func(b sabir.Body) error { return r.give(ctx, sabir.Item{Value: b}) })
	}
	list := []byte("[")
	err := r.items(out, func(b sabir.Body) (err error) {
		if len(list) > 1 {
			list = append(list, ',')
		}
		if list, err = b.Append(list, wire.JSON); err == nil && len(list) > maxOutput {
			err = fmt.Errorf("printed more than %d bytes", maxOutput)
		}
		return err
	})
	return sabir.RawBody(wire.Value{Enc: wire.JSON, Raw: append(list, ']')}), err
}

// topic counts its items from 1 in each run: there is no history.
func (r *run) topic(ctx context.Context, out io.Reader) (body sabir.Body, err error) {
	epoch, seq := newID(), int64(0)
	lost := int64(0)
	if r.call.Since != nil {
		lost = -1
	}
	if r.sink == nil {
		err := r.items(out, func(b sabir.Body) error {
			raw, err := b.JSON()
			if err != nil {
				return err
			}
			text := fmt.Sprintf(`{"epoch":%q,"seq":1,"lost":%d,"items":[%s]}`, epoch, lost, raw)
			body = sabir.RawBody(wire.Value{Enc: wire.JSON, Raw: []byte(text)})
			return errEnough
		})
		return body, ended(err)
	}
	if err := r.sink.Live(sabir.Live{Epoch: epoch, Lost: lost}); err != nil {
		return sabir.Body{}, err
	}
	return sabir.Body{}, ended(r.items(out, func(b sabir.Body) error {
		seq++
		return r.give(ctx, sabir.Item{Seq: seq, Value: b})
	}))
}

func (r *run) state(ctx context.Context, out io.Reader) (body sabir.Body, err error) {
	live := false
	err = r.items(out, func(b sabir.Body) error {
		if r.sink == nil {
			body = b
			return errEnough
		}
		if err := r.give(ctx, sabir.Item{Value: b}); err != nil || live {
			return err
		}
		live = true
		return r.sink.Live(sabir.Live{})
	})
	return body, ended(err)
}

// ended says that a command which should go on for ever did not.
func ended(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}
