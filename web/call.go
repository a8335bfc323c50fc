package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// member answers a request for one member. spec [H4], [H5]
func (v *visit) member(name string) {
	reads := v.r.Method == http.MethodGet || v.r.Method == http.MethodHead
	if !reads && v.r.Method != http.MethodPost {
		v.refuse(&refusal{status: http.StatusMethodNotAllowed, says: "members are called by POST, and read by GET", allow: "GET, HEAD, POST, OPTIONS"})
		return
	}
	if !reads && !v.isJSON() {
		v.unsupported()
		return
	}
	caller, ok := v.caller()
	if !ok {
		return
	}
	call, timeout, err := v.head()
	if err != nil {
		v.fail(err)
		return
	}
	call.Method, call.Caller = name, caller
	if reads {
		known := v.describe()
		desc, service := known.member(name)
		if desc != nil && !readable(desc) {
			says := name + " may change something, so it is called by POST: " + v.curl(v.r.URL.EscapedPath(), "{}")
			v.refuse(&refusal{status: http.StatusMethodNotAllowed, says: says, allow: "POST, OPTIONS"})
			return
		}
		if call.Params, err = query(desc, service, v.r.URL.RawQuery); err == nil && known.empty() {
			err = notFound(name) // nobody says what it is, so it may be anything
		}
	} else {
		call.Params, err = v.params()
	}
	if err != nil {
		v.fail(err)
		return
	}
	if v.wantsEvents(name) {
		v.events(call, timeout)
		return
	}
	body, err := v.handle(v.r.Context(), call, timeout)
	if err == nil {
		var raw []byte
		if raw, err = v.encode(nil, body); err == nil {
			v.json(http.StatusOK, append(raw, '\n'))
			return
		}
	}
	v.fail(err)
}

// message answers one message of JSON-RPC. spec [H6]
func (v *visit) message() {
	if !v.isJSON() {
		v.unsupported()
		return
	}
	caller, ok := v.caller()
	if !ok {
		return
	}
	call, timeout, err := v.head()
	if err != nil {
		v.fail(err)
		return
	}
	frame, err := v.body()
	if err != nil {
		v.fail(err)
		return
	}
	m, err := parse(frame)
	id := m.ID
	var shape *wire.ShapeError
	if errors.As(err, &shape) {
		id, err = shape.ID, invalid(shape.Member, "%s", shape)
	}
	if e := asError(err); err != nil && e.Code == int(wire.ParseError) {
		v.fail(err)
		return
	}
	if err == nil {
		err = plain(&m)
	}
	if err == nil && id.IsZero() && bytes.HasPrefix(m.Method, []byte("rpc.")) {
		v.end(http.StatusNoContent) // spec [M6]
		return
	}
	var out []byte
	if err == nil {
		call.Caller = caller
		call.Method, call.Params, call.Notify = string(m.Method), sabir.RawBody(m.Params), id.IsZero()
		if m.Since != nil {
			call.Since = &sabir.Position{Epoch: m.Since.Epoch, Seq: m.Since.Seq}
		}
		if m.Timeout > 0 {
			timeout = duration(m.Timeout)
		}
		if m.Trace != "" {
			call.Trace = m.Trace
		}
		ctx := v.r.Context()
		if call.Notify {
			var end context.CancelFunc
			ctx, end = v.lasting()
			defer end()
		}
		var body sabir.Body
		if body, err = v.handle(ctx, call, timeout); err == nil {
			var f wire.Frame
			out, f = wire.OpenResult(nil, wire.JSON, m.Versioned, id)
			if out, err = v.encode(out, body); err == nil {
				out = f.Close(out)
			}
		}
	}
	if m.ID.IsZero() && shape == nil {
		v.end(http.StatusNoContent)
		return
	}
	if err != nil {
		out = wire.AppendErrorResponse(nil, wire.JSON, m.Versioned, id, toWire(asError(err)))
	}
	v.json(http.StatusOK, out)
}

