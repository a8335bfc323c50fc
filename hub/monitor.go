package hub

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// EventKind says what a monitor saw.
type EventKind string

// Cases are the kinds of events.
func (EventKind) Cases() []string { return []string{"call", "live", "item", "result", "error"} }

// CaseDoc documents them.
func (EventKind) CaseDoc(c string) string {
	return map[string]string{
		"call": "A call is passed on.", "live": "Its subscription is active.", "item": "One of its items.",
		"result": "It has ended well.", "error": "It has ended with an error.",
	}[c]
}

// Event is one message that passed the hub.
type Event struct {
	At      time.Time
	ID      int        `doc:"The call, as the hub counts them."`
	Kind    EventKind  `sabir:"kind"`
	From    string     `doc:"Who calls: the name of the credential, or the uid."`
	Method  string     `doc:"What is called, as service.member."`
	Size    int        `unit:"B" doc:"Of the params, the value, the result or the error's params, as passed on."`
	Took    *float64   `unit:"s" doc:"From the call to its end."`
	Error   *string    `doc:"The name of the error."`
	Lost    int        `sabir:",optional" doc:"How many events before this one the monitor was too slow for."`
	Message wire.Value `sabir:",optional" doc:"The message itself with the call's id, if bodies were asked for; sensitive fields are masked, and over 64 KiB are left out."`
}

// monitorParams say what is to be seen.
type monitorParams struct {
	Service *string    `doc:"Only calls of this service."`
	Member  *string    `doc:"Only calls of this member, without its service."`
	Caller  *string    `doc:"Only calls of this caller, as in from."`
	Kind    *EventKind `doc:"Only such events."`
	Bodies  *bool      `doc:"With the messages, which only admins may see."`
}

const (
	// maxEvents and maxEventBytes bound what waits for one monitor.
	maxEvents, maxEventBytes = 4096, 4 << 20
	// maxSeen is up to which size a body is seen.
	maxSeen = 64 << 10
	// maxMonitors is how many one caller may have: each takes two megabytes, and
	// its share of each call's time.
	maxMonitors = 8
)

// monitors are those who watch. Its methods may be called by many goroutines at
// once; while nobody watches, traffic pays for a look at one number.
type monitors struct {
	calls atomic.Int64
	count atomic.Int32

	mu  sync.RWMutex
	all map[*monitor]struct{}
}

// monitor is one of them.
type monitor struct {
	monitorParams
	of      string // who watches
	events  chan seen
	waiting atomic.Int64 // bytes
	lost    atomic.Int64
}

// seen is what traffic leaves for a monitor: no more than it has at hand.
type seen struct {
	Event
	lost   int
	params *sabir.Call // of a call
	live   sabir.Live
	item   sabir.Item // its Value is in body
	err    *sabir.Error
	body   wire.Value
}

// watched passes a call on that is watched.
func (h *hub) watched(ctx context.Context, call *sabir.Call, sink sabir.Sink, next sabir.Handler) (body sabir.Body, err error) {
	sink, done := h.watch(call, sink)
	defer func() { done(body, err) }()
	return next.Handle(ctx, call, sink)
}

// watch counts a call that is passed on and tells the monitors of all that it
// brings. Calls of the monitor itself are not among them.
func (h *hub) watch(call *sabir.Call, sink sabir.Sink) (instead sabir.Sink, done func(sabir.Body, error)) {
	counted := h.traffic.begin(call, &sink)
	if h.monitors.count.Load() == 0 || call.Method == Name+".monitor" {
		return sink, counted
	}
	return h.monitors.follow(call, sink, counted)
}

