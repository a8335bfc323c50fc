package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir/vectors"
)

func probeTree() (any, error) {
	text, err := vectors.FS.ReadFile("probe.json")
	if err != nil {
		return nil, err
	}
	return parseJSON(bytes.TrimSpace(text))
}

// steps is a scenario under way, up to its first fault.
type steps struct {
	c     *client
	s     *service
	fault *Fault
}

// ok keeps the first fault.
func (k *steps) ok(clause, sent, expected string, err error) bool {
	if k.fault == nil && err != nil {
		e := k.c.notes
		if k.s != nil {
			e = k.s.end
		}
		k.fault = e.fault(clause, "", sent, expected, err)
		if k.s != nil {
			k.fault.Before = append(k.fault.Before, k.c.notes.heard(4)...)
		}
	}
	return k.fault == nil
}

// clientCases are the scenarios with the peer as the client.
func clientCases(enc string) []*one {
	scenario := func(name, clauses, tier, about string, play func(*steps)) *one {
		return &one{
			name: "client/" + enc + "/" + name, clauses: strings.Fields(clauses), about: about, tier: tier, role: "client", enc: enc,
			play: func(ctx context.Context, s *suite) *Fault {
				return s.client(ctx, enc, name == "name", func(c *client) *Fault {
					k := &steps{c: c}
					play(k)
					return k.fault
				})
			},
		}
	}
	return []*one{
		scenario("call", "L1 L2 L3 M1 M2 M11", Least, "a request has what a request has, and its result is told", playCall),
		scenario("name", "A1", Least, "a service is found by its name in $SABIR_DIR", playCall),
		scenario("order", "L3 O2", Least, "responses come in any order", playOrder),
		scenario("ignore", "L4 M6 M11", Least, "what is not asked for is ignored", playIgnore),
		scenario("refused", "L3 E1 E2", Least, "an error has its name and its params", playRefused),
		scenario("plain-error", "E1", Full, "an error without a name has its code", playPlainError),
		scenario("null-beside", "M11", Full, `"result":null beside an error is no result, and "error":null no error`, playNullBeside),
		scenario("misfit", "M12", Full, "a result that does not fit is rpc.InvalidResult of that call and nothing worse", playMisfit),
		scenario("malformed", "M12", Full, "so is a response that has both result and error, or neither", playMalformed),
		scenario("unknown-case", "T8 M11", Full, "unknown fields of results are ignored, unknown cases kept", playUnknownCase),
		scenario("stream", "S1 S6 S8", Full, "a stream is read to its end, and credit is given as it is used", playStream),
		scenario("bytes", "C3 T3", Full, "bytes of a stream", playClientBytes),
		scenario("cancel", "S7", Full, "leaving a call or a stream sends rpc.cancel", playCancel),
		scenario("timeout", "M9", Full, "a time limit is sent, and kept without the service", playTimeout),
		scenario("topic", "S3 S10 S11 S13", Full, "items of a topic and what was lost are told", playTopic),
		scenario("resume", "S12 S13", Full, "after a lost connection a topic goes on from its position", playResume),
		scenario("early-break", "S12", Full, "a connection that breaks before rpc.live is resumed by the first item's epoch", playEarlyBreak),
		scenario("state", "S16", Full, "a state: the value before live, changes after, and the value again on a new connection", playState),
		scenario("table", "S17", Full, "a table: rows, changes, keys that are gone after a reconnect", playTable),
		scenario("reset", "S18", Full, "a reset: the rows come again", playClientReset),
		scenario("outcome", "O7 M10", Full, "a call that was sent and not answered is not sent again", playOutcome),
		scenario("repeat", "M10", Full, "one that is readonly is sent again", playRepeat),
		scenario("goaway", "O9", Full, "after rpc.goaway no new call comes on that connection", playGoaway),
		scenario("flood", "O3", Full, "a client reads, whatever comes", playFlood),
		scenario("strict", "M14 C2", Full, "what is not well-formed ends the connection, not the client", playStrict),
	}
}

var hi = Object{{"text", "hi"}}

