package wire

import (
	"reflect"
	"testing"
)

// written is an rpc.item as OpenItem writes it.
func written(enc Encoding, versioned bool, it Item) []byte {
	dst, f := OpenItem(nil, enc, versioned, &it)
	if !it.Gone && !it.Reset {
		dst, _ = it.Value.Append(dst, enc)
	}
	dst = f.CloseItem(dst)
	if enc == CBOR {
		return dst[frameHead:]
	}
	return dst[:len(dst)-1]
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
				sameItem(t, enc, frame, &m)
			}
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

// sameItem compares what Parse has made of a frame in one pass with what the
// general way makes of it.
func sameItem(t *testing.T, enc Encoding, frame []byte, m *Message) {
	t.Helper()
	if m.Item == nil {
		return
	}
	p, long, err := Parser{Enc: enc}, Message{Window: -1}, error(nil)
	if enc == JSON {
		err = p.jsonMessage(frame, &long)
	} else {
		err = p.cborMessage(frame, &long)
	}
	if err == nil {
		err = p.check(&long)
	}
	var it Item
	if ok := ParseItem(long.Params, &it); err != nil || !ok || !reflect.DeepEqual(it, *m.Item) {
		t.Errorf("%q: in one pass %+v, otherwise %+v, %v, %v", frame, *m.Item, it, ok, err)
	}
	once := *m
	once.Item = nil
	if !reflect.DeepEqual(once, long) {
		t.Errorf("%q: in one pass %+v, otherwise %+v", frame, once, long)
	}
}
