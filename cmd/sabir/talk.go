package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/wire"
)

// talk is a conversation as sabir record has written it: its calls, and when each
// of them was made and answered.
type talk struct {
	calls   []*talkCall
	turns   []turn
	strange int // messages of calls that are not in it
}

// turn is the beginning or the end of a call.
type turn struct {
	of   *talkCall
	ends bool
}

// talkCall is a call of a conversation, and what it brought then.
type talkCall struct {
	line   int
	method string
	params json.RawMessage
	window *int
	notify bool // nobody waited for an answer
	items  []talkItem
	answer *talkAnswer // nil: it was under way when the conversation ended
	gaveUp bool        // who called did not wait for its end
}

type talkItem struct {
	line  int
	value json.RawMessage
}

type talkAnswer struct {
	line   int
	result json.RawMessage
	err    *talkError // nil: it went well
}

type talkError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    struct {
		Name   string          `json:"name"`
		Params json.RawMessage `json:"params"`
	} `json:"data"`
}

// talkMessage is any message of a conversation.
type talkMessage struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Window *int            `json:"window"`
	Result json.RawMessage `json:"result"`
	Error  *talkError      `json:"error"`
}

// openTalk reads the conversation of a file. Errors say in which line of it.
func openTalk(file string) (*talk, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	t, byID := &talk{}, make(map[string]*talkCall)
	return t, eachStep(file, in, func(line int, sent bool, text []byte) error {
		if sent {
			return t.sent(byID, line, text)
		}
		return t.came(byID, line, text)
	})
}

// maxLine bounds a line of a conversation: what a hub shows is much shorter.
const maxLine = 16 << 20

// eachStep calls step with each message of a conversation.
func eachStep(name string, in io.Reader, step func(line int, sent bool, text []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	body := false
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimRight(lines.Bytes(), "\r")
		verb, rest, _ := bytes.Cut(line, []byte(" "))
		arrow := string(verb) == "-->" || string(verb) == "<--"
		var err error
		switch {
		case !body && arrow:
			err = errors.New(`expected a header before it, as "comment: by hand", and a blank line`)
		case !body:
			body = len(line) == 0
		case arrow:
			err = step(n, verb[0] == '-', bytes.Clone(rest))
		case len(line) > 0 && line[0] != '#':
			err = fmt.Errorf("expected --> or <--, not %.40q", line)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%s:%d: a line of over %d bytes", name, n+1, maxLine)
	case err != nil:
		return err
	}
	if !body {
		return fmt.Errorf("%s: no blank line after the header", name)
	}
	return nil
}

// sent takes in what a client has sent.
func (t *talk) sent(byID map[string]*talkCall, line int, text []byte) error {
	m, err := readMessage(text)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(m.Method, "rpc."):
		return nil
	case m.Method == "":
		return errors.New("expected a call, with a member method")
	}
	c := &talkCall{line: line, method: m.Method, params: m.Params, window: m.Window, notify: m.ID == nil}
	t.calls, t.turns = append(t.calls, c), append(t.turns, turn{of: c})
	if m.ID != nil {
		byID[string(m.ID)] = c
	}
	return nil
}

// came takes in what a client was sent.
func (t *talk) came(byID map[string]*talkCall, line int, text []byte) error {
	m, err := readMessage(text)
	if err != nil {
		return err
	}
	if m.Method == wire.MethodItem {
		var p struct {
			ID    json.RawMessage `json:"id"`
			Value json.RawMessage `json:"value"`
		}
		if err := unmarshal(m.Params, &p); err != nil {
			return err
		}
		if c := byID[string(p.ID)]; c != nil {
			c.items = append(c.items, talkItem{line, p.Value})
		} else {
			t.strange++
		}
		return nil
	}
	if m.Method != "" {
		return nil
	}
	if (m.Result == nil) == (m.Error == nil) {
		return errors.New("expected an answer, with a member result or error")
	}
	c := byID[string(m.ID)]
	if c == nil {
		t.strange++
		return nil
	}
	delete(byID, string(m.ID))
	c.answer = &talkAnswer{line, m.Result, m.Error}
	c.gaveUp = m.Error != nil && slices.Contains([]string{sabir.ErrCancelled.Name, sabir.ErrDeadlineExceeded.Name}, m.Error.Data.Name)
	t.turns = append(t.turns, turn{c, true})
	return nil
}

func readMessage(text []byte) (m talkMessage, err error) {
	if err := unmarshal(text, &m); err != nil {
		return m, err
	}
	if e := m.Error; e != nil && e.Code == 0 {
		return m, errors.New("error: expected a member code, a number that is not 0")
	}
	return m, nil
}

// unmarshal is json.Unmarshal, with errors for those who write JSON and no Go.
func unmarshal(text []byte, to any) error {
	err := json.Unmarshal(text, to)
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	kind := "an object"
	switch wrong.Type.Kind() {
	case reflect.Int:
		kind = "a number without a fraction"
	case reflect.String:
		kind = "a text"
	}
	if wrong.Field == "" {
		return fmt.Errorf("expected %s, not a %s", kind, wrong.Value)
	}
	return fmt.Errorf("%s: expected %s, not a %s", wrong.Field, kind, wrong.Value)
}