func playCall(k *steps) {
	n := k.c.do("call", "probe.echo", hi)
	s, o, err := k.c.first("probe.echo")
	if k.s = s; !k.ok("L2", "call probe.echo", "a request", err) {
		return
	}
	if p := o.at("params"); show(p) != `{"text":"hi"}` {
		k.ok("L2", "call probe.echo text=hi", `"params":{"text":"hi"}`, errors.New(show(o)))
		return
	}
	for _, m := range []string{"window", "since", "caller"} {
		if o.has(m) {
			k.ok("M1", "call probe.echo", "no "+m+" in a plain request", errors.New(show(o)))
		}
	}
	s.reply(o, Member{"result", hi}, Member{"more", 1})
	k.ok("L3", `"result":{"text":"hi"}`, "the result", k.c.tells(n, Object{{"result", hi}}))
}

func playOrder(k *steps) {
	a := k.c.do("call", "probe.echo", Object{{"text", "a"}})
	b := k.c.do("call", "probe.echo", Object{{"text", "b"}})
	s, first, err := k.c.first("probe.echo")
	if k.s = s; !k.ok("L2", "two calls", "two requests", err) {
		return
	}
	second, err := s.requestFor("probe.echo")
	if !k.ok("O2", "two calls, the first not answered", "the second request", err) {
		return
	}
	s.reply(second, Member{"result", second.at("params")})
	s.reply(first, Member{"result", first.at("params")})
	got := make(map[string]string)
	for range 2 {
		note := k.c.notes.receive()
		if note.msg == nil {
			k.ok("L3", "two responses", "two results", errors.New(told(note)))
			return
		}
		result, _ := note.msg.at("result").(Object)
		got[show(note.msg.at("n"))] = fmt.Sprint(result.at("text"))
	}
	if got[fmt.Sprint(a)] != "a" || got[fmt.Sprint(b)] != "b" {
		k.ok("L3", "two responses, the second first", "to each call its own", fmt.Errorf("%v", got))
	}
}

func playIgnore(k *steps) {
	n := k.c.do("call", "probe.echo", hi)
	s, o, err := k.c.first("probe.echo")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	h := s.head(o)
	for _, m := range []Object{
		{{"method", "rpc.unheard_of"}, {"params", Object{{"x", 1}}}},
		{{"method", "rpc.item"}, {"params", Object{{"id", 12345}, {"value", number(1)}, {"new", 1}}}},
		{{"method", "rpc.live"}, {"params", Object{{"id", "nobody"}}}, {"new", 1}},
		{{"id", 98765}, {"result", Object{}}},
		{{"id", "nobody"}, {"error", Object{{"code", 1}, {"message", "x"}}}},
	} {
		s.send(append(slices.Clone(h), m...))
	}
	s.reply(o, Member{"result", hi}, Member{"new", Object{}})
	k.ok("L4", "notifications and responses that nobody asked for, then the result", "the result", k.c.tells(n, Object{{"result", hi}}))
}

func playRefused(k *steps) {
	n := k.c.do("call", "probe.fail", Object{{"how", "declared"}})
	s, o, err := k.c.first("probe.fail")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	s.reply(o, failure(1, "probe.TooMuch", Object{{"most", 7}}))
	k.ok("E1", "probe.TooMuch", "the error by its name", k.c.tells(n, Object{{"error", Object{{"name", "probe.TooMuch"}, {"code", int64(1)}, {"params", Object{{"most", int64(7)}}}}}}))
}

func playPlainError(k *steps) {
	n := k.c.do("call", "probe.fail", Object{{"how", "declared"}})
	s, o, err := k.c.first("probe.fail")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	s.reply(o, Member{"error", Object{{"code", -5}, {"message", "as plain servers do"}}})
	k.ok("E1", "an error with a code alone", "its code, and the empty name", k.c.tells(n, Object{{"error", Object{{"name", ""}, {"code", int64(-5)}, {"params", "$_"}}}}))
}

func playNullBeside(k *steps) {
	n := k.c.do("call", "probe.fail", Object{{"how", "declared"}})
	s, o, err := k.c.first("probe.fail")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	s.reply(o, failure(1, "probe.TooMuch", Object{{"most", 7}}), Member{"result", nil})
	if !k.ok("M11", `an error and "result":null`, "the error", k.c.fails(n, "probe.TooMuch")) {
		return
	}
	n = k.c.do("call", "probe.echo", hi)
	if o, err = s.requestFor("probe.echo"); k.ok("L2", "a call", "a request", err) {
		s.reply(o, Member{"result", hi}, Member{"error", nil})
		k.ok("M11", `a result and "error":null`, "the result", k.c.tells(n, Object{{"result", hi}}))
	}
}