// follow tells the monitors of a call and of all that it brings. It is apart from
// watch, whose stack each connection has.
func (m *monitors) follow(call *sabir.Call, sink sabir.Sink, counted func(sabir.Body, error)) (instead sabir.Sink, done func(sabir.Body, error)) {
	begun := time.Now()
	of := Event{At: begun, ID: int(m.calls.Add(1)), Kind: "call", From: nameOf(call.Caller), Method: call.Method}
	m.tell(seen{Event: of, params: call}, call.Params)
	if sink != nil {
		sink = sabir.Observed(sink, func(it sabir.Item) {
			e := of
			e.At, e.Kind = time.Now(), "item"
			m.tell(seen{Event: e, item: it}, it.Value)
		}, func(l sabir.Live) {
			e := of
			e.At, e.Kind = time.Now(), "live"
			m.tell(seen{Event: e, live: l}, sabir.Body{})
		})
	}
	return sink, func(body sabir.Body, err error) {
		counted(body, err)
		e := of
		e.At = time.Now()
		took := e.At.Sub(begun).Seconds()
		e.Took, e.Kind = &took, "result"
		if failed := sabir.ErrorOf(err); failed != nil {
			e.Kind, e.Error = "error", &failed.Name
			m.tell(seen{Event: e, err: failed}, failed.Params)
		} else {
			m.tell(seen{Event: e}, body)
		}
	}
}

// nameOf is how a caller is called here.
func nameOf(c sabir.Caller) string {
	switch {
	case c.Name != "":
		return c.Name
	case c.Peer.Known:
		return fmt.Sprint("uid ", c.Peer.UID)
	}
	return c.Peer.Transport
}

// tell has those who want it see an event. It never waits: who has too much
// waiting is told that something is lost.
func (m *monitors) tell(s seen, body sabir.Body) {
	v, err := body.Value()
	if err != nil {
		return // and so nothing was passed on
	}
	s.Size = len(v.Raw)
	m.mu.RLock()
	defer m.mu.RUnlock()
	for w := range m.all {
		if !w.wants(&s.Event) {
			continue
		}
		mine := s
		if w.bodies() && len(v.Raw) <= maxSeen {
			if s.body.IsZero() {
				s.body = wire.Value{Enc: v.Enc, Raw: slices.Clone(v.Raw)}
			}
			mine.body = s.body
		}
		if s.params != nil { // the call itself may not be kept
			call := *s.params
			call.Params = sabir.Body{}
			mine.params = &call
		}
		n := int64(len(mine.body.Raw))
		if w.waiting.Add(n) > maxEventBytes {
			w.waiting.Add(-n)
			w.lost.Add(1)
			continue
		}
		mine.lost = int(w.lost.Swap(0))
		select {
		case w.events <- mine:
		default:
			w.waiting.Add(-n)
			w.lost.Add(int64(mine.lost) + 1)
		}
	}
}

func (w *monitor) bodies() bool { return w.Bodies != nil && *w.Bodies }

// wants reports whether an event is among those asked for.
func (w *monitor) wants(e *Event) bool {
	service, member, _ := strings.Cut(e.Method, ".")
	is := func(want *string, got string) bool { return want == nil || *want == got }
	return is(w.Service, service) && is(w.Member, member) && is(w.Caller, e.From) && (w.Kind == nil || *w.Kind == e.Kind)
}

// add has a monitor told; false: its caller has enough of them.
func (m *monitors) add(w *monitor) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	same := 0
	for other := range m.all {
		if other.of == w.of {
			same++
		}
	}
	if same >= maxMonitors {
		return false
	}
	m.all[w] = struct{}{}
	m.count.Add(1)
	return true
}

func (m *monitors) remove(w *monitor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, w)
	m.count.Add(-1)
}

