package attacks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/sabir-ipc/sabir"
)

// set would change a value, so that it shows if it was run.
const set = `{"id":1,"method":"probe.set","params":{"name":"a","n":1}}`

// unset fails the test if a set was run.
func (d *daemon) unset() {
	d.t.Helper()
	if v, err := sabir.Do[any](d.t.Context(), d.good, "probe.value", map[string]any{"name": "a"}); err == nil {
		d.t.Errorf("it was run: %v", v)
	}
}

// Case 10: a name twice, or one that another parser might take for it. Never does the last win, nor the nearest.
//
// clause: M1, M8, M14
func TestCase10NamesThatAreAlike(t *testing.T) {
	d := serve(t, nil)
	const parse, request, params = -32700, -32600, -32602
	for _, test := range []struct {
		say  string
		code int
	}{
		{`{"id":1,"method":"probe.echo","method":"probe.set","params":{"name":"a","n":1}}`, parse},
		{`{"id":1,"method":"probe.echo","\u006dethod":"probe.set","params":{"name":"a","n":1}}`, parse},
		{`{"id":1,"method":"probe.set","params":{"name":"a","n":1},"id":2}`, parse},
		{`{"id":1,"method":"probe.set","params":{"name":"b"},"params":{"name":"a","n":1}}`, parse},
		{`{"id":1,"method":"probe.set","params":{"name":"b","n":1,"name":"a"}}`, parse},
		{`{"id":1,"method":"probe.set","params":{"name":"a","n":1,"\u006e":2}}`, parse},
		{`{"id":1,"Method":"probe.set","method":"probe.echo","params":{"name":"a","n":1}}`, request},
		{`{"id":1,"METHOD":"probe.set","params":{"name":"a","n":1}}`, request},
		{`{"id":1,"method":"probe.set","PARAMS":{},"params":{"name":"a","n":1}}`, request},
		{`{"id":1,"method":"probe.set","param\u017f":{"name":"b","n":1},"params":{"name":"a","n":1}}`, request},
		{`{"id":1,"method\u0000":"probe.echo","method":"probe.set","params":{"name":"a","n":1}}`, request},
		{`{"id":1,"method":"probe.set","params\u0000":{"name":"a","n":1}}`, request},
		{`{"id":1,"\u0000":1,"method":"probe.set","params":{"name":"a","n":1}}`, request},
		{`{"id":1,"method":"probe.set","params":{"name":"a","n":1,"Name":"b"}}`, params},
		{`{"id":1,"method":"probe.set","params":{"name":"a","N":1}}`, params},
		{`{"id":1,"method":"probe.set","params":{"name":"a","n\u0000":1}}`, params},
		{`{"id":1,"method":"probe.set","params":{"name":"a","\uff4e":1}}`, params},
		{`{"id":1,"method":"probe.set\u0000","params":{"name":"a","n":1}}`, -32601},
		{`{"id":1,"method":"Probe.set","params":{"name":"a","n":1}}`, -32601},
		{`{"id":1,"method":"probe.\u017fet","params":{"name":"a","n":1}}`, -32601},
	} {
		for _, enc := range []string{"json", "cbor"} {
			l := d.openAs("unix", "", enc == "cbor")
			if enc == "json" {
				l.say(test.say)
			} else {
				frame, _ := cbor.Marshal(inOrder(t, test.say))
				l.Write(frame)
			}
			code := l.code(enc)
			if code != test.code {
				t.Errorf("%s in %s: %d, not %d", test.say, enc, code, test.code)
			}
			if test.code == parse {
				l.rest()
			}
			l.Close()
		}
	}
	d.unset()
}

// code is that of the next answer, 0 for a result.
func (l *line) code(enc string) int {
	l.t.Helper()
	text := l.frame(enc)
	if enc == "json" {
		return answer(l.t, text).Error.Code
	}
	var a struct {
		Error struct {
			Code int `cbor:"code"`
		} `cbor:"error"`
	}
	if err := cbor.Unmarshal([]byte(text), &a); err != nil {
		l.t.Fatal(err)
	}
	return a.Error.Code
}