// then makes a call that goes well, on the same connection.
func (k *steps) then(clause, sent string) {
	n := k.c.do("call", "probe.echo", hi)
	o, err := k.s.requestFor("probe.echo")
	if k.ok(clause, sent, "the connection to live on", err) {
		k.s.reply(o, Member{"result", hi})
		k.ok(clause, sent, "the connection to live on", k.c.tells(n, Object{{"result", hi}}))
	}
}

func playMisfit(k *steps) {
	n := k.c.do("call", "probe.echo", hi)
	s, o, err := k.c.first("probe.echo")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	s.reply(o, Member{"result", Object{{"text", 5}}})
	if !k.ok("M12", `"result":{"text":5}, where a string is declared`, "rpc.InvalidResult", k.c.fails(n, "rpc.InvalidResult")) {
		return
	}
	n = k.c.do("call", "probe.echo", hi)
	if o, err = s.requestFor("probe.echo"); !k.ok("M12", "a call after rpc.InvalidResult", "the connection to live on", err) {
		return
	}
	s.reply(o, Member{"result", Object{}})
	if !k.ok("M12", `"result":{} without the field that is always there`, "rpc.InvalidResult", k.c.fails(n, "rpc.InvalidResult")) {
		return
	}
	n = k.c.do("items", "probe.count", Object{{"to", 1}})
	if o, err = s.requestFor("probe.count"); !k.ok("M12", "a call after rpc.InvalidResult", "the connection to live on", err) {
		return
	}
	s.tell(o, "rpc.item", Member{"value", Object{{"n", "one"}}})
	if k.ok("M12", `an item {"n":"one"}, where an int is declared`, "rpc.InvalidResult", k.c.fails(n, "rpc.InvalidResult")) {
		s.reply(o, failure(-32001, "rpc.Cancelled", nil))
		k.then("M12", "an item that does not fit")
	}
}

func playMalformed(k *steps) {
	n := k.c.do("call", "probe.echo", hi)
	s, o, err := k.c.first("probe.echo")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	s.reply(o, Member{"result", hi}, failure(1, "probe.TooMuch", Object{{"most", 7}}))
	if !k.ok("M12", "a response with both result and error", "rpc.InvalidResult", k.c.fails(n, "rpc.InvalidResult")) {
		return
	}
	n = k.c.do("call", "probe.echo", hi)
	if o, err = s.requestFor("probe.echo"); !k.ok("M12", "a call", "a request", err) {
		return
	}
	s.reply(o, Member{"error", "no"})
	if k.ok("M12", `"error":"no"`, "rpc.InvalidResult", k.c.fails(n, "rpc.InvalidResult")) {
		k.then("M12", "responses that are malformed")
	}
}

func playUnknownCase(k *steps) {
	v := Object{
		{"bool", true}, {"int", 1}, {"int64", "2"}, {"uint64", "3"}, {"float", 0.5}, {"string", "s"}, {"bytes", "AP8Q"},
		{"time", "2026-11-23T10:00:00.5Z"}, {"any", nil}, {"list", []any{int64(3)}}, {"map", Object{{"b", int64(2)}}}, {"struct", number(1)},
		{"enum", "blue"}, {"union", Object{{"type", "line"}, {"from", int64(1)}}}, {"pattern", "abc"},
	}
	sent := slices.Clone(v)
	sent[len(v)-3].Value, sent[len(v)-2].Value = "red", Object{{"type", "circle"}, {"radius", 0.5}}
	n := k.c.do("call", "probe.types", Object{{"v", sent}})
	s, o, err := k.c.first("probe.types")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	p, _ := o.at("params").(Object)
	asSent, _ := p.at("v").(Object)
	if _, err := bytesOf(asSent.at("bytes"), k.c.enc); !k.ok("C3", "call probe.types", "bytes", err) {
		return
	}
	want := slices.Clone(v)
	want[1].Value = int64(1)
	want[11].Value = Object{{"n", int64(1)}}
	s.reply(o, Member{"result", Object{{"v", append(slices.Clone(v), Member{"newer", 1})}, {"new", 1}}})
	got, err := k.c.told(n)
	if !k.ok("T8", "a result with unknown cases and fields", "a result", err) {
		return
	}
	result, _ := got.at("result").(Object)
	value, _ := result.at("v").(Object)
	for _, m := range want {
		if err := make(names).match(m.Name, m.Value, value.at(m.Name)); err != nil {
			k.ok("T8", "a result with unknown cases and fields", "the known fields, and the cases as they are", fmt.Errorf("%s; %w", show(got), err))
		}
	}
}

