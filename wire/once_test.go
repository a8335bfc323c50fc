package wire

import (
	"bytes"
	"reflect"
	"testing"
)

// written is an rpc.item as OpenItem writes it.
func written(enc Encoding, versioned bool, it Item) []byte {
	dst, f := OpenItem(nil, enc, versioned, &it)
	if !it.Gone && !it.Reset {
		dst, _ = it.Value.Append(dst, enc)
	}
	return bare(enc, f.CloseItem(dst))
}

// bare is a message without what frames it.
func bare(enc Encoding, b []byte) []byte {
	if enc == CBOR {
		return b[frameHead:]
	}
	return b[:len(b)-1]
}

// Those that are written most often are read in one pass.
func TestItemOnce(t *testing.T) {
	value := Value{JSON, []byte(trackJSON)}
	for _, it := range []Item{
		{ID: IntID(7), Value: value},
		{ID: IntID(0), Seq: 1 << 40, Value: value},
		{ID: IntID(1 << 49), Seq: 23, Lost: 24, Value: value},
		{ID: IntID(7), Key: "żółw", Keyed: true, Value: value},
		{ID: IntID(7), Keyed: true, Value: Value{JSON, []byte("null")}},
	} {
		for _, enc := range []Encoding{JSON, CBOR} {
			for _, versioned := range []bool{false, true} {
				frame := written(enc, versioned, it)
				p, m := Parser{Enc: enc}, Message{}
				if err := p.Parse(frame, &m); err != nil || m.Item == nil {
					t.Errorf("%s: %v, item %v", frame, err, m.Item)
				}
				sameOtherwise(t, enc, frame)
			}
		}
	}
}

// One that has more members or fewer than it says is none, in CBOR, where it says so.
func TestItemCountsItsMembers(t *testing.T) {
	frame := written(CBOR, false, Item{ID: IntID(7), Seq: 1, Value: Value{JSON, []byte("1")}})
	at := bytes.Index(frame, append([]byte("params"), 0xa3)) + len("params")
	for n := range byte(24) {
		frame[at] = 0xa0 + n
		p, m := Parser{Enc: CBOR}, Message{}
		if err := p.Parse(frame, &m); (err == nil) != (n == 3) {
			t.Errorf("three members that say they are %d: %v", n, err)
		}
	}
}

// The others are read as everything is.
func TestItemOtherwise(t *testing.T) {
	for _, text := range []string{
		`{"method":"rpc.item","params":{"id":"7","value":1}}`,
		`{"method":"rpc.item","params":{"id":07,"value":1}}`,
		`{"method":"rpc.item","params":{"id":1.0,"value":1}}`,
		`{"method":"rpc.item","params":{"id":7,"seq":0,"value":1}}`,
		`{"method":"rpc.item","params":{"id":7,"lost":-1,"value":1}}`,
		`{"method":"rpc.item","params":{"id":7,"key":"\u0041","value":1}}`,
		`{"method":"rpc.item","params":{"id":7,"value":1,"value":1}}`,
		`{"method":"rpc.item","params":{"id":7,"value":1,"other":1}}`,
		`{"method":"rpc.item","params":{"id":7,"value":1},"id":3}`,
		`{"method":"rpc.item","params":{"id":7,"value":1}} `,
		`{"method":"rpc.item","params":{"id":7,"value":{"a":1,"a":1}}}`,
		`{"method":"rpc.item","params":{"id":7,"value":1}`,
		`{"method":"rpc.item","params":{"id":7,"gone":true,"key":"a"}}`,
		`{"method":"rpc.item","params":{"id":12345678901234567890,"value":1}}`,
	} {
		p, m := Parser{Enc: JSON}, Message{}
		if p.Parse([]byte(text), &m); m.Item != nil {
			t.Errorf("%s: read as %+v", text, *m.Item)
		}
	}
}

