package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// MockOptions are the rare wishes of a Mock; nil and zero mean the default.
type MockOptions struct {
	// Answer may answer a call before the Mock does: with a result as JSON or an
	// error, and ok. The result of a stream is the list of its items, also for who
	// asks for them one by one; of topics, states and tables plain requests alone
	// are asked for. Default: the Mock answers all.
	Answer func(call *sabir.Call, params []byte) (result []byte, err error, ok bool)
	Pace   time.Duration // between the items of a topic; default: one second
}

// Mock is a service made of a description alone: it checks what it is asked, and
// answers with examples that the description has or allows ([idl.Service.Sample]).
// A stream has three items, a table two rows, a topic an item each second. Its
// methods may be called by many goroutines at once.
type Mock struct {
	service *idl.Service
	opts    MockOptions
	epoch   string
	members map[string]*mockMember
	names   []string
}

type mockMember struct {
	*idl.Member
	params *codec.Shape
	sample []byte // the result, or an item
}

// mockItems and mockRows are how many items a stream and a table of a Mock have.
const mockItems = 3

var mockRows = []string{"one", "two"}

// NewMock makes a service of a description. The error says for what in it there
// is no example.
func NewMock(s *idl.Service, opts *MockOptions) (*Mock, error) {
	m := &Mock{service: s, epoch: newID(), members: make(map[string]*mockMember)}
	if opts != nil {
		m.opts = *opts
	}
	if m.opts.Pace <= 0 {
		m.opts.Pace = time.Second
	}
	shapes := codec.NewShapes(s)
	for i := range s.Members {
		mm := &mockMember{Member: &s.Members[i]}
		name := s.Name + "." + mm.Name
		var err error
		if mm.params, err = shapes.OfFields(mm.Params); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		ok := false
		if mm.Kind == idl.Method {
			mm.sample, ok = s.SampleFields(nil, mm.Result)
		} else {
			mm.sample, ok = s.Sample(nil, mm.Name, mm.Item)
		}
		if !ok {
			return nil, fmt.Errorf("%s: no example of what it answers is found; an example in the description helps", name)
		}
		m.members[name] = mm
		m.names = append(m.names, name)
	}
	return m, nil
}

// Describe returns the description.
func (m *Mock) Describe() []*idl.Service { return []*idl.Service{m.service} }

// Handle answers a call.
func (m *Mock) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	mm := m.members[call.Method]
	if mm == nil {
		return sabir.Body{}, sabir.MethodNotFound(call.Method, m.names)
	}
	if err := call.Caller.Permit(call.Method, mm.Member); err != nil {
		return sabir.Body{}, err
	}
	if call.Since != nil && mm.Kind != idl.Topic {
		return sabir.Body{}, sinceRefused()
	}
	params, err := call.Params.JSON()
	if err != nil {
		return sabir.Body{}, err
	}
	if faults := mm.params.Check(wire.Value{Enc: wire.JSON, Raw: params}, codec.Strict); len(faults) > 0 {
		return sabir.Body{}, sabir.InvalidParams(faults)
	}
	if m.opts.Answer != nil && (sink == nil || mm.Kind == idl.Stream) {
		if result, err, ok := m.opts.Answer(call, params); ok && (sink == nil || err != nil) {
			return asJSON(result), err
		} else if ok {
			return sabir.Body{}, each(ctx, result, sink)
		}
	}
	switch {
	case mm.Kind == idl.Method:
		return asJSON(mm.sample), nil
	case sink == nil:
		return m.plain(ctx, call, mm)
	}
	return sabir.Body{}, m.items(ctx, call, mm, sink)
}

// each sends the elements of a list as items.
func each(ctx context.Context, list []byte, sink sabir.Sink) error {
	c := wire.Value{Enc: wire.JSON, Raw: list}.Cursor()
	if c.Kind() != wire.List {
		return fmt.Errorf("expected a list of items, not %.80s", list)
	}
	for it := c.Open(); c.More(&it); {
		if err := sink.Ready(ctx); err != nil {
			return err
		}
		if err := sink.Item(sabir.Item{Value: asJSON(c.Skip().Raw)}); err != nil {
			return err
		}
	}
	return nil
}

func asJSON(text []byte) sabir.Body {
	return sabir.RawBody(wire.Value{Enc: wire.JSON, Raw: text})
}

// plain answers what is no method without items. spec [L5]
func (m *Mock) plain(ctx context.Context, call *sabir.Call, mm *mockMember) (sabir.Body, error) {
	list := func(n int, each func(i int, dst []byte) []byte) sabir.Body {
		dst := []byte("[")
		for i := range n {
			dst = each(i, wire.AppendNext(dst, wire.JSON, i))
		}
		return asJSON(append(dst, ']'))
	}
	switch mm.Kind {
	case idl.State:
		return asJSON(mm.sample), nil
	case idl.Stream:
		return list(mockItems, func(_ int, dst []byte) []byte { return append(dst, mm.sample...) }), nil
	case idl.Table:
		return list(len(mockRows), func(i int, dst []byte) []byte {
			return fmt.Appendf(dst, `{"key":%q,"value":%s}`, mockRows[i], mm.sample)
		}), nil
	}
	seq := int64(0)
	if call.Since != nil && call.Since.Epoch == m.epoch {
		seq = call.Since.Seq
	}
	if err := m.wait(ctx); err != nil {
		return sabir.Body{}, err
	}
	return asJSON(fmt.Appendf(nil, `{"epoch":%q,"seq":%d,"lost":%d,"items":[%s]}`, m.epoch, seq+1, m.lost(call), mm.sample)), nil
}

// lost is what a subscriber has missed who was somewhere else before.
func (m *Mock) lost(call *sabir.Call) int64 {
	if call.Since != nil && call.Since.Epoch != m.epoch {
		return -1
	}
	return 0
}

func (m *Mock) wait(ctx context.Context) error {
	select {
	case <-time.After(m.opts.Pace):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// items sends what the kind of member has.
func (m *Mock) items(ctx context.Context, call *sabir.Call, mm *mockMember, sink sabir.Sink) error {
	give := func(it sabir.Item) error {
		if err := sink.Ready(ctx); err != nil {
			return err
		}
		it.Value = asJSON(mm.sample)
		return sink.Item(it)
	}
	var err error
	switch mm.Kind {
	case idl.Stream:
		for i := 0; i < mockItems && err == nil; i++ {
			err = give(sabir.Item{})
		}
		return err
	case idl.State:
		err = give(sabir.Item{})
	case idl.Table:
		for _, key := range mockRows {
			err = errors.Join(err, give(sabir.Item{Key: key, Keyed: true}))
		}
	}
	if err != nil {
		return err
	}
	live := sabir.Live{}
	if mm.Kind == idl.Topic {
		live.Epoch, live.Lost = m.epoch, m.lost(call)
		if call.Since != nil && live.Lost == 0 {
			live.Seq = call.Since.Seq
		}
	}
	if err := sink.Live(live); err != nil {
		return err
	}
	for seq := live.Seq + 1; ; seq++ {
		if mm.Kind != idl.Topic {
			<-ctx.Done()
			return ctx.Err()
		}
		if err := m.wait(ctx); err != nil {
			return err
		}
		if err := give(sabir.Item{Seq: seq}); err != nil {
			return err
		}
	}
}
