package sabir

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Remote is a service that a program knows by its description alone: for
// scripts, consoles and gateways, which have no Go types for it. It may be used
// by any number of goroutines.
//
// What goes out and what comes in is checked as with types, and told in the same
// words: ErrInvalidParams with its Faults before anything is sent,
// ErrInvalidResult, ErrMethodNotFound with the nearest name. Values are
// map[string]any, []any, bool, int64 (of int and int64), uint64, float64,
// string, []byte and time.Time, by the declared type; params may be whatever Go
// encodes alike.
//
// When the service has become another one meanwhile, the description is read
// anew, and a call that was refused for it is made once more.
type Remote struct {
	h    Handler
	name string

	mu    sync.Mutex // guards known
	known *known
}

// known is one description.
type known struct {
	hash    string
	service *idl.Service
	members map[string]*knownMember
}

type knownMember struct {
	*idl.Member
	params *codec.Shape
	result *codec.Shape // of methods
	item   *codec.Shape // of the others
	err    error        // why it cannot be used
}

// NewRemote asks what a service says of itself.
func NewRemote(ctx context.Context, h Handler, service string) (*Remote, error) {
	r := &Remote{h: h, name: service}
	if _, err := r.learn(ctx, nil); err != nil {
		return nil, err
	}
	return r, nil
}

// Description is what the service said of itself when it was last asked. It is
// not to be changed.
func (r *Remote) Description() *idl.Service { return r.current().service }

func (r *Remote) current() *known {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known
}

// learn asks for the description if it is another than the old one.
func (r *Remote) learn(ctx context.Context, old *known) (*known, error) {
	ask := describeParams{Service: &r.name}
	if old != nil {
		ask.Hash = &old.hash
	}
	answer, err := Do[describeResult](ctx, r.h, "rpc.describe", &ask)
	if err != nil {
		return nil, err
	}
	if old != nil && answer.Services == nil {
		return old, nil
	}
	for i := range answer.Services {
		if s := &answer.Services[i]; s.Name == r.name {
			k := newKnown(answer.Hash, s)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.known = k
			return k, nil
		}
	}
	return nil, notFound(r.name, r.name, nil)
}

func newKnown(hash string, s *idl.Service) *known {
	k := &known{hash, s, make(map[string]*knownMember)}
	shapes := codec.NewShapes(s)
	for i := range s.Members {
		m := &knownMember{Member: &s.Members[i]}
		m.params, m.err = shapes.OfFields(m.Params)
		var err error
		if m.Kind == idl.Method {
			m.result, err = shapes.OfFields(m.Result)
		} else {
			m.item, err = shapes.Of(m.Item)
		}
		m.err = errors.Join(m.err, err)
		k.members[m.Name] = m
	}
	return k
}

// prepared is a call that fits the description.
type prepared struct {
	*knownMember
	method string
	params Body
}

func (k *known) prepare(member string, params map[string]any) (*prepared, error) {
	m := k.members[member]
	if m == nil {
		var names []string
		for _, other := range k.service.Members {
			names = append(names, k.service.Name+"."+other.Name)
		}
		return nil, notFound(k.service.Name+"."+member, k.service.Name+"."+member, names)
	}
	method := k.service.Name + "." + member
	if m.err != nil {
		return nil, fmt.Errorf("%s: %w", method, m.err)
	}
	if params == nil {
		params = map[string]any{}
	}
	raw, faults, err := m.params.Append(nil, wire.JSON, params)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", method, err)
	case len(faults) > 0:
		return nil, invalidParams(faults)
	}
	return &prepared{m, method, RawBody(wire.Value{Enc: wire.JSON, Raw: raw})}, nil
}

// outdated reports whether an error may be gone with a newer description. It
// says for sure that nothing was run. spec [E2]
func outdated(err error) bool {
	return errors.Is(err, ErrMethodNotFound) || errors.Is(err, ErrInvalidParams)
}

// call prepares and makes a call, and does both again if there is a newer
// description to do it by.
func (r *Remote) call(ctx context.Context, member string, params map[string]any, do func(*prepared) error) error {
	k := r.current()
	for again := true; ; again = false {
		p, err := k.prepare(member, params)
		if err == nil {
			err = do(p)
		}
		if err == nil || !again || !outdated(err) {
			return err
		}
		newer, failed := r.learn(ctx, k)
		if failed != nil || newer == k {
			return err
		}
		k = newer
	}
}

