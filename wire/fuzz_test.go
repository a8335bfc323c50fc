package wire

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// frames are messages of every sort, good and bad, for the fuzzers to start from.
var frames = []string{
	echoRequest, echoResponse, echoItem,
	`{"jsonrpc":"2.0","id":"a","method":"m.x","params":[],"window":64,"since":{"epoch":"k3v9","seq":120},"timeout":0.5,"trace":"00-1","caller":{}}`,
	`{"id":2,"error":{"code":1,"message":"no room \"dev\"","data":{"name":"lounge.NoSuchRoom","params":{"room":"dev"}}}}`,
	`{"id":2,"error":{"code":1e999,"message":""}}`, `{"id":2,"error":{"code":9007199254740993,"message":""}}`,
	`{"method":"rpc.item","params":{"id":7,"seq":121,"lost":-1,"value":{"at":"2026-11-23T10:00:00Z"}}}`,
	`{"id":null,"method":"x.y","params":null}`, `{"id":1,"id":1}`, `{"m\u0065thod":"a\ud83d\ude00","method":1}`,
	`{"id":7,"result":[1,-0,1.0,1e400,9007199254740992,"\u0000",null,true,{}]}`, `{}`, `{"":{"":{"":[]}}}`, `[{}]`, `{"a":"\ud800"}`,
	"{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}", `{"a":1}{"b":2}`, " {\t\"a\"\r\n:1 } ", `{"a":00}`, `{"a":1.}`, `{"a":-}`, `{"a":"żółw 🐢 and more text"}`,
	`{"a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, `{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
	`{"k0":0,"k1":0,"k2":0,"k3":0,"k4":0,"k5":0,"k6":0,"k7":0,"k8":0,"k9":0,"ka":0,"kb":0,"kc":0,"kd":0,"ke":0,"kf":0,"kg":{"k1":1},"k1":0}`,
}

func FuzzJSONFrame(f *testing.F) {
	for _, s := range frames {
		f.Add([]byte(s))
	}
	files, _ := filepath.Glob("testdata/third_party/JSONTestSuite/test_parsing/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 1000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		depth, valid := jsonOracle(b)
		good := valid && depth <= MaxDepth
		p := Parser{Enc: JSON}
		if err := p.Check(b); (err == nil) != good {
			t.Fatalf("%q: valid %v, depth %d, got %v", b, valid, depth, err)
		}
		space := skipSpace(b, 0)
		parseAny(t, &p, b, good && b[space] == '{')
	})
}

func FuzzCBORFrame(f *testing.F) {
	for _, s := range frames {
		if p := (Parser{Enc: JSON}); p.Check([]byte(s)) == nil {
			if b, err := (Value{JSON, []byte(s)}).Append(nil, CBOR); err == nil {
				f.Add(b)
			}
		}
	}
	for _, s := range []string{
		"a1626964d81658200102", "a16161d64101", "a16161d741ff", "a161615f4101ff", "bf61610aff", "a1616" + "1f7", "a16161f97e00", "a16161f93c00",
		"a16161fa7f800000", "a2616101616102", "a10101", "a161619b00ffffffffffffff", "5bffffffffffffffff", "bb7fffffffffffffff", "a1616162c328",
		"a161611bffffffffffffffff", "a161613bffffffffffffffff", "a16161c249010000000000000000", "a16161f818", "a1780161" + "00", "d9d9f7a0", "a0", "a000",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(s, err)
		}
		f.Add(b)
	}
	for _, text := range []string{echoRequest, echoResponse, echoItem} {
		f.Add(turned(f, text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sameSkim(t, b)
		oracle := cborOracle(b)
		p := Parser{Enc: CBOR}
		if err := p.Check(b); (err == nil) != (oracle == nil) {
			t.Fatalf("%x: oracle says %v, got %v", b, oracle, err)
		}
		parseAny(t, &p, b, oracle == nil && b[0]>>5 == majorMap)
	})
}

// parseAny parses a frame of which is known whether it is a strict object, and
// writes what it got.
func parseAny(t *testing.T, p *Parser, b []byte, strict bool) {
	var m Message
	err := p.Parse(b, &m)
	var syntax *SyntaxError
	if errors.As(err, &syntax) == strict {
		t.Fatalf("%q: strict %v, got %v", b, strict, err)
	}
	if syntax != nil && (syntax.Offset < 0 || syntax.Offset > len(b) || syntax.Reason == "") {
		t.Fatalf("%q: %+v", b, syntax)
	}
	var shape *ShapeError
	if errors.As(err, &shape) && (shape.Reason == "" || shape.ID.IsZero()) {
		t.Fatalf("%q: %+v", b, shape)
	}
	if err != nil {
		return
	}
	sameOtherwise(t, p.Enc, b)
	var it Item
	var l Live
	if ParseItem(m.Params, &it) && it.ID.IsZero() || ParseLive(m.Params, &l) && l.ID.IsZero() {
		t.Fatalf("%q: a note without id", b)
	}
	ParseMore(m.Params)
	ParseCancel(m.Params)
	again := rewrite(t, p.Enc, &m)
	var n Message
	if err := p.Parse(again, &n); err != nil {
		t.Fatalf("%q was written as %q: %v", b, again, err)
	}
	if got, want := show(&n), show(&m); got != want {
		t.Fatalf("%q was written as %q:\n%s\n%s", b, again, want, got)
	}
}