// parse reads a message: a *wire.ShapeError, or rpc.ParseError.
func parse(frame []byte) (m wire.Message, err error) {
	p := wire.Parser{Enc: wire.JSON}
	err = p.Parse(frame, &m)
	var shape *wire.ShapeError
	if err == nil || errors.As(err, &shape) {
		return m, err
	}
	return m, &sabir.Error{Code: int(wire.ParseError), Name: wire.ParseError.Name(), Message: err.Error()}
}

// plain says why a message cannot be a request of HTTP.
func plain(m *wire.Message) error {
	switch {
	case !m.IsRequest():
		return invalid("", "an answer, where nothing was asked")
	case m.Window >= 0:
		return invalid("window", `member "window": there is one answer to a request of HTTP; ask with Accept: text/event-stream, or over a WebSocket`)
	case !m.Caller.IsZero():
		return invalid("caller", `member "caller": refused from anyone but a hub`)
	}
	return nil
}

// caller finds out who asks, and answers if that fails. spec [H2]
func (v *visit) caller() (sabir.Caller, bool) {
	token, ok := v.bearer()
	if !ok {
		token = ""
	}
	caller, err := v.visitor.Caller(token, v.passedOn())
	if err != nil {
		v.fail(err)
		return caller, false
	}
	return caller, true
}

// head reads what the headers say of a call. spec [H8]
func (v *visit) head() (call *sabir.Call, timeout time.Duration, err error) {
	h := v.r.Header
	call = &sabir.Call{Window: sabir.NoWindow, Trace: h.Get("Traceparent")}
	if last := h.Get("Last-Event-Id"); last != "" {
		epoch, seq, ok := strings.Cut(last, ":")
		n, err := strconv.ParseInt(seq, 10, 64)
		if !ok || epoch == "" || len(epoch) > 32 || err != nil || n < 0 || n > wire.MaxInt {
			return nil, 0, invalid("since", "Last-Event-ID is EPOCH:SEQ, not %s", clip(last))
		}
		call.Since = &sabir.Position{Epoch: epoch, Seq: n}
	}
	for _, prefer := range h["Prefer"] {
		for part := range strings.SplitSeq(prefer, ",") {
			text, ok := strings.CutPrefix(strings.TrimSpace(part), "wait=")
			if !ok {
				continue // other preferences are no business of ours
			}
			seconds, err := strconv.ParseFloat(text, 64)
			if err != nil || !(seconds > 0) {
				return nil, 0, invalid("timeout", "Prefer: wait=SECONDS, not %s", clip(text))
			}
			timeout = duration(seconds)
		}
	}
	return call, timeout, nil
}

func duration(seconds float64) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	if seconds >= most.Seconds() {
		return most
	}
	return max(time.Duration(seconds*float64(time.Second)), 1)
}