// monitor is the stream hub.monitor.
func (h *hub) monitor(ctx context.Context, p monitorParams) (iter.Seq2[Event, error], error) {
	w := &monitor{monitorParams: p, events: make(chan seen, maxEvents)}
	if w.bodies() && !sabir.CallerOf(ctx).Level.Allows(sabir.AccessAdmin) {
		return nil, sabir.Denied(sabir.AccessAdmin, "only admins see bodies")
	}
	m := &h.monitors
	w.of = nameOf(sabir.CallerOf(ctx))
	return func(yield func(Event, error) bool) {
		if !m.add(w) {
			yield(Event{}, sabir.Busy("monitors", "over %d of one caller", maxMonitors))
			return
		}
		defer m.remove(w)
		for {
			select {
			case s := <-w.events:
				w.waiting.Add(-int64(len(s.body.Raw)))
				e := s.Event
				e.Lost = s.lost
				if w.bodies() {
					e.Message = h.message(&s)
				}
				if !yield(e, nil) {
					return
				}
			case <-ctx.Done():
				return
			case <-h.ctx.Done(): // who watches is not waited for, as calls in flight are
				ends := *sabir.ErrCancelled
				ends.Message = "the hub ends"
				yield(Event{}, &ends)
				return
			}
		}
	}, nil
}

// message writes what passed as a message, as the caller's end has it, with the
// hub's number for the call.
func (h *hub) message(s *seen) wire.Value {
	if s.body.IsZero() && s.Size > 0 {
		return wire.Value{}
	}
	id := wire.IntID(int64(s.ID))
	text := []byte("{}")
	if !s.body.IsZero() {
		text = h.masked(s)
	}
	var b []byte
	switch {
	case s.Kind == "call":
		m := wire.Message{ID: id, Method: []byte(s.Method), Window: int64(s.params.Window), Trace: s.params.Trace}
		if s.params.Notify {
			m.ID = wire.ID{}
		}
		if p := s.params.Since; p != nil {
			m.Since = &wire.Since{Epoch: p.Epoch, Seq: p.Seq}
		}
		var f wire.Frame
		b, f = wire.OpenRequest(nil, wire.JSON, &m)
		b = f.Close(append(b, text...))
	case s.Kind == "live":
		b = wire.AppendLive(nil, wire.JSON, false, &wire.Live{ID: id, Epoch: s.live.Epoch, Seq: s.live.Seq, Lost: s.live.Lost})
	case s.Kind == "item":
		it := &s.item
		var f wire.Frame
		b, f = wire.OpenItem(nil, wire.JSON, false, &wire.Item{
			ID: id, Epoch: it.Epoch, Seq: it.Seq, Lost: it.Lost, Key: it.Key, Keyed: it.Keyed, Gone: it.Gone, Reset: it.Reset,
		})
		if !it.Gone && !it.Reset {
			b = append(b, text...)
		}
		b = f.CloseItem(b)
	case s.err != nil:
		b = wire.AppendErrorResponse(nil, wire.JSON, false, id, &wire.Error{
			Code: wire.Code(s.err.Code), Message: s.err.Message, Name: s.err.Name, Params: wire.Value{Enc: wire.JSON, Raw: text},
		})
	default:
		var f wire.Frame
		b, f = wire.OpenResult(nil, wire.JSON, false, id)
		b = f.Close(append(b, text...))
	}
	return wire.Value{Enc: wire.JSON, Raw: []byte(strings.TrimRight(string(b), "\n"))}
}

// masked is a body as JSON, without what is sensitive.
func (h *hub) masked(s *seen) []byte {
	text, err := s.body.Append(nil, wire.JSON)
	if err != nil {
		return []byte("{}")
	}
	service, member, _ := strings.Cut(s.Method, ".")
	for _, d := range h.described() {
		if d.Name != service {
			continue
		}
		m := d.Member(member)
		if m == nil {
			break
		}
		switch {
		case s.Kind == "call":
			return mask(text, d, &idl.Type{Kind: idl.Struct, Fields: m.Params})
		case s.err != nil:
			for i := range d.Errors {
				if d.Name+"."+d.Errors[i].Name == s.err.Name {
					return mask(text, d, &idl.Type{Kind: idl.Struct, Fields: d.Errors[i].Fields})
				}
			}
			return text // the protocol's own
		case s.Kind == "item":
			return mask(text, d, m.Item)
		case m.Kind == idl.Method:
			return mask(text, d, &idl.Type{Kind: idl.Struct, Fields: m.Result})
		}
		return maskPlain(text, d, m)
	}
	return text
}
