package wire

import (
	"fmt"
	"testing"
)

// rewrite writes a message that Parse made, in an encoding, without its framing.
func rewrite(t *testing.T, enc Encoding, m *Message) []byte {
	t.Helper()
	var b []byte
	var f Frame
	var err error
	switch {
	case m.IsRequest():
		b, f = OpenRequest(nil, enc, m)
		if m.Params.IsZero() {
			b = EndMap(AppendMap(b, enc, 0), enc)
		} else if b, err = m.Params.Append(b, enc); err != nil {
			t.Fatal(err)
		}
		b = f.Close(b)
	case m.Error != nil:
		b = AppendErrorResponse(nil, enc, m.Versioned, m.ID, m.Error)
	default:
		b, f = OpenResult(nil, enc, m.Versioned, m.ID)
		if b, err = m.Result.Append(b, enc); err != nil {
			t.Fatal(err)
		}
		b = f.Close(b)
	}
	return unframe(t, enc, b)
}

// unframe removes the line end or the head of a frame.
func unframe(t *testing.T, enc Encoding, b []byte) []byte {
	t.Helper()
	if enc == JSON {
		if n := len(b) - 1; n >= 0 && b[n] == '\n' {
			return b[:n]
		}
		t.Fatalf("%q has no line end", b)
	}
	major, n, from, ok, _ := cborHead(b, 0)
	if !ok || major != majorBytes || int(n) != len(b)-from {
		t.Fatalf("%x is no frame", b)
	}
	return b[from:]
}

// show tells all of a message that is to survive being written. Values are
// shown in JSON; an absent id of a response is a null one, no params are empty ones,
// and of errors without a name the params do not count.
func show(m *Message) string {
	value := func(v Value) string {
		b, err := v.Append(nil, JSON)
		if err != nil {
			return fmt.Sprintf("%x", v.Raw)
		}
		return string(b)
	}
	id := m.ID
	if id.IsZero() && !m.IsRequest() {
		id = NullID
	}
	params := value(m.Params)
	if params == "" && m.IsRequest() {
		params = "{}"
	}
	s := fmt.Sprintf("id %v method %q params %s result %s window %d timeout %v trace %q caller %s",
		id, m.Method, params, value(m.Result), m.Window, m.Timeout, m.Trace, value(m.Caller))
	if m.Since != nil {
		s += fmt.Sprintf(" since %+v", *m.Since)
	}
	if e := m.Error; e != nil {
		s += fmt.Sprintf(" error %d %q %q", e.Code, e.Message, e.Name)
		if e.Name != "" && !e.Params.IsZero() && value(e.Params) != "{}" {
			s += value(e.Params)
		}
	}
	return s
}

// clause: M2, M5, M9, S1, S12, E1, C1
func TestMessagesSurvive(t *testing.T) {
	params := Value{JSON, []byte(`{"a":[1,2.0,"x",null,{}]}`)}
	for _, m := range []Message{
		{Method: []byte("a.b"), Window: -1},
		{ID: IntID(7), Method: []byte("a.b"), Window: -1, Params: params},
		{ID: IntID(-MaxInt), Method: []byte("a.b"), Window: 0},
		{ID: IntID(MaxInt), Method: []byte("a.b"), Window: 64, Since: &Since{"k3v9", 120}, Timeout: 0.25, Trace: "00-ż\"\\", Caller: Value{JSON, []byte(`{"uid":0}`)}, Params: params},
		{ID: StringID(""), Method: []byte("a\n\x00"), Window: MaxInt, Since: &Since{"", 0}, Timeout: 5},
		{ID: StringID("żółw \"\\\x01"), Result: Value{JSON, []byte("null")}, Window: -1},
		{ID: IntID(0), Result: params, Window: -1},
		{ID: NullID, Error: &Error{Code: ParseError, Message: "m"}, Window: -1},
		{ID: IntID(1), Error: &Error{Code: Declared, Message: "no room \"dev\"", Name: "lounge.NoSuchRoom", Params: Value{JSON, []byte(`{"room":"dev"}`)}}, Window: -1},
		{ID: IntID(1), Error: &Error{Code: Busy, Name: "rpc.Busy"}, Window: -1},
		{ID: IntID(1), Error: &Error{Code: -1, Message: "\xff is left out"}, Window: -1},
	} {
		for _, enc := range bothEncodings {
			for _, versioned := range []bool{false, true} {
				m.Versioned = versioned
				b := rewrite(t, enc, &m)
				if enc == JSON {
					if depth, ok := jsonOracle(b); !ok || depth > MaxDepth {
						t.Errorf("%s is not strict", b)
					}
				} else if err := cborOracle(b); err != nil {
					t.Errorf("%x: %v", b, err)
				}
				p := Parser{Enc: enc}
				var got Message
				if err := p.Parse(b, &got); err != nil {
					t.Errorf("%q: %v", b, err)
					continue
				}
				if m.Error != nil && m.Error.Message == "\xff is left out" {
					got.Error.Message = m.Error.Message
				}
				if show(&got) != show(&m) {
					t.Errorf("%q:\n%s\n%s", b, show(&got), show(&m))
				}
				if got.Versioned != (versioned && enc == JSON) { // CBOR leaves it out, spec [C1]
					t.Errorf("%q: versioned %v", b, got.Versioned)
				}
			}
		}
	}
}

