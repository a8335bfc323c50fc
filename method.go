package sabir

import (
	"context"
	"fmt"
	"iter"
	"reflect"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// None is for params and results without fields.
type None = struct{}

// Method declares a method: In and Out are structs. The function may be called
// by many goroutines at once; its context ends when the caller cancels, when
// the time is up or when the caller is gone, if he only notified a minute after
// that. The params are its own, to keep and to change. What it returned is written
// after that, and so is not changed any more: of a map that changes on it returns a copy.
func Method[In, Out any](s *Service, name string, f func(context.Context, In) (Out, error), opts ...MemberOption) {
	if f == nil {
		panic(fmt.Sprintf("sabir: %s.%s: no function", s.desc.Name, name))
	}
	m := declare(s, idl.Method, name, reflect.TypeFor[In](), opts)
	out, err := codec.Of(reflect.TypeFor[Out]())
	if err != nil {
		panic(fmt.Sprintf("sabir: %s.%s: result: %v", s.desc.Name, name, err))
	}
	fields, ok := out.Fields()
	if !ok {
		panic(fmt.Sprintf("sabir: %s.%s: the result is a struct, so that it can grow, not %v", s.desc.Name, name, reflect.TypeFor[Out]()))
	}
	m.desc.Result = append([]idl.Field{}, fields...)
	s.addTypes(s.desc.Name+"."+name, out, true)
	m.handle = func(ctx context.Context, call *Call, _ Sink) (Body, error) {
		// One allocation for both ends of the call.
		io := new(struct {
			in  In
			out Out
		})
		if err := m.decode(call, &io.in); err != nil {
			return Body{}, err
		}
		var err error
		if io.out, err = f(ctx, io.in); err != nil {
			return Body{}, err
		}
		return Body{codec: out, ptr: &io.out}, nil
	}
	s.finish(m)
}

// maxBytesItem is the longest item of a stream of bytes. spec [S8]
const maxBytesItem = 64 << 10

// Stream declares a stream: a method whose result is the items that f yields.
// An error from f, instead of a stream or among its items, ends it. The
// iterator is left when the caller cancels. What it has yielded it may change. With
// Item []byte it is a stream of bytes; longer pieces are cut to 64 KiB.
func Stream[In, Item any](s *Service, name string, f func(context.Context, In) (iter.Seq2[Item, error], error), opts ...MemberOption) {
	if f == nil {
		panic(fmt.Sprintf("sabir: %s.%s: no function", s.desc.Name, name))
	}
	m := declare(s, idl.Stream, name, reflect.TypeFor[In](), opts)
	item := s.item(m, reflect.TypeFor[Item]())
	m.handle = func(ctx context.Context, call *Call, sink Sink) (Body, error) {
		var in In
		if err := m.decode(call, &in); err != nil {
			return Body{}, err
		}
		seq, err := f(ctx, in)
		if err != nil {
			return Body{}, err
		}
		if call.Window == NoWindow {
			return collect(ctx, item, seq)
		}
		var v Item // one for all: the sink keeps none, and v of each turn would be memory of its own
		for next, err := range seq {
			if err != nil {
				return Body{}, err
			}
			v = next
			if err := sendItem(ctx, sink, item, &v); err != nil {
				return Body{}, err
			}
		}
		return Body{}, ctx.Err()
	}
	s.finish(m)
}

func sendItem[Item any](ctx context.Context, sink Sink, c *codec.Codec, v *Item) error {
	return pieces(c, v, func(piece *Item) error {
		it := itemOf(Body{codec: c, ptr: piece})
		if in, ok := sink.(*inbound); ok {
			return in.send(ctx, &it) // both at once
		}
		if err := sink.Ready(ctx); err != nil {
			return err
		}
		return sink.Item(it)
	})
}

// pieces calls f with the item, or with what it has to be cut into.
func pieces[Item any](c *codec.Codec, v *Item, f func(*Item) error) error {
	t := reflect.TypeFor[Item]()
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Uint8 || c.Type().Kind != idl.Bytes {
		return f(v)
	}
	for rest := reflect.ValueOf(v).Elem().Bytes(); len(rest) > 0; {
		n := min(len(rest), maxBytesItem)
		piece := reflect.New(t)
		piece.Elem().SetBytes(rest[:n])
		rest = rest[n:]
		if err := f(piece.Interface().(*Item)); err != nil {
			return err
		}
	}
	return nil
}

func itemOf(b Body) Item { return Item{Value: b} }

// collect answers a plain request on a stream with all of its items. It stops
// as soon as they are too many for one message. spec [S8]
func collect[Item any](ctx context.Context, c *codec.Codec, seq iter.Seq2[Item, error]) (Body, error) {
	var l listBody
	for v, err := range seq {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = pieces(c, &v, func(piece *Item) error { return l.add(Body{codec: c, ptr: piece}) })
		}
		if err != nil {
			return Body{}, err
		}
	}
	return l.body(), ctx.Err()
}

// listBody is a list in the making. It is JSON, since most plain requests are.
type listBody struct {
	buf []byte
	n   int
}

func (l *listBody) add(b Body) (err error) {
	l.buf = wire.AppendNext(l.open(), wire.JSON, l.n)
	l.n++
	if l.buf, err = b.Append(l.buf, wire.JSON); err != nil {
		return err
	}
	if len(l.buf) > maxMessage {
		return tooLarge(maxMessage, true)
	}
	return nil
}

func (l *listBody) open() []byte {
	if l.buf == nil {
		return wire.AppendList(nil, wire.JSON, 0)
	}
	return l.buf
}

func (l *listBody) body() Body {
	return RawBody(wire.Value{Enc: wire.JSON, Raw: wire.EndList(l.open(), wire.JSON)})
}

func tooLarge(limit int, started bool) *Error {
	what := "over"
	if started {
		what = "the result is over"
	}
	return newError(wire.TooLarge, &sizeParams{Limit: limit, Started: started}, "%s %d bytes, the most in one message", what, limit)
}
