package wire

import (
	"errors"
	"strings"
	"testing"
)

// Each row is a message and what Parse says of it: "ok", or whom to answer and
// which member is at fault.
//
// clause: M1, M2, M3, M4, M5, M6, M11, M13, T1
func TestShape(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, test := range []struct{ frame, want string }{
		{`{"id":7,"method":"a.b"}`, "ok"},
		{`{"method":"a.b"}`, "ok"},
		{`{"jsonrpc":"2.0","id":"x","method":"a.b","params":{},"window":0,"since":{"epoch":"e","seq":0},"timeout":0.5,"trace":"t","caller":{}}`, "ok"},

		// [M1]
		{`{"id":7,"method":"a.b","extra":1}`, `7 member "extra": unknown in a request`},
		{`{"id":7,"method":"a.b","Params":{}}`, `7 member "Params": unknown in a request`},
		{`{"id":7,"method":"a.b","param\u017f":{}}`, `7 member "paramſ": unknown in a request`},
		{`{"id":7,"method":"a.b","params\u0000":{}}`, `7 member "params\x00": unknown in a request`},
		{`{"id":7,"method":"a.b","":1}`, `7 member "\"\"": unknown in a request`},
		{`{"id":7,"method":"a.b","extra":null}`, `7 member "extra": unknown in a request`},
		{`{"id":7,"Method":"a.b"}`, `7 member "Method": unknown in a request`},
		{`{"extra":1,"id":7,"method":"a.b","more":2}`, `7 member "extra": unknown in a request`},

		// [M2]
		{`{"id":9007199254740991,"method":"a.b"}`, "ok"},
		{`{"id":-9007199254740991,"method":"a.b"}`, "ok"},
		{`{"id":9007199254740992,"method":"a.b"}`, `null member "id": expected an integer within ±(2^53-1)`},
		{`{"id":-9007199254740992,"method":"a.b"}`, `null member "id": expected an integer within ±(2^53-1)`},
		{`{"id":18446744073709551617,"method":"a.b"}`, `null member "id": expected an integer within ±(2^53-1)`},
		{`{"id":1.0,"method":"a.b"}`, `null member "id": expected an integer within ±(2^53-1)`},
		{`{"id":1e0,"method":"a.b"}`, `null member "id": expected an integer within ±(2^53-1)`},
		{`{"id":null,"method":"a.b"}`, `null member "id": null is no id`},
		{`{"id":{},"method":"a.b"}`, `null member "id": expected a string or an integer`},
		{`{"id":[1],"method":"a.b"}`, `null member "id": expected a string or an integer`},
		{`{"id":true,"method":"a.b"}`, `null member "id": expected a string or an integer`},
		{`{"id":"` + long + `","method":"a.b"}`, "ok"},
		{`{"id":"` + long + `y","method":"a.b"}`, `null member "id": longer than 64 bytes`},
		{`{"id":"` + strings.Repeat(`\u0078`, 64) + `","method":"a.b"}`, "ok"},
		{`{"id":"` + strings.Repeat("ż", 33) + `","method":"a.b"}`, `null member "id": longer than 64 bytes`},
		{`{"id":"","method":"a.b"}`, "ok"},

		// [M3]
		{`{"id":7,"method":5}`, `7 member "method": expected a string`},
		{`{"id":7,"method":""}`, `7 member "method": expected service.member`},
		{`{"id":7,"method":"a.b","params":[]}`, "ok"},
		{`{"id":7,"method":"a.b","params":[ ]}`, "ok"},
		{`{"id":7,"method":"a.b","params":[1]}`, `7 member "params": expected an object`},
		{`{"id":7,"method":"a.b","params":"x"}`, `7 member "params": expected an object`},
		{`{"params":"x","id":7,"method":"a.b"}`, `7 member "params": expected an object`},
		{`{"jsonrpc":"1.0","id":7,"method":"a.b"}`, `7 member "jsonrpc": expected "2.0"`},
		{`{"jsonrpc":2.0,"id":7,"method":"a.b"}`, `7 member "jsonrpc": expected "2.0"`},
		{`{"id":7,"method":"a.b","window":-1}`, `7 member "window": expected an integer of 0 or more`},
		{`{"id":7,"method":"a.b","window":1.5}`, `7 member "window": expected an integer of 0 or more`},
		{`{"id":7,"method":"a.b","window":"1"}`, `7 member "window": expected an integer of 0 or more`},
		{`{"id":7,"method":"a.b","window":9007199254740992}`, `7 member "window": expected an integer of 0 or more`},
		{`{"id":7,"method":"a.b","timeout":0}`, `7 member "timeout": expected seconds above 0`},
		{`{"id":7,"method":"a.b","timeout":-1}`, `7 member "timeout": expected seconds above 0`},
		{`{"id":7,"method":"a.b","timeout":"5"}`, `7 member "timeout": expected seconds above 0`},
		{`{"id":7,"method":"a.b","timeout":1e400}`, `7 member "timeout": expected seconds above 0`},
		{`{"id":7,"method":"a.b","timeout":99999999999999999999}`, `7 member "timeout": expected seconds above 0`},
		{`{"id":7,"method":"a.b","trace":1}`, `7 member "trace": expected a string`},
		{`{"id":7,"method":"a.b","caller":"me"}`, `7 member "caller": expected an object`},
		{`{"id":7,"method":"a.b","since":{"epoch":"e"}}`, `7 member "since": expected {"epoch":text,"seq":integer}`},
		{`{"id":7,"method":"a.b","since":{"epoch":"e","seq":-1}}`, `7 member "since": expected {"epoch":text,"seq":integer}`},
		{`{"id":7,"method":"a.b","since":{"epoch":1,"seq":1}}`, `7 member "since": expected {"epoch":text,"seq":integer}`},
		{`{"id":7,"method":"a.b","since":{"epoch":"e","seq":1,"x":1}}`, `7 member "since": expected {"epoch":text,"seq":integer}`},
		{`{"id":7,"method":"a.b","since":[]}`, `7 member "since": expected {"epoch":text,"seq":integer}`},

		// [M4]
		{`{"jsonrpc":null,"id":7,"method":"a.b","params":null,"window":null,"since":null,"timeout":null,"trace":null,"caller":null,"error":null}`, "ok"},
		{`{"id":7,"method":null}`, "7 expected method, result or error"},
		{`{"id":7,"method":null,"result":1}`, "ok"},
		{`{"id":7,"error":null,"result":1}`, "ok"},

		// [M6]: nobody is waiting to hear of it
		{`{"method":"rpc.later","extra":1}`, "ok"},

		// [M11]
		{`{"id":7,"result":null}`, "ok"},
		{`{"id":7,"result":{},"extra":1}`, "ok"},
		{`{"id":7,"error":{"code":1,"message":"m","data":{"name":"a.B","params":{}},"more":1},"extra":1}`, "ok"},
		{`{"id":7,"error":{}}`, "ok"},
		{`{"id":null,"error":{"code":-32700,"message":"m"}}`, "ok"},
		{`{"id":1.5,"result":1}`, "ok"}, // nobody's id
		{`{"result":1}`, "ok"},
		{`{"jsonrpc":"3.0","id":7,"result":1}`, "ok"},
		{`{"id":7,"result":null,"error":{"code":1,"message":"m"}}`, "ok"},
		{`{"id":7,"error":"no"}`, `null member "error": expected an object`},

		// [M13]
		{`{}`, "null expected method, result or error"},
		{`{"id":7}`, "7 expected method, result or error"},
		{`{"id":"a"}`, `"a" expected method, result or error`},
		{`{"id":null}`, "null expected method, result or error"},
		{`{"jsonrpc":"2.0","id":7,"params":{}}`, "7 expected method, result or error"},
		{`{"id":7,"result":1,"error":{}}`, "null expected one of method, result and error"},
		{`{"id":7,"method":"a.b","result":1}`, "null expected one of method, result and error"},
		{`{"id":7,"method":"a.b","error":{}}`, "null expected one of method, result and error"},
		{`{"id":7,"method":5,"result":1}`, "null expected one of method, result and error"},
		{`{"id":7,"result":1,"error":{},"extra":1}`, "null expected one of method, result and error"},
	} {
		values := []Value{{JSON, []byte(test.frame)}}
		if b, err := values[0].Append(nil, CBOR); err == nil {
			values = append(values, Value{CBOR, b})
		}
		for _, v := range values {
			p := Parser{Enc: v.Enc}
			var m Message
			got := "ok"
			err := p.Parse(v.Raw, &m)
			var shape *ShapeError
			if errors.As(err, &shape) {
				got = shape.ID.String() + " " + shape.Error()
			} else if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("%v %s: %s, want %s", v.Enc, test.frame, got, test.want)
			}
			if want := strings.Contains(test.frame, `"jsonrpc":"`); got == "ok" && m.Versioned != want {
				t.Errorf("%v %s: versioned %v", v.Enc, test.frame, m.Versioned)
			}
		}
	}
}