func playOutcome(k *steps) {
	n := k.c.do("call", "probe.nothing", Object{})
	s, _, err := k.c.first("probe.nothing")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	s.cut()
	if !k.ok("O7", "the end of the connection after the request", "rpc.OutcomeUnknown", k.c.fails(n, "rpc.OutcomeUnknown")) {
		return
	}
	n = k.c.do("call", "probe.echo", hi)
	s, o, err := k.c.first("probe.echo")
	if k.s = s; k.ok("M10", "the next call", "a new connection, and on it nothing but the next call", err) {
		s.reply(o, Member{"result", hi})
		k.ok("L3", "the result", "the result", k.c.tells(n, Object{{"result", hi}}))
	}
}

func playRepeat(k *steps) {
	// The description is asked for when it is needed, so the first call gives the client its chance.
	n := k.c.do("call", "probe.echo", hi)
	s, o, err := k.c.first("probe.echo")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	s.reply(o, Member{"result", hi})
	k.ok("L3", "the result", "the result", k.c.tells(n, Object{{"result", hi}}))
	n = k.c.do("call", "probe.echo", hi)
	if _, err = s.requestFor("probe.echo"); !k.ok("L2", "a call", "a request", err) {
		return
	}
	s.cut()
	s, o, err = k.c.first("probe.echo")
	if k.s = s; k.ok("M10", "the end of the connection after a readonly request", "the request again on a new connection", err) {
		s.reply(o, Member{"result", hi})
		k.ok("M10", "the result", "the result", k.c.tells(n, Object{{"result", hi}}))
	}
}

func playGoaway(k *steps) {
	n := k.c.do("call", "probe.wait", Object{{"name", "a"}})
	old, o, err := k.c.first("probe.wait")
	if k.s = old; !k.ok("L2", "a call", "a request", err) {
		return
	}
	old.send(append(old.head(o), notification("rpc.goaway", Object{})...))
	old.reply(o, Member{"result", Object{{"released", true}}})
	if !k.ok("O9", "rpc.goaway, then the response of a call under way", "the result", k.c.tells(n, Object{{"result", Object{{"released", true}}}})) {
		return
	}
	n = k.c.do("call", "probe.echo", hi)
	s, o, err := k.c.first("probe.echo")
	if k.s = s; k.ok("O9", "a call after rpc.goaway", "a new connection", err) {
		s.reply(o, Member{"result", hi})
		k.ok("O9", "the result", "the result", k.c.tells(n, Object{{"result", hi}}))
	}
}

func playFlood(k *steps) {
	n := k.c.do("call", "probe.echo", hi)
	s, o, err := k.c.first("probe.echo")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	item := s.frame(append(s.head(o), notification("rpc.item", Object{{"id", "nobody"}, {"value", strings.Repeat("x", 1000)}})...))
	for range 4 {
		if !k.ok("O3", "4 MiB that nobody asked for", "the client to read", s.raw(bytes.Repeat(item, 1000), "1000 items of nobody")) {
			return
		}
	}
	s.reply(o, Member{"result", hi})
	k.ok("O3", "4 MiB that nobody asked for, then the result", "the result", k.c.tells(n, Object{{"result", hi}}))
}

func playStrict(k *steps) {
	n := k.c.do("call", "probe.nothing", Object{})
	s, o, err := k.c.first("probe.nothing")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	bad := []byte(`{"id":` + show(o.at("id")) + `,"result":{"a":1,"a":2}}` + "\n")
	if k.c.enc == cborItems { // the same key twice
		id := appendCBOR(nil, o.at("id"))
		body := append(append([]byte{0xA2, 0x62, 'i', 'd'}, id...), 0x66, 'r', 'e', 's', 'u', 'l', 't', 0xA2, 0x61, 'a', 1, 0x61, 'a', 2)
		bad = append(appendHead(nil, 2, uint64(len(body))), body...)
	}
	s.raw(bad, "a result with a name twice")
	got, err := k.c.told(n)
	if !k.ok("M14", "a result with a name twice", "the call to fail", err) {
		return
	}
	if got.at("error") == nil {
		k.ok("M14", "a result with a name twice", "an error", errors.New(show(got)))
		return
	}
	n = k.c.do("call", "probe.echo", hi)
	s, o, err = k.c.first("probe.echo")
	if k.s = s; k.ok("M14", "a call after that", "a new connection", err) {
		s.reply(o, Member{"result", hi})
		k.ok("M14", "the result", "the result", k.c.tells(n, Object{{"result", hi}}))
	}
}
