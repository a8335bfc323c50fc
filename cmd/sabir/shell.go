package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

const shellHelp = `Take commands line by line, without the word sabir before them:

  lounge.users room=dev      what call does with a method, and get with the rest
  watch lounge.message dev   in the background: items appear above the prompt
  watches, stop N, stop      what is watched; end one of them, or all
  help lounge.say            what a service or a member says of itself
  lounge.say dev ann $_.name $_ is what was printed last, $_.a.0.b a part of it
  exit                       or Ctrl-D

Tab completes, Ctrl-R finds in the history what begins like the line, Ctrl-C
leaves a line or ends a command. The history is kept without what is sensitive
and without lines that begin with a blank. Connections stay open between lines.
Of a file or a pipe the shell takes lines in turn, and exits as the last one did.`

func (a *app) shellCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "shell", Short: "take commands line by line, with completion and a history", Long: shellHelp,
		Example: "  sabir shell\n  sabir -a sabir://host:7224 shell",
		Args:    takes(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.shell(c.Context())
		},
	}
	a.directFlag(c)
	return c
}

// shell is one run of it.
type shell struct {
	*app
	ctx     context.Context // of all that it starts
	input   prompter
	jobs    jobs
	history *history

	interrupts chan os.Signal // SIGINT, of which the process has no other use meanwhile; nil: it ends the process

	last wire.Value // $_
}

// prompter is where lines come from. The error is io.EOF where there are no more.
type prompter interface {
	line(ctx context.Context) (string, error)
}

func (a *app) shell(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.board = newSwitchboard()
	defer a.board.hangUp()
	s := &shell{app: a, ctx: ctx}
	defer s.jobs.stop()
	if terminal, ok := openEditor(s); ok {
		defer terminal.close()
		s.input, s.out, s.errout = terminal, terminal, terminal
		s.interrupts = make(chan os.Signal, 1)
		signal.Notify(s.interrupts, syscall.SIGINT)
		defer signal.Stop(s.interrupts)
		if a.release != nil {
			a.release()
		}
	} else {
		s.input = newScript(a.in)
	}
	exit := 0
	for {
		line, err := s.input.line(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return exited(exit)
		case err != nil:
			return err
		}
		words, err := split(line, s.value)
		if err != nil {
			exit = s.report(ctx, err)
			continue
		}
		if len(words) == 1 && (words[0] == "exit" || words[0] == "quit") {
			return exited(exit)
		}
		if len(words) == 2 && words[0] == "exit" {
			if status, err := strconv.ParseUint(words[1], 10, 8); err == nil {
				return exited(int(status))
			}
		}
		if len(words) > 0 {
			exit = s.run(line, words)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// exitStatus is the end of a shell whose last command has said what was wrong.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func exited(status int) error {
	if status == 0 {
		return nil
	}
	return exitStatus(status)
}

// run runs the words of one line and returns its exit status.
func (s *shell) run(line string, words []string) int {
	ctx, done := s.interruptible()
	defer done()
	words = s.meant(ctx, words)
	defer s.remember(line, words)
	switch words[0] {
	case "help":
		if len(words) == 1 {
			return s.report(s.ctx, write(s.out, []byte(shellHelp+"\n\nhelp COMMAND says more of one: "+strings.Join(s.commands(), " ")+"\n")))
		}
	case "watches":
		s.jobs.list(s.out)
		return 0
	case "stop":
		return s.stop(words[1:])
	case "shell":
		if len(words) > 1 {
			break // its help
		}
		return s.report(s.ctx, &usage{"this is one already", ""})
	case "watch":
		if slices.Contains(words, "--help") || slices.Contains(words, "-h") {
			break
		}
		s.jobs.start(s.ctx, strings.Join(words, " "), s.out, func(ctx context.Context, out io.Writer) {
			job := s.command(out)
			job.result = nil // $_ is what was asked for last, not what happened to come
			job.execute(ctx, words)
		})
		return 0
	}
	return s.command(s.out).execute(ctx, words)
}

// interruptible is a context for one command that Ctrl-C ends: while it runs, the
// terminal makes a signal of that.
func (s *shell) interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	stop := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-s.interrupts: // nil without a terminal
			cancel(interruption{syscall.SIGINT})
		case <-stop:
		}
	})
	return ctx, func() {
		close(stop)
		waiting.Wait()
		cancel(nil)
		select {
		case <-s.interrupts: // a second one, or too late
		default:
		}
	}
}