// What an encoding cannot hold is left out where a message has to be whole.
func TestWhatCannotBeHeld(t *testing.T) {
	large := Value{JSON, []byte(`{"n":[9007199254740992]}`)}
	p := Parser{Enc: CBOR}
	var m Message
	request := Message{ID: IntID(7), Method: []byte("a.b"), Window: -1, Caller: large}
	if err := p.Parse(rewrite(t, CBOR, &request), &m); err != nil || !m.Caller.IsZero() {
		t.Error(err, m.Caller)
	}
	failed := AppendErrorResponse(nil, CBOR, false, IntID(7), &Error{Code: 1, Name: "a.B", Params: large})
	if err := p.Parse(unframe(t, CBOR, failed), &m); err != nil || m.Error.Name != "a.B" {
		t.Error(err, m.Error)
	}
	dst := []byte("before")
	if b, err := large.Append(dst, CBOR); err == nil || string(b) != "before" {
		t.Errorf("%q %v", b, err)
	}
}

// clause: S1, S2, S7, S10, S11, S17, S18, O9
func TestNotes(t *testing.T) {
	for _, enc := range bothEncodings {
		for _, versioned := range []bool{false, true} {
			parse := func(b []byte, method string) Value {
				t.Helper()
				p := Parser{Enc: enc}
				var m Message
				if err := p.Parse(unframe(t, enc, b), &m); err != nil || string(m.Method) != method || !m.ID.IsZero() {
					t.Fatalf("%q: %v", b, err)
				}
				return m.Params
			}
			for _, it := range []Item{
				{ID: IntID(7)},
				{ID: StringID("a"), Seq: 121, Lost: 3},
				{ID: IntID(7), Seq: 1, Lost: -1},
				{ID: IntID(7), Key: "", Keyed: true},
				{ID: IntID(7), Key: "k", Keyed: true, Gone: true},
				{ID: IntID(7), Reset: true},
			} {
				b, f := OpenItem(nil, enc, versioned, &it)
				if !it.Gone && !it.Reset {
					it.Value = Value{enc, AppendNull(nil, enc)}
					b = AppendNull(b, enc)
				}
				b = f.CloseItem(b)
				if f.Size(b) != len(b) || len(f.Undo(b)) != 0 {
					t.Error("size", f.Size(b), len(b))
				}
				var got Item
				if !ParseItem(parse(b, MethodItem), &got) || fmt.Sprint(got) != fmt.Sprint(it) {
					t.Errorf("%q: %+v, want %+v", b, got, it)
				}
			}
			for _, l := range []Live{{ID: IntID(7)}, {IntID(7), "k3v9", 120, 0}, {StringID("x"), "k", 0, -1}} {
				var got Live
				if b := AppendLive(nil, enc, versioned, &l); !ParseLive(parse(b, MethodLive), &got) || got != l {
					t.Errorf("%q: %+v, want %+v", b, got, l)
				}
			}
			if id, n, ok := ParseMore(parse(AppendMore(nil, enc, versioned, IntID(7), 32), MethodMore)); id != IntID(7) || n != 32 || !ok {
				t.Error(id, n, ok)
			}
			if id, ok := ParseCancel(parse(AppendCancel(nil, enc, versioned, StringID("x")), MethodCancel)); id != StringID("x") || !ok {
				t.Error(id, ok)
			}
			parse(AppendGoaway(nil, enc, versioned), MethodGoaway)
		}
	}
}

// clause: M6, S4, T5
func TestNotesFromElsewhere(t *testing.T) {
	for _, test := range []struct {
		params                   string
		item, live, more, cancel bool
	}{
		{`{}`, false, false, false, false},
		{`{"id":null}`, false, false, false, false},
		{`{"id":1.5,"value":1,"n":1}`, false, false, false, false},
		{`{"id":[7],"value":1,"n":1}`, false, false, false, false},
		{`{"id":7}`, false, true, false, true},
		{`{"id":7,"value":null}`, true, true, false, true},
		{`{"id":7,"value":1,"new":[{}]}`, true, true, false, true},
		{`{"id":7,"value":1,"seq":null,"lost":null,"key":null,"gone":null,"reset":null,"epoch":null}`, true, true, false, true},
		{`{"id":7,"value":1,"gone":false,"reset":false}`, true, true, false, true},
		{`{"id":7,"value":1,"gone":true}`, false, true, false, true},
		{`{"id":7,"gone":true}`, false, true, false, true},
		{`{"id":7,"gone":true,"key":"k"}`, true, true, false, true},
		{`{"id":7,"gone":1,"key":"k"}`, false, true, false, true},
		{`{"id":7,"value":1,"seq":0}`, false, true, false, true},
		{`{"id":7,"value":1,"seq":-1}`, false, false, false, true},
		{`{"id":7,"value":1,"lost":-2}`, false, false, false, true},
		{`{"id":7,"value":1,"key":5}`, false, true, false, true},
		{`{"id":7,"value":1,"epoch":5}`, false, false, false, true},
		{`{"id":7,"n":0}`, false, true, false, true},
		{`{"id":7,"n":-1}`, false, true, false, true},
		{`{"id":7,"n":1.5}`, false, true, false, true},
		{`{"id":7,"n":5}`, false, true, true, true},
	} {
		for _, v := range []Value{{JSON, []byte(test.params)}, {CBOR, turned(t, test.params)}} {
			var it Item
			var l Live
			_, _, more := ParseMore(v)
			_, cancel := ParseCancel(v)
			if item, live := ParseItem(v, &it), ParseLive(v, &l); item != test.item || live != test.live || more != test.more || cancel != test.cancel {
				t.Errorf("%v %s: item %v live %v more %v cancel %v", v.Enc, test.params, item, live, more, cancel)
			}
		}
	}
}
