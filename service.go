package sabir

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Service is a named API with its members. Members are declared before it is
// served; after that it may be used by any number of goroutines. Declaring
// something that cannot be described is a mistake in the program and panics.
type Service struct {
	desc    idl.Service
	members map[string]*member
	errors  map[reflect.Type]*declaredError
	types   map[string]reflect.Type

	mu     sync.Mutex
	sealed bool // somebody has read desc: nothing may be declared any more
}

// member is what a Service does for one name.
type member struct {
	service *Service
	desc    idl.Member
	params  *codec.Codec
	ptype   reflect.Type // of params
	errors  []*declaredError
	accept  func(ctx context.Context, params reflect.Value) error
	listen  func(params reflect.Value, listening bool)
	rings   int // 0: the default
	history any // a History of the topic's types; nil: none
	handle  func(ctx context.Context, call *Call, sink Sink) (Body, error)
}

// declaredError is a Go error type that stands for an error of the service.
type declaredError struct {
	name  string // with service
	codec *codec.Codec
	typ   reflect.Type // of the struct
}

// NewService makes a service without members. The name matches
// [a-z][a-z0-9_]*; the version is the author's, as in "1.0".
func NewService(name, version, doc string) *Service {
	if !serviceName.MatchString(name) || name == "rpc" {
		panic(fmt.Sprintf("sabir: %q is no name for a service, [a-z][a-z0-9_]*", name))
	}
	return newService(name, version, doc)
}

func newService(name, version, doc string) *Service {
	return &Service{
		desc:    idl.Service{Name: name, Version: version, Doc: doc},
		members: make(map[string]*member),
		errors:  make(map[reflect.Type]*declaredError),
		types:   make(map[string]reflect.Type),
	}
}

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Name returns the name of the service.
func (s *Service) Name() string { return s.desc.Name }

// Describe returns what the service says of itself. The result is not to be
// changed, and nothing can be declared after it. It panics where something was declared
// that no description can have, as an error twice.
func (s *Service) Describe() []*idl.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sealed {
		if faults := idl.Check(&s.desc); len(faults) > 0 {
			panic(fmt.Sprintf("sabir: service %s: %v", s.desc.Name, faults))
		}
		s.sealed = true
	}
	return []*idl.Service{&s.desc}
}

// Handle answers a call to one of the members.
func (s *Service) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	m := s.members[call.Method]
	if m == nil {
		return Body{}, s.notFound(call.Method)
	}
	return m.Handle(ctx, call, sink)
}

func (s *Service) notFound(method string) error {
	var names []string
	for _, m := range s.desc.Members {
		names = append(names, s.desc.Name+"."+m.Name)
	}
	return notFound(method, method, names)
}

// Handle checks access before anything else and maps declared errors. spec [D4]
func (m *member) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	if err := call.Caller.Permit(call.Method, &m.desc); err != nil {
		return Body{}, err
	}
	if call.Since != nil && m.desc.Kind != idl.Topic {
		member := "since"
		return Body{}, newError(wire.InvalidRequest, &requestParams{&member}, `member "since": only topics go on from a position`)
	}
	result, err := m.handle(ctx, call, sink)
	if err != nil {
		return Body{}, m.declared(ctx, err)
	}
	return result, nil
}

// declared is what a failure of the handler is to its caller: the answer that the member
// declares for it, one of the protocol's own, or something that does not leave the process.
func (m *member) declared(ctx context.Context, err error) error {
	if no := m.answer(err); no != nil {
		return no
	}
	var se *Error
	var lost *Unanswered
	switch {
	case errors.As(err, &lost), errors.As(err, &se) && !mayAnswer(wire.Code(se.Code)):
		// What another service answered to this handler is not this member's answer.
		return fmt.Errorf("undeclared: %v", err)
	case errors.Is(err, context.DeadlineExceeded) && !late(ctx):
		// Nor is the end of a time that it gave somebody else.
		return fmt.Errorf("undeclared: %v", err)
	}
	return err
}

// late reports whether the time of a call is over.
func late(ctx context.Context) bool {
	at, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(at)
}

// answer looks for an error that the member declares in err and all that it wraps, as
// errors.As does; nil: there is none.
func (m *member) answer(err error) error {
	if no := m.answerTo(err); no != nil {
		return no
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return m.answer(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if no := m.answer(inner); no != nil {
				return no
			}
		}
	}
	return nil
}

// answerTo is answer for err alone.
func (m *member) answerTo(err error) error {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	for _, d := range m.errors {
		if d.typ != v.Type() {
			continue
		}
		raw, failed := d.codec.AppendFrom(nil, wire.JSON, v)
		if failed != nil {
			return fmt.Errorf("error %s: %w", d.name, failed)
		}
		return &Error{Code: int(wire.Declared), Name: d.name, Message: err.Error(), Params: RawBody(wire.Value{Enc: wire.JSON, Raw: raw})}
	}
	return nil
}

// mayAnswer says which of the protocol's errors a handler may return. spec [E3]
func mayAnswer(c wire.Code) bool {
	switch c {
	case wire.Declared, wire.OutcomeUnknown, wire.InvalidResult:
		return false
	}
	return c.Name() != ""
}

// decode reads the params of a call, strictly.
func (m *member) decode(call *Call, into any) error {
	v, err := call.Params.Value()
	if err != nil {
		return invalidParams([]Fault{{Reason: err.Error()}})
	}
	if faults := m.params.DecodeFrame(call.frame, v, into, codec.Strict); len(faults) > 0 {
		return invalidParams(faults)
	}
	return nil
}

