package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// beatTime is how often a comment shows that the way is open, to both ends and to proxies between them. spec [H10]
const beatTime = 15 * time.Second

// wantsEvents reports whether the answer to a member is to be a stream of events.
func (v *visit) wantsEvents(name string) bool {
	for _, accept := range v.r.Header["Accept"] {
		for kind := range strings.SplitSeq(accept, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			if strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
				m, _ := v.describe().member(name)
				return m != nil && m.Kind != idl.Method
			}
		}
	}
	return false
}

// events answers with items as they come. spec [H10]
func (v *visit) events(call *sabir.Call, timeout time.Duration) {
	call.Window = 0
	ctx, cancel := context.WithCancelCause(v.r.Context())
	defer cancel(nil)
	e := &events{v: v, control: http.NewResponseController(v.w), cancel: func() { cancel(nil) }}
	if call.Since != nil {
		e.epoch = call.Since.Epoch
	}
	if timeout > 0 { // to the first sign, spec [M9]
		e.clock = time.AfterFunc(timeout, func() { cancel(context.DeadlineExceeded) })
		defer e.clock.Stop()
	}
	beats := time.NewTicker(beatTime)
	over := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-beats.C:
				e.beat()
			}
		}
	})
	body, err := v.door.Handle(ctx, call, e)
	beats.Stop()
	close(over)
	beating.Wait()
	if context.Cause(ctx) == context.DeadlineExceeded && err != nil && !e.signed {
		err = late()
	}
	e.finish(body, err)
}

// events is the Sink of one stream of events. The ticker's goroutine writes as well.
type events struct {
	v       *visit
	control *http.ResponseController
	cancel  func()
	clock   *time.Timer

	mu     sync.Mutex
	buf    []byte
	begun  bool // the head is sent
	signed bool // something of the call came
	epoch  string
}

// Encoding is what items are written in.
func (e *events) Encoding() wire.Encoding { return wire.JSON }

// Ready need not wait: a write does, until the other side has read.
func (e *events) Ready(ctx context.Context) error { return ctx.Err() }

// Room is how many items are sent at once.
func (e *events) Room() int { return 32 }

// Item sends an item.
func (e *events) Item(it sabir.Item) error { return e.Items([]sabir.Item{it}) }

// Items sends items together.
func (e *events) Items(items []sabir.Item) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sign()
	for i := range items {
		it := &items[i]
		if it.Epoch != "" || it.Lost < 0 {
			e.epoch = it.Epoch // of who does not say which, rpc.live tells
		}
		before := len(e.buf)
		if it.Seq > 0 {
			e.id(it.Seq)
		}
		e.buf = append(e.buf, "data: "...)
		if err := e.item(it); err != nil {
			e.buf = e.buf[:before]
			return err
		}
		e.buf = append(e.buf, "\n\n"...)
	}
	return e.send()
}

// item writes what rpc.item has, without id.
func (e *events) item(it *sabir.Item) error {
	n := 0
	e.buf = wire.AppendMap(e.buf, wire.JSON, 0)
	key := func(name string) {
		e.buf, _ = wire.AppendKey(e.buf, wire.JSON, n, name)
		n++
	}
	if it.Epoch != "" {
		key("epoch")
		e.buf, _ = wire.AppendString(e.buf, wire.JSON, it.Epoch)
	}
	if it.Seq > 0 {
		key("seq")
		e.buf = wire.AppendInt(e.buf, wire.JSON, it.Seq)
	}
	if it.Lost != 0 {
		key("lost")
		e.buf = wire.AppendInt(e.buf, wire.JSON, it.Lost)
	}
	if it.Keyed {
		key("key")
		e.buf, _ = wire.AppendString(e.buf, wire.JSON, it.Key)
	}
	var err error
	switch {
	case it.Gone:
		key("gone")
		e.buf = wire.AppendBool(e.buf, wire.JSON, true)
	case it.Reset:
		key("reset")
		e.buf = wire.AppendBool(e.buf, wire.JSON, true)
	default:
		key("value")
		e.buf, err = e.v.encode(e.buf, it.Value)
	}
	e.buf = wire.EndMap(e.buf, wire.JSON)
	return err
}

// Live tells that a subscription is active.
func (e *events) Live(l sabir.Live) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sign()
	if l.Epoch == "" {
		e.buf = append(e.buf, "event: live\ndata: {}\n\n"...)
		return e.send()
	}
	e.epoch = l.Epoch
	e.id(l.Seq)
	e.buf = append(e.buf, `event: live`+"\n"+`data: {"epoch":`...)
	e.buf, _ = wire.AppendString(e.buf, wire.JSON, l.Epoch)
	e.buf = wire.AppendInt(append(e.buf, `,"seq":`...), wire.JSON, l.Seq)
	e.buf = wire.AppendInt(append(e.buf, `,"lost":`...), wire.JSON, l.Lost)
	e.buf = append(e.buf, "}\n\n"...)
	return e.send()
}

// id writes the position from which a browser goes on. One of a line's characters in an epoch would be another field.
func (e *events) id(seq int64) {
	if e.epoch == "" || strings.ContainsAny(e.epoch, "\r\n\x00") {
		return
	}
	e.buf = append(append(append(e.buf, "id: "...), e.epoch...), ':')
	e.buf = append(strconv.AppendInt(e.buf, seq, 10), '\n')
}

func (e *events) sign() {
	e.signed = true
	if e.clock != nil {
		e.clock.Stop()
	}
}

func (e *events) beat() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.buf = append(e.buf, ":\n\n"...)
	e.send()
}

// send writes what is in the buffer, which has to move. e.mu is held.
func (e *events) send() error {
	if !e.begun {
		e.begun = true
		head := e.v.w.Header()
		head.Set("Content-Type", "text/event-stream")
		head.Set("X-Accel-Buffering", "no") // nginx would keep events until there are many
		e.v.end(http.StatusOK)
		if e.v.r.Method == http.MethodHead {
			e.cancel() // what follows is not sent, and would be in the way of the next request
		}
	}
	e.control.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := e.v.w.Write(e.buf)
	if e.buf = e.buf[:0]; cap(e.buf) > 64<<10 {
		e.buf = nil
	}
	if err != nil {
		return err
	}
	return e.control.Flush()
}

// finish sends the last event, or the status where it is the first.
func (e *events) finish(body sabir.Body, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil && !e.begun {
		e.v.fail(err)
		return
	}
	if err != nil {
		e.buf = append(appendError(append(e.buf, "event: failed\ndata: "...), asError(err)), "\n\n"...)
		e.send()
		return
	}
	e.buf = append(e.buf, "event: end\ndata: "...)
	if e.buf, err = e.v.encode(e.buf, body); err != nil {
		e.buf = append(e.buf, "{}"...)
	}
	e.buf = append(e.buf, "\n\n"...)
	e.send()
}
