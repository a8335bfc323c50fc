package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
)

// follower is a client that does as it is told.
type follower struct {
	client *sabir.Client

	mu      sync.Mutex
	out     *json.Encoder
	running map[int]context.CancelFunc
}

// note is a line on stdout.
type note struct {
	N      int      `json:"n"`
	Result any      `json:"result,omitempty"`
	Item   any      `json:"item,omitempty"`
	Key    *string  `json:"key,omitempty"`
	Gone   bool     `json:"gone,omitempty"`
	Reset  bool     `json:"reset,omitempty"`
	Live   bool     `json:"live,omitempty"`
	Down   bool     `json:"down,omitempty"`
	Lost   int64    `json:"lost,omitempty"`
	End    bool     `json:"end,omitempty"`
	Error  *refusal `json:"error,omitempty"`
}

type refusal struct {
	Name   string          `json:"name"`
	Code   int             `json:"code"`
	Params json.RawMessage `json:"params"`
}

func (f *follower) tell(n note) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out.Encode(n)
}

func (f *follower) begin(ctx context.Context, o *order) context.Context {
	cancel := context.CancelFunc(nil)
	if o.Timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(o.Timeout*float64(time.Second)))
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running[o.N] = cancel
	return ctx
}

func (f *follower) cancel(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel := f.running[n]; cancel != nil {
		cancel()
	}
}

func (f *follower) do(ctx context.Context, o *order) {
	defer f.cancel(o.N)
	params, err := sabir.JSONBody(o.Params)
	switch {
	case err != nil:
	case o.Do == "watch":
		err = f.watch(ctx, o, params)
	case o.Do == "items" && o.Method == "probe.bytes":
		err = items[[]byte](ctx, f, o, params)
	case o.Do == "items":
		err = items[probe.Number](ctx, f, o, params)
	case o.Do == "call":
		err = f.call(ctx, o, params)
	default:
		err = fmt.Errorf("no order %q", o.Do)
	}
	if err != nil {
		f.tell(note{N: o.N, Error: refused(ctx, err)})
	}
}

// call asks for the result in the type that the member declares, which is what
// finds a result that does not fit.
func (f *follower) call(ctx context.Context, o *order, params sabir.Body) error {
	switch o.Method {
	case "probe.echo":
		return call[probe.Echoed](ctx, f, o, params)
	case "probe.types":
		// Typed params, or the bytes would stay text in CBOR.
		var typed probe.Typed
		if err := params.Decode(&typed); err != nil {
			return err
		}
		return call[probe.Typed](ctx, f, o, typed)
	case "probe.wait":
		return call[probe.Released](ctx, f, o, params)
	}
	return call[sabir.None](ctx, f, o, params)
}

func call[Out any](ctx context.Context, f *follower, o *order, params any) error {
	out, err := sabir.Do[Out](ctx, f.client, o.Method, params)
	if err != nil {
		return err
	}
	result, err := plain(out)
	if err == nil {
		f.tell(note{N: o.N, Result: result})
	}
	return err
}

// plain is a value as Sabir writes it in JSON.
func plain(v any) (json.RawMessage, error) {
	body, err := sabir.BodyOf(v)
	if err != nil {
		return nil, err
	}
	return body.JSON()
}

func items[T any](ctx context.Context, f *follower, o *order, params sabir.Body) error {
	for item, err := range sabir.Items[T](ctx, f.client, o.Method, params) {
		if err != nil {
			return err
		}
		text, err := plain(item)
		if err != nil {
			return err
		}
		f.tell(note{N: o.N, Item: text})
	}
	f.tell(note{N: o.N, End: true})
	return nil
}

func (f *follower) watch(ctx context.Context, o *order, params sabir.Body) error {
	for e, err := range sabir.Watch[probe.Number](ctx, f.client, o.Method, params, nil) {
		if err != nil {
			return err
		}
		n := note{N: o.N, Lost: e.Lost}
		if o.Method == "probe.rows" && (e.Kind == sabir.Changed || e.Kind == sabir.Gone) {
			n.Key = &e.Key
		}
		switch e.Kind {
		case sabir.Changed:
			if n.Item, err = plain(e.Value); err != nil {
				return err
			}
		case sabir.Gone:
			n.Gone = true
		case sabir.Reset:
			n.Reset = true
		case sabir.Up:
			n.Live = true
		case sabir.Down:
			n.Down = true
		}
		f.tell(n)
	}
	f.tell(note{N: o.N, End: true})
	return nil
}

// refused is an error of the library, by the name that the protocol has for it.
func refused(ctx context.Context, err error) *refusal {
	r := &refusal{Params: json.RawMessage("{}")}
	var no *sabir.Error
	switch {
	case errors.As(err, &no):
		r.Name, r.Code = no.Name, no.Code
		if text, err := no.Params.JSON(); err == nil {
			r.Params = text
		}
	case errors.Is(err, sabir.ErrOutcomeUnknown):
		r.Name = "rpc.OutcomeUnknown"
	case errors.Is(err, sabir.ErrUnavailable):
		r.Name = "rpc.Unavailable"
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.Name = "rpc.DeadlineExceeded"
	case errors.Is(ctx.Err(), context.Canceled):
		r.Name = "rpc.Cancelled"
	}
	return r
}