// inOrder turns JSON into CBOR, every member in its place, also those that are twice.
func inOrder(t *testing.T, text string) []byte {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value func() []byte
	value = func() (b []byte) {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case json.Delim:
			n := 0
			for ; d.More(); n++ {
				if b = append(b, value()...); token == '{' {
					b = append(b, value()...)
				}
			}
			d.Token()
			head, _ := cbor.Marshal(n)
			head[0] |= map[json.Delim]byte{'[': 0x80, '{': 0xa0}[token]
			return append(head, b...)
		case json.Number:
			n, err := token.Int64()
			if err != nil {
				t.Fatal(err)
			}
			b, _ = cbor.Marshal(n)
		default:
			b, _ = cbor.Marshal(token)
		}
		return b
	}
	return value()
}

// Case 11: nested too deeply, in both encodings.
//
// clause: M14
func TestCase11Depth(t *testing.T) {
	d := serve(t, nil)
	for _, test := range []struct{ levels, code int }{{62, -32602}, {63, -32700}, {100_000, -32700}} { // and two of the message itself
		for _, enc := range []string{"json", "cbor"} {
			l := d.openAs("unix", "", enc == "cbor")
			if enc == "json" {
				l.say(`{"id":1,"method":"probe.set","params":{"name":` + strings.Repeat("[", test.levels) + strings.Repeat("]", test.levels) + `,"n":1}}`)
			} else {
				body := []byte("\xa3\x62id\x01\x66method\x69probe.set\x66params\xa2\x61n\x01\x64name")
				body = append(body, strings.Repeat("\x81", test.levels-1)+"\x80"...)
				frame, _ := cbor.Marshal(body)
				l.Write(frame)
			}
			if code := l.code(enc); code != test.code {
				t.Errorf("%d levels in %s: %d, not %d", test.levels, enc, code, test.code)
			}
			l.Close()
		}
	}
	d.unset()
}

