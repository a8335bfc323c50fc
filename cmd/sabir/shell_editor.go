package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// editor is a terminal that edits lines. What is written to it while somebody
// types appears above the prompt, which stays whole.
type editor struct {
	*term.Terminal
	shell *shell
	fd    int
	told  chan os.Signal // SIGWINCH and SIGTERM
	done  chan struct{}

	searching string // what Ctrl-R looks for
	at        int    // and where it was found last
	found     string
}

// openEditor takes the terminal of a shell, if it has one.
func openEditor(s *shell) (e *editor, ok bool) {
	in, isFile := s.in.(*inlet)
	if !isFile || !s.outTTY || !term.IsTerminal(int(in.Fd())) || s.getenv("TERM") == "dumb" {
		return nil, false
	}
	s.history = openHistory()
	cooked, err := term.GetState(int(in.Fd()))
	if err != nil {
		return nil, false
	}
	e = &editor{shell: s, fd: int(in.Fd()), told: make(chan os.Signal, 1), done: make(chan struct{})}
	e.Terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys{in}, s.out}, "sabir> ")
	e.History = s.history
	e.AutoCompleteCallback = e.key
	e.resize()
	signal.Notify(e.told, syscall.SIGWINCH, syscall.SIGTERM)
	go func() {
		defer close(e.done)
		for s := range e.told {
			if s == syscall.SIGWINCH {
				e.resize()
				continue
			}
			// Nothing ends the wait for a key, and the terminal is to be left as it was.
			term.Restore(e.fd, cooked)
			signal.Reset(syscall.SIGTERM)
			syscall.Kill(os.Getpid(), syscall.SIGTERM)
		}
	}()
	return e, true
}

func (e *editor) close() {
	signal.Stop(e.told)
	close(e.told)
	<-e.done
}

func (e *editor) resize() {
	if width, height, err := term.GetSize(e.fd); err == nil && width > 0 {
		e.SetSize(width, height)
	}
}

// keys makes of Ctrl-C what a shell does: the line is left. The editor would end.
type keys struct{ io.Reader }

func (k keys) Read(p []byte) (int, error) {
	n, err := k.Reader.Read(p[:max(1, len(p)/2)])
	text := bytes.ReplaceAll(p[:n], []byte{ctrlC}, []byte{ctrlE, ctrlU})
	return copy(p, text), err
}

const (
	ctrlC = 3
	ctrlE = 5
	ctrlR = 18
	ctrlU = 21
)

func (e *editor) line(ctx context.Context) (string, error) {
	before, err := term.MakeRaw(e.fd)
	if err != nil {
		return "", err
	}
	defer term.Restore(e.fd, before)
	e.searching, e.found = "", ""
	line, err := e.ReadLine()
	if errors.Is(err, io.EOF) {
		fmt.Fprint(e, "\n")
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return line, err
}

// key is asked for keys that the editor has no use for.
func (e *editor) key(line string, pos int, key rune) (string, int, bool) {
	switch key {
	case '\t':
		return e.complete(line, pos)
	case ctrlR:
		return e.search(line, pos)
	}
	return "", 0, false
}

// search puts the last line of the history that begins like this one in its
// place, and with the next Ctrl-R the one before.
func (e *editor) search(line string, pos int) (string, int, bool) {
	if e.found == "" || line != e.found {
		e.searching, e.at = line, -1
	}
	i, ok := e.shell.history.find(e.searching, e.at+1)
	if !ok {
		return line, pos, true
	}
	e.at, e.found = i, e.shell.history.At(i)
	return e.found, len(e.found), true
}

// complete goes on with the word before the cursor as far as there is one way to,
// and shows the ways if there are several.
func (e *editor) complete(line string, pos int) (string, int, bool) {
	start := strings.LastIndexAny(line[:pos], " \t") + 1
	typed := line[start:pos]
	words, err := split(line[:start], func(string) (string, error) { return "x", nil })
	if err != nil {
		return line, pos, true
	}
	found, space := e.shell.candidates(words, typed)
	if len(found) == 0 {
		return line, pos, true
	}
	common := found[0].word
	for _, c := range found[1:] {
		for !strings.HasPrefix(c.word, common) {
			_, size := utf8.DecodeLastRuneInString(common)
			common = common[:len(common)-size]
		}
	}
	if len(found) == 1 && space {
		common += " "
	}
	if len(found) > 1 && common == typed {
		e.Write(shown(found))
	}
	return line[:start] + common + line[pos:], start + len(common), true
}

// shown are candidates, one a line, with what they are.
func shown(all []candidate) []byte {
	width := 0
	for _, c := range all {
		width = max(width, uniseg.StringWidth(c.word))
	}
	var out bytes.Buffer
	for _, c := range all {
		fmt.Fprintf(&out, "  %s", c.word)
		if c.about != "" {
			fmt.Fprintf(&out, "%s  %s", strings.Repeat(" ", width-uniseg.StringWidth(c.word)), c.about)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}
