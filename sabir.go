// Package sabir lets a program offer an API that people control from a shell, a
// script, a browser or a typed library, and lets a program use such an API.
//
// A daemon makes a [Service], gives it members of five kinds with [Method],
// [Stream], [NewTopic], [NewState] and [NewTable], and hands it to
// [ListenAndServe]. A client uses [Dial] and then [Do] for requests, [Items]
// for streams and [Watch] for topics, states and tables.
//
// Everything that answers calls is a [Handler]: a Service, a [Mux], a [Client],
// whatever is written around one. So a test passes the service itself where the
// program passes a Client, and middleware is func(Handler) Handler.
//
// There are two failures. An [*Error] is an answer: the other side said no, and
// its name says why. Every other error means that nobody answered.
//
// What goes over the wire is JSON-RPC 2.0, one object a line, described in spec/.
package sabir

import (
	"bytes"
	"context"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/wire"
)

// Handler answers calls. Handle may be called by many goroutines at once.
//
// It returns the result of the call. Where the caller asked for items
// (call.Window is not NoWindow) it hands them to sink first; otherwise sink is
// nil and the result holds it all. An error that is no [*Error] and not
// declared by the member does not reach the caller. spec [E3]
//
// call and what hangs on it belong to the Handler until it returns; then they are
// another call's. ctx may be asked for longer. The result is read until it is
// written, and so is not changed after Handle returned: large bytes are sent from
// where they are.
type Handler interface {
	Handle(ctx context.Context, call *Call, sink Sink) (Body, error)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, call *Call, sink Sink) (Body, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	return f(ctx, call, sink)
}

// NoWindow is the Window of a plain request.
const NoWindow = -1

// Call is one request.
type Call struct {
	Method string // "lounge.say"
	Params Body   // zero: none
	Window int    // how many items the caller is ready for; 0: any number; NoWindow: a plain request
	Since  *Position
	Trace  string // W3C traceparent, passed on
	Caller Caller
	Notify bool // nobody waits for the result

	grows   bool    // its window may
	insists bool    // it is sent, however much is on its way
	hub     string  // the id of the hub that passes it on; empty: what is called for is this process
	frame   *[]byte // that the params are in and that may be taken; nil: none. See ownFrame
}

// Position is a place in a topic from which to go on. spec [S12]
type Position struct {
	Epoch string
	Seq   int64
}

// Sink takes the items of one call. Its methods are called by the one goroutine
// that runs Handle.
type Sink interface {
	// Ready waits until one more item may be sent: the receiver has room, and
	// the way there is free. Its error is the end of the call.
	Ready(ctx context.Context) error
	// Item sends one item. Its value is not kept.
	Item(it Item) error
	// Live says that the snapshot or the replay is over.
	Live(l Live) error
}

// Item is one item on its way. Seq is there for topics, Key (with Keyed) for
// tables. Gone and Reset come without a value.
type Item struct {
	Epoch string // where it is another than that of Call.Since. spec [S12]
	Seq   int64
	Lost  int64 // items lost right before this one; -1: an unknown number
	Key   string
	Keyed bool
	Gone  bool
	Reset bool
	Value Body
}

// Live is what a subscription begins with; its fields are zero but for topics.
type Live struct {
	Epoch string
	Seq   int64
	Lost  int64
}

// Body is the value of params, a result or an item, either as bytes or as a Go
// value that is written once it is known in which encoding. The zero Body
// stands for an empty object.
type Body struct {
	raw   wire.Value
	codec *codec.Codec
	ptr   any // what codec writes
}

// RawBody returns a body of bytes that are known to be strict.
func RawBody(v wire.Value) Body { return Body{raw: v} }

// JSONBody returns a body of JSON text, or says what is wrong with it.
func JSONBody(text []byte) (Body, error) {
	p := wire.Parser{Enc: wire.JSON}
	if err := p.Check(text); err != nil {
		return Body{}, err
	}
	// A message is one line, and line ends that are good JSON stand only between
	// values, where a blank does as well.
	if bytes.ContainsAny(text, "\r\n") {
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\n"), []byte(" ")), []byte("\r"), []byte(" "))
	}
	return Body{raw: wire.Value{Enc: wire.JSON, Raw: text}}, nil
}

// BodyOf returns a body of a Go value, a pointer to it or nil. The value is
// read when the body is sent. The error says what in its type has no
// counterpart.
func BodyOf(x any) (Body, error) {
	if x == nil {
		return Body{}, nil
	}
	if b, ok := x.(Body); ok {
		return b, nil
	}
	ptr, c, err := pointerTo(x)
	return Body{codec: c, ptr: ptr}, err
}

// Append writes the body in enc.
func (b Body) Append(dst []byte, enc wire.Encoding) ([]byte, error) { return b.append(dst, enc, nil) }

// append is Append that may leave something out, unless l is nil.
func (b Body) append(dst []byte, enc wire.Encoding, l *wire.Loose) ([]byte, error) {
	switch {
	case b.codec != nil:
		return b.codec.AppendLoose(dst, enc, b.ptr, l)
	case b.raw.IsZero():
		return wire.EndMap(wire.AppendMap(dst, enc, 0), enc), nil
	}
	return l.AppendValue(dst, enc, b.raw)
}

// Value returns the body as bytes, in the encoding it has if it has one.
func (b Body) Value() (wire.Value, error) {
	if b.codec == nil && !b.raw.IsZero() {
		return b.raw, nil
	}
	raw, err := b.Append(nil, wire.JSON)
	return wire.Value{Enc: wire.JSON, Raw: raw}, err
}

// JSON returns the body as JSON text.
func (b Body) JSON() ([]byte, error) {
	if b.codec == nil && b.raw.Enc == wire.JSON && !b.raw.IsZero() {
		return b.raw.Raw, nil
	}
	return b.Append(nil, wire.JSON)
}

// Decode reads the body into what ptr points to; unknown fields are ignored.
// The error is an rpc.InvalidResult. spec [M12]
func (b Body) Decode(ptr any) error { return b.decode(ptr, nil) }

// decode is Decode that may take the frame.
func (b Body) decode(ptr any, frame *[]byte) error {
	if out, ok := ptr.(*Body); ok {
		v, err := b.Value()
		*out = RawBody(wire.Value{Enc: v.Enc, Raw: append([]byte(nil), v.Raw...)})
		return err
	}
	_, c, err := pointerTo(ptr)
	if err != nil {
		return err
	}
	v, err := b.Value()
	if err != nil {
		return err
	}
	if faults := c.DecodeFrame(frame, v, ptr, codec.Lenient); len(faults) > 0 {
		return invalidResult(faults)
	}
	return nil
}

// Union is what a struct embeds first to be a union. See package codec.
type Union = codec.Union

// seconds turns the timeout member into a duration, cut at a century. spec [M9]
func seconds(s float64) time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	if s >= century.Seconds() {
		return century
	}
	return max(time.Duration(s*float64(time.Second)), 1)
}