// A parser keeps nothing from message to message.
func TestParserForgets(t *testing.T) {
	p := Parser{Enc: JSON}
	var m Message
	for _, frame := range []string{`{"id":7,"method":"a.b","extra":1}`, `{"id":1,"method":5}`, `{"a":{"b":{`, `{"id":1,"result":1,"error":{}}`} {
		if p.Parse([]byte(frame), &m) == nil {
			t.Fatal(frame)
		}
		if err := p.Parse([]byte(`{"id":8,"method":"a.b","params":{"a":1}}`), &m); err != nil {
			t.Errorf("after %s: %v", frame, err)
		}
		if n, ok := m.ID.Int(); n != 8 || !ok || m.Window != -1 || m.Error != nil || !m.Result.IsZero() {
			t.Errorf("after %s: %+v", frame, m)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, text := range []string{echoRequest, echoResponse, `{"method":"rpc.more","params":{"id":7,"n":32}}`} {
		for _, v := range []Value{{JSON, []byte(text)}, {CBOR, turned(t, text)}} {
			p := Parser{Enc: v.Enc}
			var m Message
			if n := testing.AllocsPerRun(100, func() {
				if err := p.Parse(v.Raw, &m); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%v %s: %v allocations", v.Enc, text, n)
			}
		}
	}
}

// What one large message needed is not kept.
func TestParserGivesBack(t *testing.T) {
	for _, frame := range []string{
		`{"id":7,"method":"a.b","params":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`,
		`{"id":7,"method":"a.b","params":{` + strings.Repeat(`"a":[{`, 20) + strings.Repeat(`}]`, 20) + `}}`,
		`{"id":7,"result":{` + keys(5000) + `}}`,
		`{` + keys(5000) + `}`,
	} {
		p := Parser{Enc: JSON}
		var m Message
		p.Parse([]byte(frame), &m)
		if cap(p.keys) > MaxDepth*linearKeys || len(p.large) > 0 {
			t.Errorf("%.40s… left room for %d keys and %d sets", frame, cap(p.keys), len(p.large))
		}
	}
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"` + IntID(int64(i)).String() + `":1,`)
	}
	return strings.TrimSuffix(b.String(), ",")
}
