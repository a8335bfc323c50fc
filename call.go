package sabir

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// Do makes a plain request, which works on every kind of member: a method gives
// its result, a stream the list of its items, a state its value, a table its
// rows (a list of [Row]), a topic what came, as an object with epoch, seq, lost
// and items; [Call].Since says where to go on. Params are a struct, a pointer to
// one, a map[string]any or nil.
//
// If ctx has a deadline the service is told. When ctx ends, so does the call:
// the service is told to stop. That says nothing about what it has done.
func Do[Out any](ctx context.Context, h Handler, method string, params any) (Out, error) {
	var out Out
	call, err := newCall(ctx, method, params, NoWindow)
	if err != nil {
		return out, err
	}
	if c, ok := h.(*Client); ok {
		err = c.do(ctx, &call, nil, func(v wire.Value, frame *[]byte) error { return RawBody(v).decode(&out, frame) })
		return out, err
	}
	err = handle(ctx, h, call, &out)
	return out, err
}

// handle is apart so that Do's call is allocated only where it has to be.
func handle(ctx context.Context, h Handler, call Call, out any) error {
	body, err := h.Handle(ctx, &call, nil)
	if err != nil {
		return err
	}
	return body.Decode(out)
}

// Notify calls a method without hearing what becomes of it: it is done also if the caller
// leaves at once, for which it then has a minute. It waits only while the other side reads
// more slowly than is sent, and no longer than ctx lasts.
func Notify(ctx context.Context, h Handler, method string, params any) error {
	call, err := newCall(ctx, method, params, NoWindow)
	if err != nil {
		return err
	}
	call.Notify = true
	_, err = h.Handle(ctx, &call, nil)
	return err
}

func newCall(ctx context.Context, method string, params any, window int) (Call, error) {
	body, err := BodyOf(params)
	return Call{Method: method, Params: body, Window: window, Caller: CallerOf(ctx)}, err
}

// Items reads a stream, item by item. Leaving the loop cancels the call. An
// error is the last thing the loop gets, of a member that is no stream too. T is
// the type of the items, or Body.
func Items[T any](ctx context.Context, h Handler, method string, params any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		call, err := newCall(ctx, method, params, defaultWindow)
		call.grows = true // items wait at their source, where they do not grow old
		if err != nil {
			yield(zero, err)
			return
		}
		s := &itemSink[T]{yield: yield}
		if _, raw := any(new(T)).(*Body); !raw {
			s.codec = codec.For[T]()
		}
		end, err := h.Handle(ctx, &call, s)
		if err == nil && !s.any && !isEmpty(end) { // spec [S5], [S8]
			err = fmt.Errorf("sabir: %s answered with a result: it is no stream", method)
		}
		if err != nil && !s.left {
			yield(zero, err)
		}
	}
}

// isEmpty reports whether a result has no fields.
func isEmpty(b Body) bool {
	var fields map[string]any
	return b.Decode(&fields) == nil && len(fields) == 0
}

// errLeft is what a sink answers when nobody wants more.
var errLeft = errors.New("sabir: the loop was left")

type itemSink[T any] struct {
	codec *codec.Codec
	yield func(T, error) bool
	left  bool
	any   bool // have come
	item  T    // the one that is being read; in a variable it would be allocated for each
}

func (s *itemSink[T]) Ready(ctx context.Context) error { return ctx.Err() }
func (s *itemSink[T]) Live(Live) error                 { return nil }

func (s *itemSink[T]) Item(it Item) error {
	var zero T
	s.item, s.any = zero, true
	if err := decodeItem(s.codec, it.Value, &s.item); err != nil {
		return err
	}
	if s.left = !s.yield(s.item, nil); s.left {
		return errLeft
	}
	return nil
}

func decodeItem(c *codec.Codec, b Body, ptr any) error {
	if out, ok := ptr.(*Body); ok {
		return b.Decode(out)
	}
	v, err := b.Value()
	if err != nil {
		return err
	}
	if faults := c.Decode(v, ptr, codec.Lenient); len(faults) > 0 {
		return invalidResult(faults)
	}
	return nil
}

// Row is a row of a table.
type Row[T any] struct {
	Key   string
	Value T
}

// EventKind says what an [Event] tells.
type EventKind uint8

const (
	// Changed: a topic's item, a state's value or a table's row, in Value.
	Changed EventKind = iota
	// Gone: the row of Key is no more.
	Gone
	// Reset: forget all rows; they follow, and then Up.
	Reset
	// Up: the subscription is active. Of a table, keys that did not come since
	// the beginning, the last Reset or the last Down are gone.
	Up
	// Down: the connection is lost, Err says why. It is being made again.
	Down
	// StillDown: that failed, Err says why; it is told where the reason is
	// another than the last.
	StillDown
)

// Event is what a subscription tells.
type Event[T any] struct {
	Kind  EventKind
	Value T
	Key   string // tables
	Seq   int64  // topics
	Epoch string // topics: that of Seq
	Lost  int64  // items of a topic lost before this; -1: an unknown number
	Err   error  // with Down and StillDown
}

