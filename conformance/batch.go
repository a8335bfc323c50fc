package conformance

import (
	"fmt"
	"strings"
)

// Batches are JSON-RPC's own: spec/messages.md has none, so no clause of ours can
// be cited.
const batchSection = "JSON-RPC 2.0, section 6"

// batchCases are those of [JSONRPC] about batches.
func batchCases(scenario func(name, clauses, needs, about string, play func(*suite, *end) *Fault) *one) []*one {
	return []*one{
		scenario("batch", "", "", "requests in a list are answered by a list, in any order, and its notifications not", batchMixed),
		scenario("batch-empty", "", "", "an empty list is answered by one -32600, which is no list", batchEmpty),
		scenario("batch-invalid", "", "", "what is no request in a list is -32600 with a null id, each", batchInvalid),
		scenario("batch-notifications", "", "", "a list of notifications is not answered, not even by an empty list", batchNotified),
		scenario("batch-parse-error", "", "", "a list that is no JSON is answered by one -32700, which is no list", batchParse),
		scenario("batch-call", "", methodGiven, "the method that was named answers in a list as it does alone", batchCall),
	}
}

// sendBatch sends a list, and returns it as text.
func (e *end) sendBatch(all ...any) string {
	var b []byte
	for i, v := range all {
		b = append(append(b, "[,"[min(i, 1)]), appendJSON(nil, v)...)
	}
	if len(all) == 0 {
		b = append(b, '[')
	}
	b = append(b, ']')
	e.raw(append(b, '\n'), string(b))
	return string(b)
}

// receiveBatch waits for a list of so many responses, each of which is an object.
func (e *end) receiveBatch(sent string, size int) ([]Object, *Fault) {
	a := e.receive()
	wrong := func() *Fault {
		return e.wrong(batchSection, sent, fmt.Sprintf("a list of %d responses", size), told(a))
	}
	if a.err != nil || !strings.HasPrefix(a.line, "[") {
		return nil, wrong()
	}
	v, err := parseJSON([]byte(a.line))
	list, _ := v.([]any)
	if err != nil || len(list) != size {
		return nil, wrong()
	}
	all := make([]Object, size)
	for i := range list {
		o, ok := list[i].(Object)
		if !ok || o.at("jsonrpc") != "2.0" || !o.has("id") || o.has("result") == o.has("error") {
			return nil, wrong()
		}
		all[i] = o
	}
	return all, nil
}

// codeOf is that of an error, nil of a result.
func codeOf(o Object) any {
	failure, _ := o.at("error").(Object)
	return failure.at("code")
}

func batchMixed(_ *suite, e *end) *Fault {
	notification := Object{{"jsonrpc", "2.0"}, {"method", nowhere}}
	sent := e.sendBatch(plainRequest(1, nowhere, Object{}), notification, plainRequest("b", nowhere, Object{}), Object{{"foo", "boo"}})
	all, fault := e.receiveBatch(sent, 3)
	if fault != nil {
		return fault
	}
	want := map[string]int64{"1": -32601, `"b"`: -32601, "null": -32600}
	for _, o := range all {
		id := show(o.at("id"))
		if code, ok := want[id]; !ok || codeOf(o) != code {
			return e.wrong(batchSection, sent, `each of "id":1 and "id":"b" once with the code -32601, and "id":null with -32600`, show(o))
		}
		delete(want, id)
	}
	return plainFence(e, batchSection, sent)
}

func batchEmpty(_ *suite, e *end) *Fault {
	return plainCode(e, batchSection, e.sendBatch(), nil, -32600)
}

func batchInvalid(_ *suite, e *end) *Fault {
	for _, values := range [][]any{{1}, {1, "x", nil}} {
		sent := e.sendBatch(values...)
		all, fault := e.receiveBatch(sent, len(values))
		if fault != nil {
			return fault
		}
		for _, o := range all {
			if o.at("id") != nil || codeOf(o) != int64(-32600) {
				return e.wrong(batchSection, sent, `"id":null and an error with "code":-32600, for each`, show(o))
			}
		}
	}
	return nil
}

func batchNotified(_ *suite, e *end) *Fault {
	notification := Object{{"jsonrpc", "2.0"}, {"method", nowhere}, {"params", Object{}}}
	return plainFence(e, batchSection, e.sendBatch(notification, notification))
}

func batchParse(_ *suite, e *end) *Fault {
	sent := `[{"jsonrpc":"2.0","id":1,"method":"` + nowhere + `"},{"jsonrpc":"2.0","method"]`
	e.raw([]byte(sent+"\n"), sent)
	return plainCode(e, batchSection, sent, nil, -32700)
}

func batchCall(s *suite, e *end) *Fault {
	sent := e.sendBatch(plainRequest(1, s.opts.Method, s.plainParams()), plainRequest(2, s.opts.Method, s.plainParams()))
	all, fault := e.receiveBatch(sent, 2)
	if fault != nil {
		return fault
	}
	ids := make(map[string]bool)
	for _, o := range all {
		if ids[show(o.at("id"))] = true; !o.has("result") {
			return e.wrong(batchSection, sent, "a result", show(o))
		}
	}
	if !ids["1"] || !ids["2"] {
		return e.wrong(batchSection, sent, `"id":1 and "id":2`, show(all[0])+", "+show(all[1]))
	}
	return nil
}
