package hub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/internal/needed"
)

// What a command leaves behind in the background holds up nothing, whatever it has of
// the command's.
func TestProgramLeavesBehind(t *testing.T) {
	p := program(t, `service s 1
method start_loud() -> (text: string)
method start_quiet() -> (text: string)
method follow() -> stream string`, `case $1 in
start_loud) sleep 30 & echo begun ;;
start_quiet) sleep 30 >/dev/null & echo begun ;;
follow) sleep 30 & echo one; (sleep .5; echo two) & ;;
esac`, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, method := range []string{"s.start_loud", "s.start_quiet"} {
		got, err := sabir.Do[struct{ Text string }](ctx, p, method, nil)
		if err != nil || got.Text != "begun" {
			t.Errorf("%s: %v, %v", method, got, err)
		}
	}
	var lines []string
	for line, err := range sabir.Items[string](ctx, p, "s.follow", nil) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if strings.Join(lines, " ") != "one two" {
		t.Errorf("got %q", lines)
	}
}

// A process that has left the group of its command, and holds what that prints to,
// takes no place among the commands when the caller has given up.
func TestProgramThatCannotBeEnded(t *testing.T) {
	needed.Tool(t, "setsid")
	p := program(t, "service s 1\nmethod wait()\nmethod now()", `case $1 in
wait) setsid sleep 15 & sleep 100 ;;
esac`, &hub.ProgramOptions{Processes: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := sabir.Do[sabir.None](ctx, p, "s.wait", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the call came back after %v", took)
	}
	if _, err := sabir.Do[sabir.None](t.Context(), p, "s.now", nil); err != nil {
		t.Errorf("the next: %v", err)
	}
}

// A command that prints without end is ended, for its result is too long already.
func TestProgramPrintsWithoutEnd(t *testing.T) {
	p := program(t, "service s 1\nmethod read() -> (text: string)", "exec yes", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := sabir.Do[sabir.Body](ctx, p, "s.read", nil); err == nil || !strings.Contains(err.Error(), "printed more than 4194304 bytes") {
		t.Errorf("got %v", err)
	}
}