// command is an app for one line. It asks nobody: stdin is the shell's.
func (s *shell) command(out io.Writer) *app {
	world := s.stdio
	world.in, world.out, world.errout = strings.NewReader(""), out, out
	if _, is := s.input.(*script); is {
		world.errout = s.errout
	}
	return &app{stdio: world, address: s.address, json: s.json, timeout: s.timeout, quiet: s.quiet, board: s.board, result: s.note}
}

// execute runs words as a command line of the program.
func (a *app) execute(ctx context.Context, words []string) int {
	root := a.command()
	root.SetArgs(words)
	root.SetOut(a.out)
	root.SetErr(a.errout)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.helpErr
	}
	return a.report(ctx, err)
}

// meant makes a command of a line that begins with a member, and help of what
// somebody wants to know about one.
func (s *shell) meant(ctx context.Context, words []string) []string {
	first := words[0]
	switch {
	case first == "sabir" && len(words) > 1: // out of habit
		return s.meant(ctx, words[1:])
	case first == "help" && len(words) > 1 && !s.isCommand(words[1]):
		return append([]string{"describe"}, words[1:]...)
	case strings.Contains(first, ".") && !strings.ContainsAny(first, "/:=") && !s.isCommand(first):
		if s.isFed(ctx, first) {
			return append([]string{"get"}, words...)
		}
		return append([]string{"call"}, words...)
	}
	return words
}

func (s *shell) isCommand(word string) bool { return slices.Contains(s.commands(), word) }

func (s *shell) commands() (names []string) {
	for _, c := range s.command(io.Discard).command().Commands() {
		if c.IsAvailableCommand() && c.Name() != "shell" {
			names = append(names, c.Name())
		}
	}
	return names
}

// isFed reports whether a member is a topic, state or table.
func (s *shell) isFed(ctx context.Context, method string) bool {
	t, err := s.command(io.Discard).open(ctx, method)
	if err != nil {
		return false // which the command will say
	}
	defer t.close()
	return t.member != nil && t.kind().Subscribed()
}

func (s *shell) stop(words []string) int {
	if len(words) == 0 {
		s.jobs.stop()
		return 0
	}
	for _, word := range words {
		n, err := strconv.Atoi(strings.Trim(word, "[]"))
		if err != nil || !s.jobs.stopOne(n) {
			return s.report(s.ctx, &usage{fmt.Sprintf("nothing is watched as %s", word), "watches lists what is"})
		}
	}
	return 0
}

// note keeps what was printed last.
func (s *shell) note(v wire.Value) {
	s.last = wire.Value{Enc: wire.JSON, Raw: appendCompact(nil, v)} // v is gone when the command is
}

// value is $_, or the part of it that a path of fields and indices leads to, as
// text.
func (s *shell) value(path string) (string, error) {
	v := s.last
	if v.IsZero() {
		return "", &usage{"$_ is what was printed last, and nothing was", ""}
	}
	if path != "" {
		way, err := parsePicks([]string{path})
		if err == nil {
			v, err = way[0].from(v)
		}
		if err != nil {
			return "", fmt.Errorf("$_.%s: %w", path, err)
		}
	}
	if c := v.Cursor(); c.Kind() == wire.String {
		return string(c.Text()), nil
	}
	return string(appendCompact(nil, v)), nil
}

// remember keeps a line for another day, unless it has what is not to be kept.
func (s *shell) remember(line string, words []string) {
	if s.history == nil || strings.HasPrefix(line, " ") || s.isSecret(words) {
		return
	}
	s.history.save(line)
}

// isSecret reports whether the arguments of a call have one that is sensitive.
func (s *shell) isSecret(words []string) bool {
	verb := slices.IndexFunc(words, func(w string) bool { return w == "call" || w == "get" || w == "watch" })
	if verb < 0 {
		return false
	}
	i := verb + 1 + slices.IndexFunc(words[verb+1:], func(w string) bool { return strings.Contains(w, ".") && !strings.HasPrefix(w, "-") })
	if i == verb || len(words) == i+1 {
		return false
	}
	a := s.command(io.Discard)
	for j, w := range words[:i] {
		if address, ok := strings.CutPrefix(w, "--address="); ok {
			a.address = address
		} else if w == "-a" || w == "--address" {
			a.address = words[j+1]
		}
	}
	ctx, cancel := context.WithTimeout(s.ctx, completePatience)
	defer cancel()
	t, err := a.open(ctx, words[i])
	if err != nil {
		return true // nobody knows
	}
	defer t.close()
	if t.member == nil {
		return true
	}
	args, err := parseArguments(words[i+1:], strings.NewReader(""))
	if err != nil {
		return true
	}
	_ = t.assign(args.all) // what is wrong was said already; the names that are given stay
	return slices.ContainsFunc(args.all, func(arg argument) bool { return t.isSensitive(arg.name) })
}