// WatchOptions are the rare wishes of a subscriber; nil and zero mean the default.
type WatchOptions struct {
	Since  *Position // where in a topic to begin; default: from now on
	Window int       // items to be ready for, at most 1024; default: 256
	Once   bool      // end with the connection instead of making it again
}

// Watch subscribes to a topic, state or table. When the connection is lost, it
// subscribes again, a topic from where it was, with growing pauses of up to
// half a minute, until ctx ends: the loop sees Down and then Up, StillDown in
// between, and Lost if something was. With a client that is closed, or whose connection is not made
// again, it ends. Leaving the loop ends the subscription. An error is the last
// thing the loop gets. T is the type of the items, or Body.
func Watch[T any](ctx context.Context, h Handler, method string, params any, opts *WatchOptions) iter.Seq2[Event[T], error] {
	return func(yield func(Event[T], error) bool) {
		var o WatchOptions
		if opts != nil {
			o = *opts
		}
		if o.Window <= 0 {
			o.Window = defaultWindow
		}
		s := &eventSink[T]{yield: yield}
		if o.Since != nil {
			at := *o.Since
			s.at = &at
		}
		if _, raw := any(new(T)).(*Body); !raw {
			s.codec = codec.For[T]()
		}
		said := "" // why it is down
		for try := 0; ; try++ {
			call, err := newCall(ctx, method, params, o.Window)
			if err == nil {
				call.Since = s.at
				_, err = h.Handle(ctx, &call, s)
			}
			switch {
			case s.left:
				return
			case err == nil && !s.everUp:
				yield(Event[T]{}, fmt.Errorf("sabir: %s answered at once: it is no topic, state or table to watch", method))
				return
			case err == nil:
				return
			case o.Once || !s.everUp || ctx.Err() != nil || !passing(err):
				yield(Event[T]{}, err)
				return
			}
			e, why := Event[T]{Kind: StillDown, Err: err}, strings.Map(noDigit, err.Error())
			if s.up {
				s.up, try, said = false, 0, ""
				e.Kind = Down
			}
			if why != said {
				said = why
				if !yield(e, nil) {
					return
				}
			}
			if !pause(ctx, try, subscriberPause) {
				yield(Event[T]{}, ctx.Err())
				return
			}
		}
	}
}

// passing reports whether an error may be gone with a new connection. A service
// that stops ends subscriptions with rpc.Cancelled. spec [O9]
func passing(err error) bool {
	var lost *Unanswered
	if errors.As(err, &lost) && lost.final {
		return false
	}
	// Where a service was, a page is a hotel's, or of those who repair something, and a
	// certificate that nobody vouches for is mostly the hotel's, too.
	if errors.As(err, new(*UpgradeError)) || errors.As(err, new(*transport.UntrustedError)) {
		return true
	}
	for _, e := range []error{ErrUnavailable, ErrOutcomeUnknown, ErrDraining, ErrCancelled, ErrBusy} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// noDigit takes from a reason what may be another each time, as a port or a time.
func noDigit(r rune) rune {
	if r >= '0' && r <= '9' {
		return -1
	}
	return r
}

// The limits of the first pause.
const (
	// Of all who are thrown out together no tenth comes back within the same tenth of a second, also where the service
	// is there again at once.
	subscriberPause = 2 * time.Second
	// Those who offer services are few, and others wait for them.
	offerPause = 100 * time.Millisecond
)

// pause waits before the next try: somewhere between nothing and a limit that
// doubles, so that a thousand clients do not come back at once.
func pause(ctx context.Context, try int, first time.Duration) bool {
	limit := min(first<<min(try, 10), 30*time.Second)
	select {
	case <-time.After(rand.N(limit)):
		return true
	case <-ctx.Done():
		return false
	}
}

type eventSink[T any] struct {
	codec  *codec.Codec
	yield  func(Event[T], error) bool
	at     *Position // of a topic: the last item seen
	up     bool
	everUp bool
	left   bool
	event  Event[T] // the one that is being read, as in itemSink
}

func (s *eventSink[T]) Ready(ctx context.Context) error { return ctx.Err() }

func (s *eventSink[T]) Live(l Live) error {
	s.up, s.everUp = true, true
	if l.Epoch != "" {
		s.at = &Position{l.Epoch, l.Seq}
	}
	return s.give(Event[T]{Kind: Up, Seq: l.Seq, Epoch: l.Epoch, Lost: l.Lost})
}

func (s *eventSink[T]) Item(it Item) error {
	e := &s.event
	*e = Event[T]{Key: it.Key, Seq: it.Seq, Lost: it.Lost}
	switch {
	case it.Gone:
		e.Kind = Gone
	case it.Reset:
		e.Kind = Reset
	default:
		if err := decodeItem(s.codec, it.Value, &e.Value); err != nil {
			return err
		}
	}
	switch {
	case it.Epoch != "":
		s.at = &Position{it.Epoch, it.Seq}
	case s.at != nil && it.Seq > 0:
		s.at.Seq = it.Seq
	}
	if s.at != nil && it.Seq > 0 {
		e.Epoch = s.at.Epoch
	}
	return s.give(*e)
}

func (s *eventSink[T]) give(e Event[T]) error {
	if s.left = !s.yield(e, nil); s.left {
		return errLeft
	}
	return nil
}
