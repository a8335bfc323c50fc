package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Claims are what a peer program says of itself when it is run with the word
// claims. README.md here has the words.
type Claims struct {
	Peer     string   `json:"peer"`
	Tier     string   `json:"tier"`
	Roles    []string `json:"roles"`
	CBOR     bool     `json:"cbor"`
	Features []string `json:"features"`
}

// features are what a peer may leave out.
var features = []string{"caller", "export", "discover"}

// The tiers: what is played.
const (
	Full    = "full"     // everything
	Least   = "least"    // the least peer of spec/README.md
	JSONRPC = "json-rpc" // any server of JSON-RPC 2.0 that speaks in lines
)

// child is a run of the peer program.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.ReadCloser
	said   tail // on stderr
	spoke  atomic.Bool
	ended  chan struct{}
	reason error
}

// start runs the program; ctx ends it.
func start(ctx context.Context, command, env []string, words ...string) (*child, error) {
	c := &child{ended: make(chan struct{})}
	c.cmd = exec.CommandContext(ctx, command[0], append(append([]string(nil), command[1:]...), words...)...)
	c.cmd.Env = append(c.cmd.Environ(), env...)
	c.cmd.Stderr = &c.said
	// A script that runs the peer is ended together with it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Cancel = func() error { return syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) }
	// What left that group may hold the pipe of its stderr open.
	c.cmd.WaitDelay = 2 * time.Second
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait would close it under the reader.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.out, c.cmd.Stdout = r, w
	err = c.cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("run %s: %w", strings.Join(append(command, words...), " "), err)
	}
	go func() {
		c.reason = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

func (c *child) Read(b []byte) (int, error) {
	n, err := c.out.Read(b)
	if n > 0 {
		c.spoke.Store(true)
	}
	return n, err
}

func (c *child) Write(b []byte) (int, error) { return c.in.Write(b) }
func (c *child) CloseWrite() error           { return c.in.Close() }

// Close ends it, by force if need be.
func (c *child) Close() error {
	c.in.Close()
	c.out.Close()
	c.kill()
	return nil
}

// exit tells how a peer that has ended did so.
func (c *child) exit() string {
	if c.reason == nil {
		return "exit status 0"
	}
	return c.reason.Error()
}

// kill ends it and what it has started, if it has not ended.
func (c *child) kill() {
	select {
	case <-c.ended: // its number may be another's by now
	default:
		c.cmd.Cancel()
		<-c.ended
	}
}

// leave ends its input and waits for its end. [O6]
func (c *child) leave(patience time.Duration) error {
	c.in.Close()
	go io.Copy(io.Discard, c.out)
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.kill()
		return fmt.Errorf("[O6] the peer did not exit within %v after its input had ended", patience)
	}
	var exit *exec.ExitError
	if errors.As(c.reason, &exit) {
		return fmt.Errorf("the peer exited with %v%s", exit, c.said.told())
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-2000):]
	return len(b), nil
}

func (t *tail) told() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(bytes.TrimSpace(t.b)) == 0 {
		return ""
	}
	return ", and said: " + string(bytes.TrimSpace(t.b))
}

// ask runs the program for its claims.
func ask(ctx context.Context, command []string, patience time.Duration) (*Claims, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := start(ctx, command, nil, "claims")
	if err != nil {
		return nil, err
	}
	c.in.Close()
	// What it leaves behind may hold its stdout open.
	defer context.AfterFunc(ctx, func() { c.out.Close() })()
	text, readErr := io.ReadAll(io.LimitReader(c.out, 1<<16))
	late := ctx.Err() != nil
	c.out.Close()
	<-c.ended
	wrong := func(err error) error {
		printed := "nothing"
		if text = bytes.TrimSpace(text); len(text) > 0 {
			printed = strconv.Quote(clip(string(text)))
		}
		return fmt.Errorf("%s claims: %w; it printed %s%s; expected a line like %s", strings.Join(command, " "), err, printed, c.said.told(), claimsLike)
	}
	switch {
	case late:
		return nil, wrong(fmt.Errorf("no end of its output within %v", patience))
	case readErr != nil:
		return nil, wrong(readErr)
	case c.reason != nil:
		return nil, wrong(c.reason)
	}
	claims, err := readClaims(bytes.TrimSpace(text))
	if err != nil {
		return nil, wrong(err)
	}
	return claims, nil
}

// claimsLike is told to those whose program says something else.
const claimsLike = `{"peer":"mine","tier":"least","roles":["client"],"cbor":false,"features":[]}`

func readClaims(text []byte) (*Claims, error) {
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	o, _ := v.(Object)
	c := new(Claims)
	texts := func(v any) (all []string) {
		list, _ := v.([]any)
		for _, e := range list {
			s, _ := e.(string)
			all = append(all, s)
		}
		return all
	}
	for _, m := range o {
		switch m.Name {
		case "peer":
			c.Peer, _ = m.Value.(string)
		case "tier":
			c.Tier, _ = m.Value.(string)
		case "roles":
			c.Roles = texts(m.Value)
		case "cbor":
			c.CBOR, _ = m.Value.(bool)
		case "features":
			c.Features = texts(m.Value)
		default:
			return nil, fmt.Errorf("expected peer, tier, roles, cbor and features, got %q", m.Name)
		}
	}
	switch {
	case c.Peer == "":
		return nil, errors.New(`expected an object with "peer", a name`)
	case c.Tier != Full && c.Tier != Least:
		return nil, fmt.Errorf(`expected "tier" to be %q or %q, got %q`, Full, Least, c.Tier)
	case o.has("cbor") && o.at("cbor") != c.CBOR:
		return nil, fmt.Errorf(`expected "cbor" to be true or false, got %s`, show(o.at("cbor")))
	case len(c.Roles) == 0:
		return nil, errors.New(`expected "roles" with "service" or "client" or both`)
	}
	for _, r := range c.Roles {
		if r != "service" && r != "client" {
			return nil, fmt.Errorf(`expected in "roles" "service" or "client", got %q`, r)
		}
	}
	for _, f := range c.Features {
		if !slices.Contains(features, f) {
			return nil, fmt.Errorf(`expected in "features" some of %q, got %q`, features, f)
		}
	}
	return c, nil
}
