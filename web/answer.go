package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/wire"
)

// refusal is an answer of HTTP's own, which no member gave: rpc.InvalidRequest with a status. spec [H9]
type refusal struct {
	status int
	says   string
	allow  string // of 405
}

func (v *visit) refuse(r *refusal) {
	if r.allow != "" {
		v.w.Header().Set("Allow", r.allow)
	}
	v.error(r.status, &sabir.Error{Code: int(wire.InvalidRequest), Name: wire.InvalidRequest.Name(), Message: r.says})
}

// fail answers with the error of a call.
func (v *visit) fail(err error) {
	e := asError(err)
	status := statusOf(e)
	if e.Code == int(wire.Denied) && needsAuth(e) {
		status = http.StatusUnauthorized
		v.w.Header().Set("WWW-Authenticate", `Bearer realm="sabir"`)
		e.Message = "authenticate first: -H \"Authorization: Bearer $TOKEN\"; who runs this server makes one: sabir token new"
	}
	v.error(status, e)
}

// asError is the *Error that every failure of a call is.
func asError(err error) *sabir.Error {
	var e *sabir.Error
	if errors.As(err, &e) {
		return e
	}
	return &sabir.Error{Code: int(wire.Internal), Name: wire.Internal.Name(), Message: "the service failed; its log says why"}
}

// needsAuth tells the callers who are not known from those who lack a level.
func needsAuth(e *sabir.Error) bool {
	var p struct{ Needs, Mechanism string }
	return e.Params.Decode(&p) == nil && p.Mechanism != ""
}

// statusOf is the table of spec [H9].
func statusOf(e *sabir.Error) int {
	switch wire.Code(e.Code) {
	case wire.ParseError, wire.InvalidRequest, wire.InvalidParams:
		return http.StatusBadRequest
	case wire.Denied:
		return http.StatusForbidden
	case wire.MethodNotFound:
		return http.StatusNotFound
	case wire.Busy:
		return http.StatusTooManyRequests
	case wire.OutcomeUnknown, wire.InvalidResult:
		return http.StatusBadGateway
	case wire.Draining, wire.Unavailable, wire.Cancelled:
		return http.StatusServiceUnavailable
	case wire.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case wire.TooLarge:
		var p struct{ Started bool }
		if e.Params.Decode(&p) == nil && p.Started {
			return http.StatusInternalServerError
		}
		return http.StatusRequestEntityTooLarge
	case wire.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusConflict
}

// error answers with an error object.
func (v *visit) error(status int, e *sabir.Error) {
	v.json(status, append(appendError(nil, e), '\n'))
}

func appendError(dst []byte, e *sabir.Error) []byte {
	return wire.AppendError(dst, wire.JSON, toWire(e))
}

func toWire(e *sabir.Error) *wire.Error {
	params, err := e.Params.Value()
	if err != nil {
		params = wire.Value{}
	}
	return &wire.Error{Code: wire.Code(e.Code), Name: e.Name, Message: e.Message, Params: params}
}

// json answers with JSON.
func (v *visit) json(status int, body []byte) {
	head := v.w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	v.end(status)
	v.write(body)
}

// end writes the head. Who is not known gets no further request. spec [H13]
func (v *visit) end(status int) {
	if !v.visitor.Known() || status == http.StatusUnauthorized {
		v.w.Header().Set("Connection", "close")
	}
	http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(writeTime))
	v.w.WriteHeader(status)
}

// write sends a body in pieces, each of which has to move. spec [H13]
func (v *visit) write(body []byte) error {
	const piece = 64 << 10
	for control := http.NewResponseController(v.w); len(body) > piece; body = body[piece:] {
		control.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := v.w.Write(body[:piece]); err != nil {
			return err
		}
		if err := control.Flush(); err != nil {
			return err
		}
	}
	_, err := v.w.Write(body)
	return err
}

// unsupported is the answer to a body that is not said to be JSON as it is: the line that is right. spec [H7]
func (v *visit) unsupported() {
	what := "Content-Type has to be application/json"
	switch kind, params, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type")); {
	case v.r.Header.Get("Content-Encoding") != "":
		what = "Content-Encoding is not taken: bodies are not compressed"
	case kind == "application/json" && params["charset"] != "":
		what = "the charset of application/json has to be utf-8"
	}
	body, _ := io.ReadAll(io.LimitReader(v.r.Body, maxCheap))
	if !json.Valid(body) || len(body) == maxCheap {
		body = []byte("{}")
	}
	v.refuse(&refusal{
		status: http.StatusUnsupportedMediaType,
		says:   what + ": " + v.curl(v.r.URL.EscapedPath(), strings.TrimSpace(string(body))),
	})
}

// curl is the line that calls a path with a body.
func (v *visit) curl(path, body string) string {
	line := "curl --json " + quote(body)
	if v.visitor.Transport() == "unix" {
		line += " --unix-socket " + quote(v.visitor.LocalAddr().String())
	}
	if v.visitor.Transport() != "unix" || v.r.Header.Get("Authorization") != "" {
		line += ` -H "Authorization: Bearer $TOKEN"`
	}
	return line + " " + quote(v.own()+path)
}

// quote is for a shell.
func quote(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/:._-@%+,", r))
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// clip bounds what is repeated of a request.
func clip(text string) string {
	const most = 100
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(text)
}
