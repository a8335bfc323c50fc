package sabir

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// A common member has the same content for every caller, so whoever passes its
// subscriptions on needs one of its own and keeps what it brings: in the ring of
// a topic, the cell of a state, the rows of a table, which are those that the
// service itself has, with their rules for slow readers. A subscriber who is slow
// loses only what is his, and one who comes later has his snapshot from here.
// spec [U9]

// merger is all of one common member. Its methods may be called by many
// goroutines at once.
type merger struct {
	h     Handler
	desc  *idl.Member
	start func(f func()) bool // in a goroutine that whoever owns h waits for; false: h has ended

	mu   sync.Mutex
	all  map[string]*shared // by params
	vast map[string]bool    // those whose rows take more than maxShared: subscriptions to them are not merged
}

// maxShared is how many bytes the rows of a table that is merged may take: they are kept
// here, and whoever offers it may have any number of them.
const maxShared = 64 << 20

// shared is the one subscription for some params.
type shared struct {
	m      *merger
	params string
	desc   *idl.Member
	ctx    context.Context // ends with the subscription
	cancel context.CancelCauseFunc
	up     chan struct{} // closed when it is live

	audience int // guarded by merger.mu

	// One of them is there; that of a topic once it is live.
	ring *ring
	cell *cell
	rows *rows

	old map[string]struct{} // after a reset: the keys that have not come again
}

// merges reports whether subscriptions to the member are merged.
func merges(m *idl.Member) bool { return m.Common && m.Kind.Subscribed() }

func newMerger(h Handler, desc *idl.Member, start func(f func()) bool) *merger {
	return &merger{h: h, desc: desc, start: start, all: make(map[string]*shared)}
}

// Handle passes a call on, a subscription by way of the shared one.
func (m *merger) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	if call.Window == NoWindow || call.Since != nil && m.desc.Kind != idl.Topic {
		return m.h.Handle(ctx, call, sink)
	}
	s, err := m.join(call)
	switch {
	case err != nil:
		return Body{}, err
	case s == nil:
		return m.h.Handle(ctx, call, sink)
	}
	defer m.leave(s)
	select {
	case <-s.up:
	case <-s.ctx.Done():
		// Those of nobody have a limit, as those of each caller have: what is beyond it is
		// the caller's own.
		if why := s.why(); !errors.Is(why, ErrBusy) {
			return Body{}, why
		}
		return m.h.Handle(ctx, call, sink)
	case <-ctx.Done():
		return Body{}, ctx.Err()
	}
	if call.Since != nil && !s.ring.has(call.Since) {
		return m.h.Handle(ctx, call, sink)
	}
	return Body{}, s.serve(ctx, call, sink)
}

// join makes the caller part of a shared subscription, which it begins if need
// be; nil: this one cannot be shared.
func (m *merger) join(call *Call) (*shared, error) {
	v, err := call.Params.Value()
	if err != nil {
		return nil, err
	}
	// Params that say the same in another order are rare, and only cost a
	// subscription more.
	key, err := v.Append(nil, wire.CBOR)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.all[string(key)]
	switch {
	case s != nil:
	case call.Since != nil: // nothing was kept here that it could go on from
		return nil, nil
	case len(key) > maxKey || len(m.all) >= maxFeeds || m.vast[string(key)]:
		return nil, nil
	default:
		if s = m.begin(call, string(key)); s == nil {
			return nil, nil
		}
	}
	s.audience++
	return s, nil
}

// begin subscribes, with m.mu held; nil: there is nobody to subscribe at.
func (m *merger) begin(call *Call, params string) *shared {
	s := &shared{m: m, params: params, desc: m.desc, up: make(chan struct{})}
	switch m.desc.Kind {
	case idl.State:
		s.cell = new(cell)
	case idl.Table:
		s.rows = newRows()
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	onward := &Call{
		Method: call.Method, Params: RawBody(wire.Value{Enc: wire.CBOR, Raw: []byte(params)}), Window: maxWindow, hub: call.hub,
		Caller: Caller{Level: m.desc.Needs()}, // nobody in particular: it is for all who may
	}
	started := m.start(func() {
		_, err := m.h.Handle(s.ctx, onward, s)
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.all[params] == s {
			delete(m.all, params)
		}
		if err == nil {
			err = errEndedWell
		}
		s.cancel(err)
	})
	if !started {
		return nil
	}
	m.all[params] = s
	return s
}

// alone notes that subscriptions to some params are their callers' own.
func (m *merger) alone(params string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.vast == nil || len(m.vast) >= maxFeeds {
		m.vast = make(map[string]bool)
	}
	m.vast[params] = true
}

// errEndedWell is of a subscription that the service ends with a result.
var errEndedWell = errors.New("ended")

// why is what the service has ended it with.
func (s *shared) why() error {
	if err := context.Cause(s.ctx); err != errEndedWell {
		return err
	}
	return nil
}

// leave ends it with the last subscriber.
func (m *merger) leave(s *shared) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.audience--; s.audience > 0 {
		return
	}
	if m.all[s.params] == s {
		delete(m.all, s.params)
	}
	s.cancel(nil)
}

// serve is one subscriber, until he or the service ends it.
func (s *shared) serve(ctx context.Context, call *Call, sink Sink) error {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.ctx, cancel)
	defer stop()
	enc := encodingOf(sink)
	var err error
	switch {
	case s.ring != nil:
		err = s.ring.serve(both, call.Since, sink, enc)
	case s.cell != nil:
		err = s.cell.serve(both, sink, enc)
	default:
		err = s.rows.serve(both, sink, enc)
	}
	if s.ctx.Err() != nil && ctx.Err() == nil {
		return s.why()
	}
	return err
}

// shared is the Sink of what the service sends.

// Ready is at once: what is kept has a bound.
func (s *shared) Ready(ctx context.Context) error { return ctx.Err() }

// Live has the subscribers begin.
func (s *shared) Live(l Live) error {
	if s.desc.Kind == idl.Topic && s.ring == nil {
		s.ring = &ring{epoch: l.Epoch, head: l.Seq}
	}
	for key := range s.old {
		s.rows.delete(key)
	}
	s.old = nil
	select {
	case <-s.up:
	default:
		close(s.up)
	}
	return nil
}

// Item keeps an item. One that the member cannot have ends the subscription: what the
// service is, whoever offered it said, and what it sends may be anything.
func (s *shared) Item(it Item) error {
	if (it.Keyed || it.Reset) != (s.rows != nil) {
		return s.misfit("an item that is none of a %s", s.desc.Kind)
	}
	if it.Reset {
		s.old = s.rows.keys()
		return nil
	}
	if it.Gone {
		s.rows.delete(it.Key)
		return nil
	}
	v, err := it.Value.Value()
	if err != nil {
		return err
	}
	var e encoded
	e.raw[v.Enc] = slices.Clone(v.Raw)
	switch {
	case s.rows != nil:
		delete(s.old, it.Key)
		s.rows.set(it.Key, e)
		if s.rows.taken() > maxShared {
			s.m.alone(s.params)
			return busy("rows", "over %d bytes of %s to keep for all", maxShared, s.desc.Name)
		}
	case s.cell != nil:
		s.cell.set(e)
	case s.ring != nil && !s.ring.relay(it.Seq, e):
		return s.misfit("item %d, which is not after those before it", it.Seq)
	}
	return nil
}

func (s *shared) misfit(format string, args ...any) error {
	return fmt.Errorf("%s sent "+format, append([]any{s.desc.Name}, args...)...)
}
