package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// patience is how long a child may take to end by itself, and then again after SIGTERM.
	patience = 2 * time.Second
	// lastWords is how long a Read that met the end of the child's output waits for its exit status. The two come
	// together in practice; a child that lives on after closing its output costs its reader this much, once.
	lastWords = 200 * time.Millisecond
)

// child is a process that is spoken to on its stdin and stdout. It has one goroutine, which reaps the process when
// it ends, whoever ended it; Close waits for it.
type child struct {
	name     string // the address, for errors
	cmd      *exec.Cmd
	in       *os.File // its stdin; ours to write. Not cmd.StdinPipe, which Wait would close under a reader
	out      *os.File // its stdout; ours to read, with deadlines
	patience time.Duration

	exited chan struct{} // closed when the process has been reaped; status is set before
	status error         // nil or *exec.ExitError
	once   sync.Once     // Close
}

func start(name string, words []string, stderr io.Writer) (*child, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		theirIn.Close()
		in.Close()
		return nil, err
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, stderr
	// If stderr is not a file, Wait copies it, and a grandchild that holds it open would keep Wait for ever.
	cmd.WaitDelay = patience
	err = cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	c := &child{name: name, cmd: cmd, in: in, out: out, patience: patience, exited: make(chan struct{})}
	go func() {
		defer close(c.exited)
		if err := cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
			c.status = err
		}
	}()
	return c, nil
}

// Read gives the exit status in place of io.EOF when the child did not end well: "exec:foo: exit status 3".
func (c *child) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if err == io.EOF {
		err = c.ending(err)
	}
	return n, err
}

// Write explains a broken pipe by the exit status, if there is one.
func (c *child) Write(p []byte) (int, error) {
	n, err := c.in.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = c.ending(err)
	}
	return n, err
}

func (c *child) CloseWrite() error                 { return c.in.Close() }
func (c *child) SetReadDeadline(t time.Time) error { return c.out.SetReadDeadline(t) }

// Close ends the conversation and then the child: it sees the end of its stdin, and if that does not move it,
// SIGTERM, and then SIGKILL. Our end of its stdout goes at once too, so that it cannot hang in a write to us.
func (c *child) Close() error {
	c.once.Do(func() {
		c.out.Close() // first, or a child that ends at once gives its reader io.EOF
		c.in.Close()
		if c.gone(c.patience) {
			return
		}
		c.cmd.Process.Signal(syscall.SIGTERM)
		if c.gone(c.patience) {
			return
		}
		c.cmd.Process.Kill()
		<-c.exited
	})
	return nil
}

// ending is err, or the child's exit status if that says more.
func (c *child) ending(err error) error {
	if c.gone(lastWords) && c.status != nil {
		return fmt.Errorf("%s: %w", c.name, c.status)
	}
	return err
}

// gone waits for the child's end. Without the timer a child that does not end would hold its caller for ever.
func (c *child) gone(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.exited:
		return true
	case <-timer.C:
		return false
	}
}