// Do makes a plain request, as [Do] does: the result of a method, the list of a
// stream's items, a state's value, a table's rows (maps with key and value), of
// a topic a map with epoch, seq, lost and items.
func (r *Remote) Do(ctx context.Context, member string, params map[string]any) (out any, err error) {
	err = r.call(ctx, member, params, func(p *prepared) error {
		call := Call{Method: p.method, Params: p.params, Window: NoWindow, Caller: CallerOf(ctx)}
		body, err := r.h.Handle(ctx, &call, nil)
		if err != nil {
			return err
		}
		out, err = p.answer(body)
		return err
	})
	return out, err
}

// answer reads what a plain request is answered with. spec [L5]
func (m *knownMember) answer(body Body) (any, error) {
	switch m.Kind {
	case idl.Method:
		return valueOf(m.result, body)
	case idl.Stream:
		return m.values(body)
	case idl.Table:
		var rows []Row[wire.Value]
		if err := body.Decode(&rows); err != nil {
			return nil, err
		}
		out := []any{}
		for _, row := range rows {
			v, err := valueOf(m.item, RawBody(row.Value))
			if err != nil {
				return nil, err
			}
			out = append(out, map[string]any{"key": row.Key, "value": v})
		}
		return out, nil
	case idl.Topic:
		var came struct {
			Epoch     string
			Seq, Lost int64
			Items     wire.Value
		}
		if err := body.Decode(&came); err != nil {
			return nil, err
		}
		items, err := m.values(RawBody(came.Items))
		return map[string]any{"epoch": came.Epoch, "seq": came.Seq, "lost": came.Lost, "items": items}, err
	}
	return valueOf(m.item, body)
}

func (m *knownMember) values(body Body) (any, error) {
	var items []wire.Value
	if err := body.Decode(&items); err != nil {
		return nil, err
	}
	out := []any{}
	for _, item := range items {
		v, err := valueOf(m.item, RawBody(item))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func valueOf(s *codec.Shape, body Body) (any, error) {
	v, err := body.Value()
	if err != nil {
		return nil, err
	}
	x, faults := s.Value(v, codec.Lenient)
	if len(faults) > 0 {
		return nil, invalidResult(faults)
	}
	return x, nil
}

// Items reads a stream, item by item, as [Items] does.
func (r *Remote) Items(ctx context.Context, member string, params map[string]any) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		began := false
		err := r.call(ctx, member, params, func(p *prepared) error {
			for body, err := range Items[Body](ctx, r.h, p.method, p.params) {
				if err != nil && !began {
					return err
				}
				began = true
				var x any
				if err == nil {
					x, err = valueOf(p.item, body)
				}
				if !yield(x, err) || err != nil {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// Watch subscribes to a topic, state or table, as [Watch] does.
func (r *Remote) Watch(ctx context.Context, member string, params map[string]any, opts *WatchOptions) iter.Seq2[Event[any], error] {
	return func(yield func(Event[any], error) bool) {
		began := false
		err := r.call(ctx, member, params, func(p *prepared) error {
			for e, err := range Watch[Body](ctx, r.h, p.method, p.params, opts) {
				if err != nil && !began {
					return err
				}
				began = true
				out := Event[any]{Kind: e.Kind, Key: e.Key, Seq: e.Seq, Epoch: e.Epoch, Lost: e.Lost, Err: e.Err}
				if err == nil && e.Kind == Changed {
					out.Value, err = valueOf(p.item, e.Value)
				}
				if !yield(out, err) || err != nil {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(Event[any]{}, err)
		}
	}
}

// Failure returns the name and the params of a declared error, by its
// description; ok is false if err is none.
func (r *Remote) Failure(err error) (name string, params map[string]any, ok bool) {
	var e *Error
	if !errors.As(err, &e) || e.Code != int(wire.Declared) || !strings.HasPrefix(e.Name, r.name+".") {
		return "", nil, false
	}
	k := r.current()
	for i := range k.service.Errors {
		declared := &k.service.Errors[i]
		if declared.Name != e.ShortName() {
			continue
		}
		shape, err := codec.NewShapes(k.service).OfFields(declared.Fields)
		if err != nil {
			break
		}
		if x, err := valueOf(shape, e.Params); err == nil {
			return declared.Name, x.(map[string]any), true
		}
	}
	return "", nil, false
}