// Case 12: lengths that are not there, and what CBOR has beyond JSON. The daemon takes no memory for a promise.
//
// clause: B4, C2
func TestCase12Bombs(t *testing.T) {
	d := serve(t, nil)
	method := "\x62id\x01\x66method\x69probe.set\x66params\xa2\x64name\x61a\x61n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, test := range []struct{ name, value string }{
		{"a list of 2^56", "\x9b\x00\xff\xff\xff\xff\xff\xff\xff"},
		{"bytes of 2^64-1", "\x5b\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"a map of 2^63-1", "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff"},
		{"text of 2^32-1", "\x7a\xff\xff\xff\xff"},
		{"a list without length", "\x9f\x01\xff"},
		{"text without length", "\x7f\x61a\xff"},
		{"a break", "\xff"},
		{"a bignum", "\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"a time tag", "\xc1\x01"},
		{"tag 22 on a number", "\xd6\x01"},
		{"tags of tags", strings.Repeat("\xd6", 1000) + "\x41\x00"},
		{"NaN", "\xf9\x7e\x00"},
		{"NaN with a message", "\xfb\x7f\xf8\x00\x00\x00\x00\x00\x01"},
		{"infinity", "\xfa\x7f\x80\x00\x00"},
		{"NaN as a key", "\xa1\xf9\x7e\x00\x01"},
		{"a number as a key", "\xa1\x01\x01"},
		{"undefined", "\xf7"},
		{"a simple value", "\xf8\x18"},
		{"2^64-1", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"-2^64", "\x3b\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"a head of the future", "\x1c"},
	} {
		l := d.openAs("unix", "", true)
		frame, _ := cbor.Marshal([]byte("\xa3" + method + test.value))
		l.Write(frame)
		if code := l.code("cbor"); code != -32700 && code != -32602 {
			t.Errorf("%s: %d", test.name, code)
		}
		l.Close()
	}
	for _, frame := range []string{"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "\x5a\x7f\xff\xff\xff", "\x5b\x00\x00\x00\x00\x00\x80\x00\x01"} {
		l := d.openAs("unix", "", true)
		l.Write([]byte(frame))
		if code := l.code("cbor"); code != -32007 {
			t.Errorf("a message of %x: %d", frame, code)
		}
		l.rest()
		l.Close()
	}
	for range 100 { // what is allowed and never comes
		l := d.openAs("unix", "", true)
		l.Write([]byte("\x5a\x00\x80\x00\x00\xa3"))
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
		t.Errorf("%d MiB were taken for messages that never came", took>>20)
	}
	d.unset()
}

// Case 13: numbers at their ends mean the same in both encodings, or nothing.
//
// clause: C4, M14, M2
func TestCase13Numbers(t *testing.T) {
	d := serve(t, nil)
	for _, test := range []struct {
		value string
		code  int
	}{
		{"9007199254740991", 0}, {"-9007199254740991", 0}, {"9007199254740992", -32602}, {"-9007199254740993", -32602},
		{"12345678901234567890", -32602}, {"1e2", 0}, {"1.0", 0}, {"-0", 0}, {"1.5", -32602}, {"1e400", -32602},
		{"NaN", -32700}, {"Infinity", -32700}, {"0x10", -32700}, {"01", -32700}, {".5", -32700},
	} {
		l := d.open("unix")
		l.say(`{"id":1,"method":"probe.set","params":{"name":"b","n":` + test.value + `}}`)
		if got := answer(t, l.hear()); got.Error.Code != test.code {
			t.Errorf("%s: %+v, not %d", test.value, got.Error, test.code)
		}
		l.Close()
	}
	for _, text := range []string{`\ud800`, `\udc00\ud800`, "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"} {
		l := d.open("unix")
		l.say(`{"id":1,"method":"probe.set","params":{"name":"` + text + `","n":1}}`)
		l.hears(`"code":-32700`)
		l.rest()
		l.Close()
	}
	for _, id := range []string{"12345678901234567890", "1e400", "9007199254740992"} {
		l := d.open("unix")
		l.say(`{"id":` + id + `,"method":"probe.set","params":{"name":"a","n":1}}`)
		l.hears(`{"id":null,"error":{"code":-32600,`)
		l.Close()
	}
	d.unset()
}

// Case 14: tens of thousands of keys, and of faults; the first eight are told. What an answer repeats of the message is
// short, however long it was there.
//
// clause: M8, B1, B5
func TestCase14ManyFaults(t *testing.T) {
	d := serve(t, nil)
	many := func(format string) string {
		var all []string
		for i := range 65_536 {
			all = append(all, fmt.Sprintf(format, i))
		}
		return strings.Join(all, ",")
	}
	long := strings.Repeat("x", 4<<20)
	var longKeys []string
	for _, c := range "abcdefgh" {
		longKeys = append(longKeys, fmt.Sprintf(`"%c%s":1`, c, long[:500_000]))
	}
	for _, test := range []struct{ name, params string }{
		{"unknown keys", `{"name":"a","n":1,` + many(`"k%d":0`) + `}`},
		{"keys with a long beginning", `{"name":"a","n":1,` + many(`"`+strings.Repeat("p", 50)+`%06d":0`) + `}`},
		{"a list", `{"name":[` + many("%d") + `],"n":1}`},
		{"a long key", `{"name":"a","n":1,"` + long + `":1}`},
		{"a long value", `{"name":"a","n":"` + long + `"}`},
		{"long keys", `{"name":"a","n":1,` + strings.Join(longKeys, ",") + `}`},
	} {
		l := d.open("unix")
		l.say(`{"id":1,"method":"probe.set","params":` + test.params + `}`)
		text := l.hear()
		var faults struct {
			Faults []struct{ Path, Reason string }
		}
		if a := answer(t, text); a.Error.Code != -32602 && a.Error.Code != -32700 || json.Unmarshal(a.Error.Data.Params, &faults) != nil || len(faults.Faults) > 8 {
			t.Errorf("%s: %.200s", test.name, text)
		}
		if len(text) > 16<<10 {
			t.Errorf("%s: an answer of %d bytes", test.name, len(text))
		}
		l.Close()
	}
	l := d.open("unix")
	for _, text := range []string{
		`{"id":1,"method":"` + long + `"}`, `{"id":1,"method":"probe.` + long + `"}`, `{"id":1,"` + long + `":1,"method":"rpc.ping"}`,
		`{"id":1,"method":"rpc.describe","params":{"service":"` + long + `"}}`,
		`{"id":1,"method":"probe.fail","params":{"how":"` + long + `"}}`,
		`{"id":1,"method":"probe.tick","params":{"name":"` + long + `"}}`,
	} {
		l.say(text)
		if got := l.hear(); len(got) > 16<<10 || answer(t, got).Error.Code == 0 {
			t.Errorf("%.40s…: an answer of %d bytes, %.100s", text, len(got), got)
		}
	}
	l.say(`{"method":"` + long + `"}`) // a notification: it may be logged
	l.say(ping)
	l.hears(pong)
	if n := len(d.log.String()); n > 64<<10 {
		t.Errorf("%d bytes were logged", n)
	}
	d.unset()
}

// TooLong is an error that a service declares, and in which it repeats what it was told.
type TooLong struct{ Text string }

func (e TooLong) Error() string { return "too long: " + e.Text }

// Case 14, of a service that repeats what it was told: nothing is sent that is over the limit.
//
// clause: B1
func TestCase14LongErrors(t *testing.T) {
	svc := sabir.NewService("probe", "1", "")
	sabir.Method(svc, "repeat", func(_ context.Context, in TooLong) (sabir.None, error) { return sabir.None{}, in }, sabir.Errors(TooLong{}))
	d := serveHandler(t, svc, nil)
	l := d.open("unix")
	l.say(`{"id":1,"method":"probe.repeat","params":{"text":"` + strings.Repeat("x", 3<<20) + `"}}`)
	l.hears(`"name":"rpc.TooLarge","params":{"limit":4194304,"started":true}`)
	l.say(`{"id":1,"method":"probe.repeat","params":{"text":"short"}}`)
	l.hears(`"name":"probe.TooLong","params":{"text":"short"}`)
}

// Case 15: params that do not fit in one of many ways. No handler sees them.
//
// clause: M8, T10
func TestCase15Params(t *testing.T) {
	d := serve(t, nil)
	l := d.open("unix")
	for _, params := range []string{
		`{}`, `[]`, `{"name":"a"}`, `{"n":1}`, `{"name":"a","n":null}`, `{"name":null,"n":1}`, `{"name":1,"n":1}`, `{"name":"a","n":"1"}`,
		`{"name":"a","n":true}`, `{"name":"a","n":[1]}`, `{"name":["a"],"n":1}`, `{"name":{"a":1},"n":1}`, `{"name":"a","n":1,"m":1}`,
	} {
		l.say(`{"id":1,"method":"probe.set","params":` + params + `}`)
		l.hears(`"name":"rpc.InvalidParams","params":{"faults":[{"path":"`)
	}
	for _, how := range []string{`"no"`, `""`, `"Panic"`, `null`, `1`} {
		l.say(`{"id":1,"method":"probe.fail","params":{"how":` + how + `}}`)
		l.hears(`"name":"rpc.InvalidParams","params":{"faults":[{"path":"how"`)
	}
	// A pattern that would take for ever where patterns go back, and a text to make it.
	all := `{"bool":true,"int":1,"int64":"1","uint64":"1","float":1,"string":"x","bytes":"","time":"2026-11-23T10:00:00Z","any":1,"list":[],` +
		`"map":{},"struct":{"n":1},"enum":"red","union":{"type":"circle","radius":1},"pattern":"` + strings.Repeat("a", 1<<20) + `!"}`
	l.say(`{"id":1,"method":"probe.types","params":{"v":` + all + `}}`)
	l.hears(`"path":"v.pattern"`)
	d.unset()
}

// Case 16: names that mean something to JavaScript are data.
func TestCase16Prototypes(t *testing.T) {
	d := serve(t, nil)
	l := d.open("unix")
	for _, name := range []string{"__proto__", "constructor", "prototype", "toString", "hasOwnProperty"} {
		l.say(`{"id":1,"method":"probe.put","params":{"name":"room","key":"` + name + `","n":7}}`)
		l.hears(pong)
	}
	l.say(`{"id":1,"method":"probe.rows","params":{"name":"room"}}`)
	var rows []struct {
		Key   string
		Value struct{ N int }
	}
	if err := json.Unmarshal(answer(t, l.hear()).Result, &rows); err != nil || len(rows) != 5 || rows[0].Value.N != 7 {
		t.Errorf("%v, %v", rows, err)
	}
	l.say(`{"id":1,"method":"probe.set","params":{"name":"a","n":1,"__proto__":{"n":2}}}`)
	l.hears(`"path":"__proto__"`)
	d.unset()
}