// declare adds a member whose params are of type P.
func declare(s *Service, kind idl.MemberKind, name string, params reflect.Type, opts []MemberOption) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := s.desc.Name + "." + name
	fail := func(format string, args ...any) {
		panic("sabir: " + full + ": " + fmt.Sprintf(format, args...))
	}
	switch {
	case s.sealed:
		fail("declared after the service was served")
	case !serviceName.MatchString(name):
		fail("no name for a member, [a-z][a-z0-9_]*")
	case s.members[full] != nil:
		fail("declared twice")
	}
	m := &member{service: s, ptype: params, desc: idl.Member{Kind: kind, Name: name, Params: []idl.Field{}}}
	var err error
	if m.params, err = codec.Of(params); err != nil {
		fail("params: %v", err)
	}
	fields, ok := m.params.Fields()
	if !ok {
		fail("params are a struct, not %v", params)
	}
	m.desc.Params = append(m.desc.Params, fields...)
	s.addTypes(full, m.params, true)
	for _, o := range opts {
		if err := o(m); err != nil {
			fail("%v", err)
		}
	}
	if kind.Subscribed() && (m.desc.Readonly || m.desc.Idempotent || m.desc.Destructive) {
		fail("readonly, idempotent and destructive are for methods and streams")
	}
	s.members[full] = m
	return m
}

// finish puts the member into the description, once its result is known.
func (s *Service) finish(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desc.Members = append(s.desc.Members, m.desc)
}

// item sets the type of the items of m.
func (s *Service) item(m *member, t reflect.Type) *codec.Codec {
	c, err := codec.Of(t)
	if err != nil {
		panic(fmt.Sprintf("sabir: %s.%s: items: %v", s.desc.Name, m.desc.Name, err))
	}
	desc := c.Type()
	m.desc.Item = &desc
	s.addTypes(s.desc.Name+"."+m.desc.Name, c, false)
	return c
}

// addTypes describes the named types that c refers to.
func (s *Service) addTypes(where string, c *codec.Codec, inline bool) {
	c.Named(inline, func(t idl.NamedType, goType reflect.Type) {
		if known := s.types[t.Name]; known != nil {
			if known != goType {
				panic(fmt.Sprintf("sabir: %s: two types are called %s: %v and %v", where, t.Name, known, goType))
			}
			return
		}
		s.types[t.Name] = goType
		s.desc.Types = append(s.desc.Types, t)
	})
}

// addError describes an error by a value of its Go type.
func (s *Service) addError(sample error) (*declaredError, error) {
	t := reflect.TypeOf(sample)
	if t == nil {
		return nil, errors.New("a declared error is a value of its type, not nil")
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if d := s.errors[t]; d != nil {
		return d, nil
	}
	name := errorName(t)
	if t.Kind() != reflect.Struct || !typeName.MatchString(name) {
		return nil, fmt.Errorf("a declared error is a struct with a name like NoSuchRoom, [A-Z][A-Za-z0-9]*, not %v", t)
	}
	if i := slices.IndexFunc(s.desc.Errors, func(e idl.NamedError) bool { return e.Name == name }); i >= 0 {
		return nil, fmt.Errorf("two errors are called %s", name)
	}
	c, err := codec.Of(t)
	if err != nil {
		return nil, err
	}
	d := &declaredError{name: s.desc.Name + "." + name, codec: c, typ: t}
	s.errors[t] = d
	ne := idl.NamedError{Name: name, Fields: []idl.Field{}}
	fields, _ := c.Fields()
	ne.Fields = append(ne.Fields, fields...)
	if doc, ok := sample.(codec.Documented); ok {
		ne.Doc = doc.Doc()
	}
	s.desc.Errors = append(s.desc.Errors, ne)
	s.addTypes(d.name, c, true)
	return d, nil
}

// errorName is the name that an error has in descriptions, without its service.
func errorName(t reflect.Type) string {
	if n, ok := reflect.Zero(t).Interface().(codec.Named); ok {
		return n.SabirName()
	}
	return t.Name()
}

var typeName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

// Mux is several services under one address, each reached by its name. Add
// them before it is served.
type Mux struct {
	services map[string]muxed
	order    []string
}

type muxed struct {
	handler Handler
	takes   bool // takesFrame(handler)
	desc    *idl.Service
}

// NewMux makes a Mux of services.
func NewMux(services ...*Service) *Mux {
	x := &Mux{services: make(map[string]muxed)}
	for _, s := range services {
		x.Add(s.Describe()[0], s)
	}
	return x
}

// Add puts a Handler under the name of a description. A name twice panics.
func (x *Mux) Add(desc *idl.Service, h Handler) {
	if _, ok := x.services[desc.Name]; ok {
		panic("sabir: two services are called " + desc.Name)
	}
	x.services[desc.Name] = muxed{h, takesFrame(h), desc}
	x.order = append(x.order, desc.Name)
}

// Describe returns the descriptions in the order they were added.
func (x *Mux) Describe() []*idl.Service {
	var all []*idl.Service
	for _, name := range x.order {
		all = append(all, x.services[name].desc)
	}
	return all
}

// Handle passes the call to the service it names.
func (x *Mux) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	service, _, _ := strings.Cut(call.Method, ".")
	s, ok := x.services[service]
	if !ok {
		return Body{}, notFound(call.Method, service, x.order)
	}
	if !s.takes {
		call.frame = nil
	}
	return s.handler.Handle(ctx, call, sink)
}