// handle makes a call that has one answer. One whose time is up is answered then, whether or not its handler listens.
func (v *visit) handle(ctx context.Context, call *sabir.Call, timeout time.Duration) (sabir.Body, error) {
	if timeout == 0 {
		return v.door.Handle(ctx, call, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type answer struct {
		body sabir.Body
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // the door waits for it
		a := answer{err: sabir.ErrorOf(errors.New("the handler has ended this goroutine"))}
		defer func() { answered <- a }()
		a.body, a.err = v.door.Handle(ctx, call, nil)
	}()
	select {
	case a := <-answered:
		return a.body, a.err
	case <-ctx.Done():
	}
	if ctx.Err() == context.DeadlineExceeded {
		return sabir.Body{}, late()
	}
	return sabir.Body{}, &sabir.Error{Code: int(wire.Cancelled), Name: wire.Cancelled.Name(), Message: "cancelled"}
}

func late() error {
	return &sabir.Error{Code: int(wire.DeadlineExceeded), Name: wire.DeadlineExceeded.Name(), Message: "the time is up"}
}

// encode writes a result, which may be too large.
func (v *visit) encode(dst []byte, body sabir.Body) ([]byte, error) {
	out, err := body.Append(dst, wire.JSON)
	limit := v.door.Limits().Message
	switch {
	case err != nil:
		v.door.Log().Error("sabir: call failed", "path", v.r.URL.Path, "err", err)
		return dst, asError(err)
	case len(out) > limit:
		return dst, tooLarge(limit, true)
	}
	return out, nil
}

// isJSON reports whether the body is said to be JSON. spec [H7]
func (v *visit) isJSON() bool {
	kinds := v.r.Header["Content-Type"]
	if len(kinds) == 0 {
		return v.r.ContentLength == 0
	}
	kind, params, err := mime.ParseMediaType(kinds[0])
	charset := params["charset"]
	return len(kinds) == 1 && err == nil && kind == "application/json" && v.r.Header.Get("Content-Encoding") == "" &&
		(charset == "" || strings.EqualFold(charset, "utf-8"))
}

// body reads the body. What ends a line becomes a tab: between values it is as good, and inside of a text as bad.
func (v *visit) body() ([]byte, error) {
	limit := int64(2 * v.door.Limits().Message)
	if v.r.ContentLength > limit {
		return nil, tooLarge(int(limit), false)
	}
	if v.r.ContentLength == 0 {
		return nil, nil
	}
	control := http.NewResponseController(v.w)
	control.SetReadDeadline(time.Now().Add(bodyTime))
	var buf bytes.Buffer
	buf.Grow(int(min(max(v.r.ContentLength, 0), 64<<10)) + bytes.MinRead)
	var busy error
	held := &holding{Reader: io.LimitReader(v.r.Body, limit+1), hold: func(bytes int) bool {
		busy = v.visitor.Hold(bytes)
		return busy == nil
	}}
	_, err := buf.ReadFrom(held)
	v.held = held.counted
	control.SetReadDeadline(time.Time{})
	switch {
	case busy != nil:
		return nil, busy
	case err != nil:
		return nil, invalid("", "the body is not whole: %v", err)
	case int64(buf.Len()) > limit:
		return nil, tooLarge(int(limit), false)
	}
	body := buf.Bytes()
	for i, b := range body {
		if b == '\n' || b == '\r' {
			body[i] = '\t'
		}
	}
	return body, nil
}

// params reads the body as params.
func (v *visit) params() (sabir.Body, error) {
	raw, err := v.body()
	if err != nil || len(bytes.TrimSpace(raw)) == 0 {
		return sabir.Body{}, err
	}
	p := wire.Parser{Enc: wire.JSON}
	if err := p.Check(raw); err != nil {
		return sabir.Body{}, &sabir.Error{Code: int(wire.ParseError), Name: wire.ParseError.Name(), Message: err.Error()}
	}
	value := wire.Value{Enc: wire.JSON, Raw: raw}
	if c := value.Cursor(); c.Kind() != wire.Map {
		return sabir.Body{}, invalid("params", "params are an object")
	}
	return sabir.RawBody(value), nil
}

// readable reports whether a member is answered to GET. spec [H5]
func readable(m *idl.Member) bool { return m.Kind.Subscribed() || m.Readonly }

func invalid(member, format string, args ...any) error {
	e := *sabir.ErrInvalidRequest
	e.Message = sprintf(format, args...)
	if member != "" {
		e.Params = bodyOf(&struct{ Member string }{member})
	}
	return &e
}

func tooLarge(limit int, started bool) error {
	e := *sabir.ErrTooLarge
	what := "over"
	if started {
		what = "the result is over"
	}
	e.Message = sprintf("%s %d bytes, the most in one message", what, limit)
	e.Params = bodyOf(&struct {
		Limit   int
		Started bool `sabir:",optional"`
	}{limit, started})
	return &e
}

func notFound(name string) error {
	e := *sabir.ErrMethodNotFound
	e.Message = "no member " + clip(name)
	e.Params = bodyOf(&struct{ Method string }{name})
	return &e
}
