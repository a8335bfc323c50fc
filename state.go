package sabir

import (
	"context"
	"reflect"
	"sync"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// State is one value that changes, for each params value. It may be used by any
// number of goroutines.
type State[T, P any] struct{ feeds *feeds }

// NewState declares a state with values of type T and params of type P (None
// for none). Until Set it has no value.
func NewState[T, P any](s *Service, name string, opts ...MemberOption) *State[T, P] {
	fs := newFeeds(s, idl.State, name, reflect.TypeFor[T](), reflect.TypeFor[P](), opts, func(reflect.Value) (source, error) { return new(cell), nil })
	fs.m.handle = func(ctx context.Context, call *Call, sink Sink) (Body, error) {
		f, err := fs.join(ctx, call)
		if err != nil {
			return Body{}, err
		}
		defer fs.leave(f)
		c := f.source.(*cell)
		if call.Window == NoWindow {
			body, _, ok := c.newer(0, wire.JSON, nil)
			if !ok {
				return Body{}, newError(wire.Unavailable, nil, "%s has no value yet", call.Method)
			}
			return body, nil
		}
		return Body{}, c.serve(ctx, sink, fs.encoding(sink))
	}
	s.finish(fs.m)
	return &State[T, P]{fs}
}

// Set changes the value. Setting what it is already is no change. An error
// means that the value cannot be written, or is too large; the old one then stays.
// The value is written at once, and may be changed after.
func (t *State[T, P]) Set(params P, value T) error {
	e, err := t.feeds.encode(&value, "")
	if err != nil {
		return err
	}
	f, err := t.feeds.hold(reflect.ValueOf(&params).Elem())
	if err != nil {
		return err
	}
	f.source.(*cell).set(e)
	return nil
}

// Clear takes the value of params away. Subscribers hear nothing of it.
func (t *State[T, P]) Clear(params P) {
	if f, _ := t.feeds.find(reflect.ValueOf(&params).Elem()); f != nil {
		f.source.(*cell).clear()
		t.feeds.drop(reflect.ValueOf(&params).Elem())
	}
}

// Listeners returns how many listen to params now.
func (t *State[T, P]) Listeners(params P) int {
	return t.feeds.audience(reflect.ValueOf(&params).Elem())
}

// cell holds the newest value only; its version tells readers whether they have
// seen it.
type cell struct {
	mu      sync.Mutex
	version int64 // 0: no value yet
	gone    bool
	value   encoded
	waiting waiters
}

func (c *cell) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version == 0 || c.gone
}

func (c *cell) end() bool { return c.empty() }

func (c *cell) set(e encoded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version > 0 && !c.gone && c.value.same(&e) {
		return
	}
	c.version++
	c.value, c.gone = e, false
	c.waiting.wake()
}

func (c *cell) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone, c.value = true, encoded{}
}

// newer returns the value if it is newer than version; if not, ch is woken when
// one is.
func (c *cell) newer(version int64, enc wire.Encoding, ch chan struct{}) (Body, int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version <= version || c.gone {
		if ch != nil {
			c.waiting.add(ch)
		}
		return Body{}, version, false
	}
	return c.value.in(enc), c.version, true
}

func (c *cell) serve(ctx context.Context, sink Sink, enc wire.Encoding) error {
	ch := make(chan struct{}, 1)
	version := int64(0)
	for live := false; ; {
		if !live && (version > 0 || c.empty()) {
			if err := sink.Live(Live{}); err != nil {
				return err
			}
			live = true
		}
		if err := sink.Ready(ctx); err != nil {
			return err
		}
		body, v, ok := c.newer(version, enc, ch)
		for !ok {
			if !live { // cleared before it could be sent
				break
			}
			if err := await(ctx, ch, &c.mu, &c.waiting); err != nil {
				return err
			}
			body, v, ok = c.newer(version, enc, ch)
		}
		if !ok {
			continue
		}
		version = v
		if err := sink.Item(Item{Value: body}); err != nil {
			return err
		}
	}
}
