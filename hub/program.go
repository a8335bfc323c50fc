package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
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
//     than 64 KiB, have a zero byte, or come when 512 KiB are there.
//   - SABIR_SERVICE, SABIR_MEMBER, SABIR_CALLER and SABIR_LEVEL say what is
//     called by whom: the name of a credential, or a user as "uid 1000".
//   - What it prints is the result: an object, or the value of the one field. A
//     text may be bare. Of a stream, a topic or a state each line is an item; of
//     a stream of bytes all is.
//   - Of a table a line is {"key":…,"value":…} or {"key":…,"gone":true}, and an
//     empty one ends a list of all rows: what was not in it is gone.
//   - If its status is not zero, 128 and the number of a signal that ended it as in
//     a shell, the last line on stderr may be the name of a
//     declared error and its params as JSON: NoSuchRoom {"room":"dev"}. Else it
//     is the declared error Failed {status: int, text: string}, if there is one,
//     else rpc.Internal and the last lines of its stderr go to the log.
//
// Of a topic, a state or a table it runs once for all who listen with the same
// params, if the member is common, else for all of them that are one caller; of
// a topic, which has a history, for a minute longer. What is common is for
// nobody in particular: SABIR_CALLER is empty, SABIR_LEVEL what the member needs.
// When a call ends before its command does, or its result is over 4 MiB, that gets
// SIGTERM, and SIGKILL two seconds later. What it leaves in the background is heard
// as long as it says something each second.
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
	linger  time.Duration // of topics

	mu     sync.Mutex
	feeds  map[feedKey]*feed
	closed bool
	all    sync.WaitGroup // runs of feeds
}

// programMember is a member with the shapes of what goes in and out.
type programMember struct {
	*idl.Member
	params, out *codec.Shape
}

const (
	maxProcesses = 64
	maxVariable  = 64 << 10
	maxVariables = 512 << 10 // of all params together: Linux starts nothing with more than a quarter of the stack, mostly 2 MiB
	maxOutput    = 4 << 20   // bytes of one result, one item, or of stderr that is kept
	maxPiece     = 64 << 10
	patience     = 2 * time.Second // between SIGTERM and SIGKILL
)

// NewProgram makes a service of a description and a command. The error says
// what in the description a command cannot offer. It is closed when it is not
// served any more.
func NewProgram(s *idl.Service, command []string, opts *ProgramOptions) (*Program, error) {
	p := &Program{
		service: s, command: command, members: make(map[string]*programMember), errors: make(map[string]*codec.Shape),
		log: slog.Default(), linger: lingerTime, feeds: make(map[feedKey]*feed),
	}
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
	switch {
	case len(command) == 0:
		return nil, errors.New("no command")
	case !serviceName.MatchString(s.Name) || s.Name == "rpc":
		return nil, fmt.Errorf("%q is no name for a service, [a-z][a-z0-9_]*, and not rpc", s.Name)
	}
	shapes := codec.NewShapes(s)
	for i := range s.Members {
		m := &programMember{Member: &s.Members[i]}
		name := s.Name + "." + m.Name
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
	if m.Kind.Subscribed() {
		return p.subscribe(ctx, m, call, sink)
	}
	if err := p.take(ctx); err != nil {
		return sabir.Body{}, err
	}
	defer func() { <-p.slots }()
	r := run{Program: p, member: m, name: callerOf(call), level: call.Caller.Level, params: params}
	return r.run(ctx, func(out io.Reader) (sabir.Body, error) {
		if m.Kind == idl.Stream {
			return r.stream(ctx, out, sink)
		}
		return r.result(out)
	})
}

// callerOf is how the command is told who calls: by the name of the credential, or
// as "uid 1000" where the kernel said who that is.
func callerOf(call *sabir.Call) string {
	if call.Caller.Name == "" && !call.Caller.Peer.Known {
		return ""
	}
	return nameOf(call.Caller)
}

// take takes a place among the processes, which a topic that nobody listens to
// any more has to give up.
func (p *Program) take(ctx context.Context) error {
	for {
		select {
		case p.slots <- struct{}{}:
			return nil
		default:
		}
		resting := p.evict()
		if resting == nil {
			return sabir.Busy("processes", "over %d commands at once", cap(p.slots))
		}
		select {
		case <-resting.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
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
