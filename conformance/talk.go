package conformance

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/vectors"
)

// Fault is what was wrong in a case, for whoever mends the peer.
type Fault struct {
	Clause   string   `json:"clause"`          // of a vector that has several, all of them
	Where    string   `json:"where,omitempty"` // a line of a vector
	Sent     string   `json:"sent,omitempty"`
	Expected string   `json:"expected"`
	Came     string   `json:"came"`
	Before   []string `json:"before,omitempty"` // the last lines that went by

	silent bool // nothing came of the peer in all the case, and it was still there
}

func (f *Fault) Error() string {
	return fmt.Sprintf("[%s] expected %s, came %s", f.Clause, f.Expected, f.Came)
}

// talk is a conversation of vectors/.
type talk struct {
	file    string
	clauses []string
	about   string
	as      string
	only    string
	steps   string
	first   int // line of the first step
}

// talks reads the conversations.
func talks() ([]*talk, error) {
	files, err := fs.Glob(vectors.FS, "*.talk")
	if err != nil {
		return nil, err
	}
	var all []*talk
	for _, file := range files {
		text, err := vectors.FS.ReadFile(file)
		if err != nil {
			return nil, err
		}
		head, steps, ok := strings.Cut(string(text), "\n\n")
		if !ok {
			return nil, fmt.Errorf("vectors/%s: no blank line after the header", file)
		}
		t := &talk{file: file, as: "admin", steps: steps, first: strings.Count(head, "\n") + 3}
		for line := range strings.Lines(head) {
			key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
			switch key {
			case "clause":
				t.clauses = strings.Split(value, ", ")
			case "comment":
				t.about = value
			case "as":
				t.as = value
			case "only":
				t.only = value
			case "roads": // a peer on stdio knows its caller
			default:
				return nil, fmt.Errorf("vectors/%s: no header %q", file, key)
			}
		}
		all = append(all, t)
	}
	return all, nil
}

// needs tells which claim a conversation is for, or nothing.
func (t *talk) needs() string {
	switch {
	case strings.HasPrefix(t.file, "export"):
		return "export"
	case t.file == "behalf.talk":
		return "caller"
	case t.file == "discover.talk":
		return "discover"
	}
	return ""
}

// least are the conversations for a service that has only the least.
var least = []string{"least.talk", "lines.talk"}

func (t *talk) tier() string {
	if slices.Contains(least, t.file) {
		return Least
	}
	return Full
}

// talker plays a conversation.
type talker struct {
	*end
	names   names
	waiting map[string][]Object // what came and is not expected yet, by call
	sent    string
}

func (t *talk) play(e *end) *Fault {
	k := &talker{end: e, names: make(names), waiting: make(map[string][]Object)}
	line := t.first - 1
	for text := range strings.Lines(t.steps) {
		line++
		err := k.step(strings.TrimRight(text, "\n"))
		if err != nil {
			expected, ok := strings.CutPrefix(strings.TrimSpace(text), "<-- ")
			if !ok {
				expected = "the peer to read it"
			}
			return e.fault(strings.Join(t.clauses, ", "), fmt.Sprintf("vectors/%s:%d", t.file, line), k.sent, expected, err)
		}
	}
	for call, left := range k.waiting {
		if len(left) > 0 {
			return e.fault(strings.Join(t.clauses, ", "), "vectors/"+t.file, k.sent, "nothing more of the call "+call, errors.New(show(left[0])))
		}
	}
	return nil
}

// fault makes one; a clause that err begins with is nearer to it than the one given.
func (e *end) fault(clause, where, sent, expected string, err error) *Fault {
	came := err.Error()
	if rest, ok := strings.CutPrefix(came, "["); ok {
		if label, text, ok := strings.Cut(rest, "] "); ok {
			clause, came = label, text
		}
	}
	return &Fault{Clause: clause, Where: where, Sent: clip(sent), Expected: clip(expected), Came: clip(came), Before: e.heard(6)}
}

