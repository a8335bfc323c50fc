package hub

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// ProgramOptions are the rare wishes of a Program; nil and zero mean the default.
type ProgramOptions struct {
	Processes int          // that may run at once; default: 64
	Log       *slog.Logger // gets what failed commands say on stderr; default: slog.Default
}

// Program is a service made of a description and a command, which is run for
// each call with the member's name as its last argument:
//
//   - The params are on its stdin, as one line of JSON, and each in a variable
//     SABIR_PARAM_NAME: texts as they are, others as JSON, none that are longer
//     than 64 KiB or have a zero byte.
//   - SABIR_SERVICE, SABIR_MEMBER, SABIR_CALLER and SABIR_LEVEL say what is
//     called by whom.
//   - What it prints is the result: an object, or the value of the one field. A
//     text may be bare. Of a stream, a topic or a state each line is an item; of
//     a stream of bytes all is.
//   - If its status is not zero, the last line on stderr may be the name of a
//     declared error and its params as JSON: NoSuchRoom {"room":"dev"}. Else it
//     is the declared error Failed {status: int, text: string}, if there is one,
//     else rpc.Internal and its stderr goes to the log.
//
// Of a topic or a state it runs for each subscriber while he listens. When a
// call ends before it does, it gets SIGTERM, and SIGKILL two seconds later.
//
// Params, results, items and errors are judged by the description. The methods
// of a Program may be called by many goroutines at once.
type Program struct {
	service *idl.Service
	command []string
	members map[string]*programMember
	names   []string
	errors  map[string]*codec.Shape
	slots   chan struct{}
	log     *slog.Logger
}

// programMember is a member with the shapes of what goes in and out.
type programMember struct {
	*idl.Member
	params, out *codec.Shape
}

const (
	maxProcesses = 64
	maxVariable  = 64 << 10
	maxOutput    = 4 << 20 // bytes of one result, one item, or of stderr that is kept
	maxPiece     = 64 << 10
	patience     = 2 * time.Second // between SIGTERM and SIGKILL
)

// NewProgram makes a service of a description and a command. The error says
// what in the description a command cannot offer.
func NewProgram(s *idl.Service, command []string, opts *ProgramOptions) (*Program, error) {
	p := &Program{service: s, command: command, members: make(map[string]*programMember), errors: make(map[string]*codec.Shape), log: slog.Default()}
	n := maxProcesses
	if opts != nil {
		if opts.Processes > 0 {
			n = opts.Processes
		}
		if opts.Log != nil {
			p.log = opts.Log
		}
	}
	p.slots = make(chan struct{}, n)
	if len(command) == 0 {
		return nil, errors.New("no command")
	}
	shapes := codec.NewShapes(s)
	for i := range s.Members {
		m := &programMember{Member: &s.Members[i]}
		name := s.Name + "." + m.Name
		if m.Kind == idl.Table {
			return nil, fmt.Errorf("%s: a command cannot be a table, only methods, streams, topics and states", name)
		}
		var err error
		if m.params, err = shapes.OfFields(m.Params); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if m.Kind == idl.Method {
			m.out, err = shapes.OfFields(m.Result)
		} else {
			m.out, err = shapes.Of(m.Item)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.members[name] = m
		p.names = append(p.names, name)
	}
	for i := range s.Errors {
		e := &s.Errors[i]
		shape, err := shapes.OfFields(e.Fields)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", s.Name, e.Name, err)
		}
		p.errors[e.Name] = shape
	}
	return p, nil
}

// Describe returns the description.
func (p *Program) Describe() []*idl.Service { return []*idl.Service{p.service} }

// Handle runs the command for a call.
func (p *Program) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	m := p.members[call.Method]
	if m == nil {
		return sabir.Body{}, sabir.MethodNotFound(call.Method, p.names)
	}
	if err := call.Caller.Permit(call.Method, m.Member); err != nil {
		return sabir.Body{}, err
	}
	if call.Since != nil && m.Kind != idl.Topic {
		return sabir.Body{}, sinceRefused()
	}
	params, err := call.Params.JSON()
	if err != nil {
		return sabir.Body{}, err
	}
	if faults := m.params.Check(wire.Value{Enc: wire.JSON, Raw: params}, codec.Strict); len(faults) > 0 {
		return sabir.Body{}, sabir.InvalidParams(faults)
	}
	select {
	case p.slots <- struct{}{}:
	default:
		return sabir.Body{}, sabir.Busy("processes", "over %d commands at once", cap(p.slots))
	}
	defer func() { <-p.slots }()
	r := run{Program: p, member: m, call: call, sink: sink, params: params}
	return r.run(ctx)
}

func sinceRefused() error {
	e := *sabir.ErrInvalidRequest
	e.Message = `member "since": only topics go on from a position`
	var err error
	if e.Params, err = sabir.BodyOf(map[string]any{"member": "since"}); err != nil {
		return err
	}
	return &e
}

// result reads what a method has printed.
func (r *run) result(out io.Reader) (sabir.Body, error) {
	text, err := io.ReadAll(io.LimitReader(out, maxOutput+1))
	if err != nil {
		return sabir.Body{}, err
	}
	if len(text) > maxOutput {
		return sabir.Body{}, fmt.Errorf("printed more than %d bytes", maxOutput)
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
	lines := bufio.NewScanner(out)
	lines.Buffer(make([]byte, 4096), maxOutput)
	for lines.Scan() {
		raw, err := r.valueOf(r.member.Item, lines.Bytes())
		if err != nil {
			return err
		}
		body, err := r.checked(slices.Clone(raw))
		if err != nil {
			return err
		}
		if err := give(body); err != nil {
			return err
		}
	}
	return lines.Err()
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
func (r *run) failure(status int, said []byte) error {
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
	if shape := r.errors["Failed"]; shape != nil && slices.Contains(r.member.Errors, "Failed") {
		body, err := sabir.BodyOf(map[string]any{"status": status, "text": text})
		if err == nil {
			return r.declared("Failed", text, body)
		}
	}
	return fmt.Errorf("status %d: %s", status, text)
}

func (r *run) declared(name, message string, params sabir.Body) error {
	if message == "" {
		message = name
	}
	return &sabir.Error{Code: int(wire.Declared), Name: r.service.Name + "." + name, Message: message, Params: params}
}
