package hub

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

var errTooMuch = fmt.Errorf("printed more than %d bytes", maxOutput)

// result reads what a method has printed.
func (r *run) result(out io.Reader) (sabir.Body, error) {
	text, err := io.ReadAll(io.LimitReader(out, maxOutput+1))
	if err != nil {
		return sabir.Body{}, err
	}
	if len(text) > maxOutput {
		return sabir.Body{}, errTooMuch
	}
	fields := r.member.Result
	text = bytes.TrimRight(text, "\r\n")
	switch {
	case len(fields) == 0:
		return sabir.Body{}, nil
	case len(fields) == 1 && !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		value, err := r.valueOf(&fields[0].Type, text)
		if err != nil {
			return sabir.Body{}, err
		}
		if _, err := sabir.JSONBody(value); err != nil { // what was printed, and not what is made of it below
			return sabir.Body{}, fmt.Errorf("printed %.80q: %w", text, err)
		}
		name, _ := wire.AppendString([]byte("{"), wire.JSON, fields[0].Name)
		text = append(append(append(name, ':'), value...), '}')
	}
	return r.checked(text)
}

// valueOf makes JSON of one line: bare where a text is meant.
func (r *run) valueOf(t *idl.Type, line []byte) ([]byte, error) {
	if t = r.service.Resolve(t); t != nil {
		switch t.Kind {
		case idl.String, idl.Enum, idl.Time, idl.Int64, idl.Uint64:
			if !bytes.HasPrefix(line, []byte(`"`)) {
				raw, ok := wire.AppendString(nil, wire.JSON, line)
				if !ok {
					return nil, errors.New("printed what is not UTF-8")
				}
				return raw, nil
			}
		}
	}
	return line, nil
}

// checked judges what the command has printed, as JSON.
func (r *run) checked(text []byte) (sabir.Body, error) {
	body, err := sabir.JSONBody(text)
	if err != nil {
		return sabir.Body{}, fmt.Errorf("printed %.80q: %w", text, err)
	}
	v, err := body.Value()
	if err != nil {
		return sabir.Body{}, err
	}
	if faults := r.member.out.Check(v, codec.Strict); len(faults) > 0 {
		return sabir.Body{}, fmt.Errorf("printed %.80q: %v", text, faults[0])
	}
	return body, nil
}

// items gives each line as an item, until give returns an error.
func (r *run) items(out io.Reader, give func(sabir.Body) error) error {
	if t := r.service.Resolve(r.member.Item); t != nil && t.Kind == idl.Bytes && r.member.Kind == idl.Stream {
		return r.pieces(out, give)
	}
	return eachLine(out, func(line []byte) error {
		raw, err := r.valueOf(r.member.Item, line)
		if err != nil {
			return err
		}
		body, err := r.checked(slices.Clone(raw))
		if err != nil {
			return err
		}
		return give(body)
	})
}

// eachLine calls f with each line, until that returns an error.
func eachLine(out io.Reader, f func(line []byte) error) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 4096), maxOutput)
	for lines.Scan() {
		if err := f(lines.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("printed a line of more than %d bytes", maxOutput)
	}
	return lines.Err()
}

// tableLine is a line of a table: a row, or that it is gone.
type tableLine struct {
	Key   string
	Value *wire.Value
	Gone  *bool
}

// row reads a line of a table.
func (r *run) row(line []byte) (tableLine, error) {
	var l tableLine
	body, err := sabir.JSONBody(slices.Clone(line))
	if err != nil {
		return l, fmt.Errorf("printed %.80q: %w", line, err)
	}
	v, err := body.Value()
	if err != nil {
		return l, err
	}
	faults := codec.For[tableLine]().Decode(v, &l, codec.Strict)
	gone := l.Gone != nil && *l.Gone
	if len(faults) > 0 || gone == (l.Value != nil) {
		return l, fmt.Errorf(`printed %.80q: expected {"key":…,"value":…} or {"key":…,"gone":true}`, line)
	}
	if gone {
		return l, nil
	}
	if faults := r.member.out.Check(*l.Value, codec.Strict); len(faults) > 0 {
		return l, fmt.Errorf("printed %.80q: %v", line, faults[0])
	}
	return l, nil
}

// pieces gives bytes as they come.
func (r *run) pieces(out io.Reader, give func(sabir.Body) error) error {
	buf := make([]byte, maxPiece)
	for {
		n, err := out.Read(buf)
		if n > 0 {
			body, err := sabir.BodyOf(slices.Clone(buf[:n]))
			if err != nil {
				return err
			}
			if err := give(body); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// failure turns a status and what was said on stderr into an answer.
func (r *run) failure(ended *exec.ExitError, said []byte) error {
	said = bytes.TrimRight(said, "\r\n")
	last := said[bytes.LastIndexByte(said, '\n')+1:]
	name, params, _ := strings.Cut(string(last), " ")
	if shape := r.errors[name]; shape != nil && slices.Contains(r.member.Errors, name) {
		if params = strings.TrimSpace(params); params == "" {
			params = "{}"
		}
		body, err := sabir.JSONBody([]byte(params))
		if err == nil {
			v, _ := body.Value()
			if faults := shape.Check(v, codec.Strict); len(faults) > 0 {
				err = errors.New(faults[0].String())
			}
		}
		if err != nil {
			return fmt.Errorf("error %s: %w", name, err)
		}
		return r.declared(name, strings.TrimSpace(strings.TrimSuffix(string(said), string(last))), body)
	}
	text := strings.ToValidUTF8(string(said[max(0, len(said)-4096):]), "?")
	status, why := ended.ExitCode(), "status "+strconv.Itoa(ended.ExitCode())
	if how, ok := ended.Sys().(syscall.WaitStatus); ok && how.Signaled() {
		status, why = 128+int(how.Signal()), ended.String()
	}
	if shape := r.errors["Failed"]; shape != nil && slices.Contains(r.member.Errors, "Failed") {
		body, err := sabir.BodyOf(map[string]any{"status": status, "text": text})
		if err == nil {
			return r.declared("Failed", text, body)
		}
	}
	if text = lastLines(text); text == "" {
		text = "nothing on stderr"
	}
	return fmt.Errorf("%s: %s", why, text)
}

func (r *run) declared(name, message string, params sabir.Body) error {
	if message == "" { // its params say more than its name, which stands before it anyway
		message = name
		if text, err := params.JSON(); err == nil && string(text) != "{}" && len(text) <= maxSaid {
			message = string(text)
		}
	}
	return &sabir.Error{Code: int(wire.Declared), Name: r.service.Name + "." + name, Message: message, Params: params}
}
