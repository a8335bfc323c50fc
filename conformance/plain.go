package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// methodGiven is what the cases need that call a method of a plain server.
const methodGiven = "a method"

// plainCases are for any server of JSON-RPC 2.0 that speaks in lines on its
// stdin and stdout. They are about JSON-RPC's own specification, of which
// spec/messages.md takes the same rules, so those have the labels.
func plainCases() []*one {
	scenario := func(name, clauses, needs, about string, play func(*suite, *end) *Fault) *one {
		return &one{
			name: "json-rpc/" + name, clauses: strings.Fields(clauses), about: about, tier: JSONRPC, role: "service", enc: jsonLines, needs: needs,
			play: func(ctx context.Context, s *suite) *Fault {
				return s.serve(ctx, jsonLines, nil, func(e *end) *Fault { return play(s, e) })
			},
		}
	}
	return append(batchCases(scenario),
		scenario("method-not-found", "M7", "", "a method that does not exist is -32601, with the id", plainNotFound),
		scenario("ids", "M2", "", "ids come back as they are: integers, strings, the empty one", plainIDs),
		scenario("invalid-request", "M3", "", "what is no request is -32600", plainInvalid),
		scenario("parse-error", "M14", "", "what is no JSON is -32700 with a null id", plainParse),
		scenario("notification", "M6", "", "a notification is never answered", plainNotification),
		scenario("shape", "M11 M5", "", "a response has jsonrpc 2.0, the id, and exactly one of result and error", plainShape),
		scenario("call", "L3", methodGiven, "the method that was named answers with a result", plainCall),
		scenario("call-notified", "M6", methodGiven, "and is not answered when called as a notification", plainNotified),
	)
}

func plainRequest(id any, method string, params any) Object {
	return Object{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}}
}

// nowhere is a method that no server has.
const nowhere = "no.such_method"

// plainCode asks, and wants the answer with that id to be the error.
func plainCode(e *end, clause, sent string, id any, code int64) *Fault {
	a := e.receive()
	failure, _ := a.msg.at("error").(Object)
	_, isText := failure.at("message").(string)
	if a.msg == nil || show(a.msg.at("id")) != show(id) || failure.at("code") != code || !isText {
		return e.wrong(clause, sent, fmt.Sprintf(`"id":%s and an error with "code":%d and a message`, show(id), code), told(a))
	}
	return nil
}

func plainNotFound(_ *suite, e *end) *Fault {
	o := plainRequest(1, nowhere, Object{})
	e.send(o)
	return plainCode(e, "M7", show(o), 1, -32601)
}

func plainIDs(_ *suite, e *end) *Fault {
	for _, id := range []any{0, -1, int64(maxInteger), "a", "", "1"} {
		o := plainRequest(id, nowhere, Object{})
		e.send(o)
		if f := plainCode(e, "M2", show(o), id, -32601); f != nil {
			return f
		}
	}
	return nil
}

func plainInvalid(_ *suite, e *end) *Fault {
	for _, o := range []Object{{{"jsonrpc", "2.0"}, {"id", 1}, {"method", 7}}, {{"jsonrpc", "2.0"}, {"id", 1}}} {
		e.send(o)
		a := e.receive()
		failure, _ := a.msg.at("error").(Object)
		if a.msg == nil || failure.at("code") != int64(-32600) {
			return e.wrong("M3", show(o), `an error with "code":-32600`, told(a))
		}
	}
	return nil
}

func plainParse(_ *suite, e *end) *Fault {
	e.send(plainRequest(1, nowhere, Object{})) // so that the first byte is a {
	if f := plainCode(e, "M7", nowhere, 1, -32601); f != nil {
		return f
	}
	sent := `{"jsonrpc":"2.0","id":2,"method":`
	e.raw([]byte(sent+"\n"), sent)
	return plainCode(e, "M14", sent, nil, -32700)
}

// fence makes sure that nothing was answered before the call that is made now.
func plainFence(e *end, clause, sent string) *Fault {
	e.send(plainRequest("fence", nowhere, Object{}))
	if a := e.receive(); a.msg == nil || a.msg.at("id") != "fence" {
		return e.wrong(clause, sent, "no answer to it, and one to the call behind it", told(a))
	}
	return nil
}

func plainNotification(_ *suite, e *end) *Fault {
	o := Object{{"jsonrpc", "2.0"}, {"method", nowhere}, {"params", Object{}}}
	e.send(o)
	return plainFence(e, "M6", show(o))
}

func plainShape(_ *suite, e *end) *Fault {
	o := plainRequest(1, nowhere, []any{})
	e.send(o)
	a := e.receive()
	switch {
	case a.msg == nil:
		return e.wrong("M11", show(o), "a response", told(a))
	case a.msg.at("jsonrpc") != "2.0":
		return e.wrong("M5", show(o), `"jsonrpc":"2.0"`, told(a))
	case show(a.msg.at("id")) != "1":
		return e.wrong("M2", show(o), `"id":1`, told(a))
	case a.msg.has("error") == a.msg.has("result"): // JSON-RPC 2.0 does not allow a null beside, as [M11] does
		return e.wrong("M11", show(o), "exactly one of result and error", told(a))
	}
	return nil
}

func (s *suite) plainParams() any {
	if s.opts.Params == "" {
		return Object{}
	}
	v, err := parseJSON(bytes.TrimSpace([]byte(s.opts.Params)))
	if err != nil {
		return Object{} // Run has refused what is no JSON
	}
	return v
}

func plainCall(s *suite, e *end) *Fault {
	o := plainRequest(1, s.opts.Method, s.plainParams())
	e.send(o)
	if a := e.receive(); a.msg == nil || !a.msg.has("result") || show(a.msg.at("id")) != "1" {
		return e.wrong("L3", show(o), `"id":1 and a result`, told(a))
	}
	return nil
}

func plainNotified(s *suite, e *end) *Fault {
	o := Object{{"jsonrpc", "2.0"}, {"method", s.opts.Method}, {"params", s.plainParams()}}
	e.send(o)
	return plainFence(e, "M6", show(o))
}

// CheckParams tells whether the text is params, as [Options] has them.
func CheckParams(text string) error {
	if text == "" {
		return nil
	}
	v, err := parseJSON(bytes.TrimSpace([]byte(text)))
	if err != nil {
		return err
	}
	switch v.(type) {
	case Object, []any:
		return nil
	}
	return errors.New("expected an object or a list, got " + show(v))
}
