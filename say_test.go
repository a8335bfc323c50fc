package sabir_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
)

// logTo is a log whose lines go to f, which may take its time.
type logTo func(line string)

func (logTo) Enabled(context.Context, slog.Level) bool        { return true }
func (l logTo) WithAttrs([]slog.Attr) slog.Handler            { return l }
func (l logTo) WithGroup(string) slog.Handler                 { return l }
func (l logTo) Handle(_ context.Context, r slog.Record) error { l(r.Message); return nil }

// failing is a service all of whose calls leave something to log.
func failing() *sabir.Service {
	s := sabir.NewService("failing", "1", "")
	sabir.Method(s, "fail", func(context.Context, sabir.None) (sabir.None, error) {
		return sabir.None{}, errors.New("the disk is full")
	})
	sabir.Method(s, "garble", func(context.Context, sabir.None) (text, error) { return text{"\xff"}, nil })
	return s
}

var leaveALine = map[string]func(ctx context.Context, c *sabir.Client){
	"a failure":                       func(ctx context.Context, c *sabir.Client) { sabir.Do[sabir.Body](ctx, c, "failing.fail", nil) },
	"a result that cannot be written": func(ctx context.Context, c *sabir.Client) { sabir.Do[sabir.Body](ctx, c, "failing.garble", nil) },
	"a lost notification":             func(ctx context.Context, c *sabir.Client) { sabir.Notify(ctx, c, "failing.nothing", nil) },
}

// A log that takes nothing, as one whose pipe is full, holds up nobody who has nothing to
// log, on the same connection or another.
func TestLogThatBlocks(t *testing.T) {
	for name, leave := range leaveALine {
		t.Run(name, func(t *testing.T) {
			came, block := make(chan bool, 10), make(chan bool)
			r := &restartable{t: t, path: filepath.Join(shortDir(t), "s.sock"), log: slog.New(logTo(func(string) { came <- true; <-block }))}
			r.start(failing())
			t.Cleanup(r.end)
			defer close(block)
			c := dial(t, r.path, sabir.DialOptions{})
			go leave(t.Context(), c)
			<-came
			for _, c := range []*sabir.Client{c, dial(t, r.path, sabir.DialOptions{})} {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				if _, err := sabir.Do[sabir.Body](ctx, c, "rpc.ping", nil); err != nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
}

// A log may call whoever caused the line, over the same connection.
func TestLogThatCallsBack(t *testing.T) {
	for name, leave := range leaveALine {
		t.Run(name, func(t *testing.T) {
			lines := make(chan string, 10)
			var back sabir.Handler
			r := &restartable{t: t, path: filepath.Join(shortDir(t), "s.sock")}
			r.log = slog.New(logTo(func(line string) {
				sabir.Do[sabir.Body](context.Background(), back, "ear.hear", text{line})
			}))
			s := failing()
			sabir.Method(s, "hello", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
				back, _ = sabir.PeerOf(ctx)
				return sabir.None{}, nil
			})
			r.start(s)
			t.Cleanup(r.end)
			ear := sabir.NewService("ear", "1", "")
			sabir.Method(ear, "hear", func(_ context.Context, in text) (sabir.None, error) {
				lines <- in.Text
				return sabir.None{}, nil
			})
			c := dial(t, r.path, sabir.DialOptions{Handler: ear})
			if _, err := sabir.Do[sabir.Body](t.Context(), c, "failing.hello", nil); err != nil {
				t.Fatal(err)
			}
			leave(t.Context(), c)
			select {
			case <-lines:
			case <-time.After(10 * time.Second):
				t.Error("no line came")
			}
		})
	}
}

// Nor does it keep a connection that nothing can be sent on.
func TestLogThatBlocksAtAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, b := slow()
		block := make(chan bool)
		s := serveBubbleLog(svc, nil, slog.New(logTo(func(string) { <-block })))
		s.say(t, `{"id":1,"method":"slow.wait"}`)
		<-b.began
		s.say(t, `{"id":2,"method":"rpc.ping"}`)
		select {
		case <-b.ended:
		case <-time.After(time.Minute):
			t.Error("a handler whose caller does not read was not told")
		}
		close(block)
		s.end(t)
	})
}

// Nor does it keep others out when it tells of a stranger.
func TestLogThatBlocksForAStranger(t *testing.T) {
	came, block := make(chan bool, 10), make(chan bool)
	r := serveTCPAs(t, probe.New(), sabir.ServeOptions{Log: slog.New(logTo(func(string) { came <- true; <-block }))})
	defer close(block)
	_, known := r.token(t, "read")
	_, stranger := r.token(t, "read")
	stranger.Secret = func(string) (string, auth.Secret, error) { return "0", auth.NewSecret(), nil }
	go sabir.Dial(t.Context(), r.at.String(), stranger)
	<-came
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := sabir.Dial(ctx, r.at.String(), known)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// Of lines that come faster than they are taken only the number is told, beyond some.
func TestLogThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines, block := 0, make(chan bool)
		s := serveBubbleLog(failing(), nil, slog.New(logTo(func(string) { <-block; lines++ })))
		for range 1000 {
			s.say(t, `{"method":"failing.nothing"}`)
		}
		s.say(t, `{"id":1,"method":"rpc.ping"}`)
		s.hear(t)
		close(block)
		synctest.Wait()
		if lines > 100 {
			t.Errorf("%d lines were kept", lines)
		}
		s.end(t)
	})
}