// Calls and answers as the Open functions write them.
func TestCallOnce(t *testing.T) {
	value := Value{JSON, []byte(trackJSON)}
	for _, enc := range []Encoding{JSON, CBOR} {
		for _, versioned := range []bool{false, true} {
			for _, m := range []Message{
				{ID: IntID(7), Method: []byte("a.b"), Window: -1, Params: value},
				{ID: IntID(-1 << 48), Method: []byte("żółw.b"), Window: -1, Params: Value{JSON, []byte("{}")}},
				{ID: IntID(1 << 40), Method: []byte("a.b"), Window: -1, Timeout: 2.5, Params: value},
				{ID: IntID(7), Method: []byte("a.b"), Window: -1, Timeout: 2.5, Caller: value, Params: value},
				{ID: IntID(0), Window: -1, Result: value},
				{ID: IntID(24), Window: -1, Result: Value{JSON, []byte("null")}},
			} {
				m.Versioned = versioned
				dst, f := OpenResult(nil, enc, versioned, m.ID)
				body := m.Result
				if m.IsRequest() {
					dst, f = OpenRequest(nil, enc, &m)
					body = m.Params
				}
				dst, _ = body.Append(dst, enc)
				frame := bare(enc, f.Close(dst))
				var got Message
				if p := (&Parser{Enc: enc}); !p.once(frame, &got) {
					t.Errorf("%q: not read in one pass", frame)
				}
				sameOtherwise(t, enc, frame)
			}
		}
	}
}

// Others, faulty ones among them, are left to the general way.
func TestCallOtherwise(t *testing.T) {
	for _, text := range []string{
		`{"id":"7","method":"a.b","params":{}}`,
		`{"id":01,"method":"a.b","params":{}}`,
		`{"id":1,"method":"","params":{}}`,
		`{"id":1,"method":"a.b"}`,
		`{"id":1,"method":"a.b","params":null}`,
		`{"id":1,"method":"a.b","params":[]}`,
		`{"id":1,"method":"a.b","timeout":0,"params":{}}`,
		`{"id":1,"method":"a.b","timeout":1.,"params":{}}`,
		`{"id":1,"method":"a.b","timeout":1.5.5,"params":{}}`,
		`{"id":1,"method":"a.b","timeout":00.5,"params":{}}`,
		`{"id":1,"method":"a.b","timeout":1e3,"params":{}}`,
		`{"id":1,"method":"a.b","caller":[],"params":{}}`,
		`{"id":1,"method":"a.b","caller":null,"params":{}}`,
		`{"id":1,"method":"a.b","caller":{},"caller":{},"params":{}}`,
		`{"id":1,"method":"a.b","params":{},"extra":1}`,
		`{"id":1,"method":"a.b","params":{},"id":1}`,
		`{"id":1,"method":"a.b","params":{"a":1,"a":2}}`,
		`{"id":1,"method":"a.b","params":{}}}`,
		`{"id":1,"method":"a.b","params":{}`,
		`{"id":1,"method":"a.b","params":`,
		`{"id":1,"result":1,"error":null}`,
		`{"id":1,"result":}`,
		`{"id":1`, `{"id":`, `{`,
	} {
		var m Message
		if p := (&Parser{Enc: JSON}); p.once([]byte(text), &m) {
			t.Errorf("%s: read in one pass", text)
		}
	}
	for _, enc := range []Encoding{JSON, CBOR} { // and nothing is read beyond the end
		whole := []byte(echoRequest)
		if enc == CBOR {
			whole = turned(t, echoRequest)
		}
		for n := range whole {
			var m Message
			if p := (&Parser{Enc: enc}); p.once(whole[:n:n], &m) {
				t.Errorf("%q: read in one pass", whole[:n])
			}
		}
	}
}

// sameOtherwise compares what is made of a frame in one pass, if it is, with
// what the general way makes of it.
func sameOtherwise(t *testing.T, enc Encoding, frame []byte) {
	t.Helper()
	p, m := Parser{Enc: enc}, Message{Window: -1}
	if !p.once(frame, &m) {
		return
	}
	general, long, err := Parser{Enc: enc}, Message{Window: -1}, error(nil)
	if enc == JSON {
		err = general.jsonMessage(frame, &long)
	} else {
		err = general.cborMessage(frame, &long)
	}
	if err == nil {
		err = general.check(&long)
	}
	if it := m.Item; it != nil {
		m.Item = nil
		var same Item
		if !ParseItem(long.Params, &same) || !reflect.DeepEqual(same, *it) {
			t.Errorf("%q: in one pass %+v, otherwise %+v", frame, *it, same)
		}
	}
	if err != nil || !reflect.DeepEqual(m, long) {
		t.Errorf("%q: in one pass %+v, otherwise %+v, %v", frame, m, long, err)
	}
}