func (k *talker) step(text string) error {
	verb, rest, _ := strings.Cut(text, " ")
	switch verb {
	case "", "#":
		return nil
	case "-->":
		v, err := parseJSON([]byte(rest))
		if err != nil {
			return err
		}
		k.sent = rest
		return k.send(k.names.fill(v).(Object))
	case "==>":
		k.sent = rest
		b := []byte(strings.TrimSuffix(rest, `\r`) + map[bool]string{true: "\r\n", false: "\n"}[strings.HasSuffix(rest, `\r`)])
		if digits, ok := strings.CutPrefix(rest, "0x"); ok {
			raw, err := hex.DecodeString(digits)
			if err != nil {
				return err
			}
			if b = append(raw, '\n'); k.enc == cborItems {
				b = append(appendHead(nil, 2, uint64(len(raw))), raw...)
			}
		}
		return k.raw(b, rest)
	case "---":
		return k.closeWrite()
	case "<--":
		return k.expect(rest)
	}
	return fmt.Errorf("the vector has no step %q", verb)
}

func (k *talker) expect(text string) error {
	if text == "close" {
		for {
			switch a := k.receive(); {
			case a.err == nil:
				return fmt.Errorf("%s", told(a))
			case errors.Is(a.err, errSilent):
				return a.err
			default:
				return nil
			}
		}
	}
	if text == `"$_"` {
		if a := k.receive(); a.line == "" {
			return fmt.Errorf("%s and no line for people", told(a))
		}
		return nil
	}
	v, err := parseJSON([]byte(text))
	if err != nil {
		return err
	}
	want := v.(Object)
	if k.enc == cborItems {
		want = slices.DeleteFunc(want, func(m Member) bool { return m.Name == "jsonrpc" }) // [C1]
	}
	call := callOf(want)
	for len(k.waiting[call]) == 0 {
		a := k.receive()
		if a.msg == nil {
			return errors.New(told(a))
		}
		k.waiting[callOf(a.msg)] = append(k.waiting[callOf(a.msg)], a.msg)
	}
	got := k.waiting[call][0]
	k.waiting[call] = k.waiting[call][1:]
	if err := k.names.match("", want, got); err != nil {
		return fmt.Errorf("%s; %w", clip(show(got)), err)
	}
	return nil
}

func told(a arrival) string {
	switch {
	case a.err != nil:
		return a.err.Error()
	case a.msg != nil:
		return show(a.msg)
	}
	return fmt.Sprintf("the line %q", a.line)
}

// frame is a row of frames.tsv.
type frame struct {
	clauses []string
	enc     string
	does    string
	text    string
	about   string
}

func frames() ([]frame, error) {
	text, err := vectors.FS.ReadFile("frames.tsv")
	if err != nil {
		return nil, err
	}
	var all []frame
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(col) != 5 {
			return nil, fmt.Errorf("vectors/frames.tsv: %d columns in %q", len(col), line)
		}
		all = append(all, frame{strings.Split(col[0], ", "), col[1], col[2], col[3], col[4]})
	}
	return all, nil
}

func (f *frame) play(e *end) *Fault {
	body := []byte(f.text + "\n")
	if f.enc == cborItems {
		raw, err := hex.DecodeString(f.text)
		if err != nil {
			return e.fault(f.clauses[0], "vectors/frames.tsv", f.text, "hexadecimal", err)
		}
		body = append(appendHead(nil, 2, uint64(len(raw))), raw...)
	}
	fence := Object{{"id", "fence"}, {"method", "rpc.ping"}}
	// The first byte is a {, so what follows is not taken for something else.
	// What is refused may be followed by a close: that nothing more can be written is no fault.
	e.send(Object{{"method", "rpc.none"}})
	e.raw(body, f.text)
	e.send(fence)
	got, parted := "", false
	for deadline := time.Now().Add(e.patience); ; {
		a := e.within(time.Until(deadline))
		if errors.Is(a.err, errSilent) {
			return e.fault(f.clauses[0], "vectors/frames.tsv", f.text, f.does, a.err)
		}
		var bad *badMessage
		if errors.As(a.err, &bad) {
			return e.fault(f.clauses[0], "vectors/frames.tsv", f.text, f.does, a.err)
		}
		if a.err != nil {
			if got = "close"; !parted {
				got = "close without rpc.ParseError"
			}
			break
		}
		if a.msg.at("id") == "fence" {
			break
		}
		failure, _ := a.msg.at("error").(Object)
		parted = parted || failure.at("code") == int64(-32700)
		if failure.at("code") == int64(-32600) {
			data, _ := failure.at("data").(Object)
			params, _ := data.at("params").(Object)
			member, _ := params.at("member").(string)
			got = "refuse:" + member
		}
	}
	if got == "" {
		got = "ok"
	}
	if got != f.does {
		return e.fault(f.clauses[0], "vectors/frames.tsv", f.text, f.does, errors.New(got+" ("+f.about+")"))
	}
	return nil
}
