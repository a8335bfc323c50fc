package wire

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Each row is the same value in JSON and in CBOR, turned over both ways.
//
// clause: C4, C5, T1
func TestTurnOver(t *testing.T) {
	for _, test := range []struct{ json, cbor, back string }{
		{"null", "f6", ""}, {"true", "f5", ""}, {"false", "f4", ""},
		{"0", "00", ""}, {"-0", "00", "0"}, {"23", "17", ""}, {"24", "1818", ""}, {"-25", "3818", ""}, {"65536", "1a00010000", ""},
		{"9007199254740991", "1b001fffffffffffff", ""}, {"-9007199254740991", "3b001ffffffffffffe", ""},
		{"1.0", "fa3f800000", ""}, {"-0.0", "fa80000000", ""}, {"1e3", "fa447a0000", "1000.0"}, {"0.1", "fb3fb999999999999a", ""},
		{"9007199254740992.0", "fa5a000000", ""}, {"1e21", "fb444b1ae4d6e2ef50", "1e+21"}, {"5e-324", "fb0000000000000001", ""},
		{"1.7976931348623157e308", "fb7fefffffffffffff", "1.7976931348623157e+308"}, {"1e-400", "fa00000000", "0.0"},
		{`""`, "60", ""}, {`"żó"`, "64c5bcc3b3", ""}, {`"\ud83d\ude00\u0000\/"`, "66f09f9880002f", "\"😀\\u0000/\""}, {`"\b\f\n\r\t\"\\"`, "67080c0a0d09225c", `"\u0008\u000c\n\r\t\"\\"`},
		{"[]", "80", ""}, {"[[],{}]", "8280a0", ""}, {`{"":1,"b":[2]}`, "a260016162" + "8102", ""},
		{"[" + strings.Repeat("1,", 23) + "1]", "9818" + strings.Repeat("01", 24), ""},
		{"[" + strings.Repeat("[1,1],", 299) + "[1,1]]", "99012c" + strings.Repeat("820101", 300), ""},
	} {
		raw, err := (Value{JSON, []byte(test.json)}).Append([]byte("x"), CBOR)
		if err != nil || hex.EncodeToString(raw[1:]) != test.cbor {
			t.Errorf("%s: %x %v, want %s", test.json, raw, err, test.cbor)
			continue
		}
		want := test.back
		if want == "" {
			want = test.json
		}
		if text, err := (Value{CBOR, raw[1:]}).Append([]byte("x"), JSON); err != nil || string(text[1:]) != want {
			t.Errorf("%s: %s %v, want %s", test.cbor, text, err, want)
		}
	}
}

// clause: C3, C4
func TestTurnOverOneWay(t *testing.T) {
	for _, test := range []struct{ cbor, json string }{
		{"d643010203", `"AQID"`}, {"43010203", `"AQID"`}, {"d640", `""`}, {"41ff", `"/w=="`},
		{"1800", "0"}, {"1b0000000000000001", "1"}, {"f93c00", "1.0"}, {"f98000", "-0.0"}, {"f90001", "5.960464477539063e-08"}, {"fb3ff0000000000000", "1.0"},
	} {
		b, _ := hex.DecodeString(test.cbor)
		if text, err := (Value{CBOR, b}).Append(nil, JSON); err != nil || string(text) != test.json {
			t.Errorf("%s: %s %v, want %s", test.cbor, text, err, test.json)
		}
	}
	for _, v := range []Value{
		{JSON, []byte("9007199254740992")}, {JSON, []byte("-9007199254740992")}, {JSON, []byte("1e400")}, {JSON, []byte("-1e400")},
		{JSON, []byte("123456789012345678901")}, {JSON, []byte("18446744073709551616")}, {CBOR, []byte("\x1b\x00\x20\x00\x00\x00\x00\x00\x00")},
		{CBOR, []byte("\x3b\x00\x1f\xff\xff\xff\xff\xff\xff")}, {CBOR, []byte("\x1b\xff\xff\xff\xff\xff\xff\xff\xff")}, {CBOR, []byte("\x3b\xff\xff\xff\xff\xff\xff\xff\xff")},
	} {
		if b, err := v.Append(nil, 1-v.Enc); err == nil {
			t.Errorf("%v %q became %q", v.Enc, v.Raw, b)
		}
	}
}

// clause: T1
func TestNumbers(t *testing.T) {
	for _, test := range []struct {
		text string
		want Num
	}{
		{"0", Num{IsInt: true}}, {"-0", Num{IsInt: true}}, {"-7", Num{Int: -7, Float: -7, IsInt: true}},
		{"9007199254740991", Num{Int: MaxInt, Float: MaxInt, IsInt: true}},
		{"9007199254740992", Num{Float: 1 << 53, IsInt: true, Big: true}},
		{"-18446744073709551617", Num{Float: -(1 << 64), IsInt: true, Big: true}},
		{"1" + strings.Repeat("0", 400), Num{Float: math.Inf(1), IsInt: true, Big: true}},
		{"1.5e1", Num{Float: 15}}, {"1E2", Num{Float: 100}}, {"-1e400", Num{Float: math.Inf(-1), Big: true}},
	} {
		for _, around := range []string{"", " ", ",", "]", "}"} {
			c := Cursor{Buf: []byte(test.text + around)}
			if got := c.Number(); got != test.want || c.Pos != len(test.text) {
				t.Errorf("%s: %+v up to %d", test.text+around, got, c.Pos)
			}
		}
	}
}

// clause: T3, C3
func TestBase64(t *testing.T) {
	for _, test := range []struct {
		text string
		want string
		ok   bool
	}{
		{`""`, "", true}, {`"AQID"`, "\x01\x02\x03", true}, {`"AQ=="`, "\x01", true}, {`"AQI="`, "\x01\x02", true}, {`"A\u0051=="`, "\x01", true}, {`"+\/8="`, "\xfb\xff", true},
		{`"AQ"`, "", false}, {`"AQ="`, "", false}, {`"AQI"`, "", false}, {`"A"`, "", false}, {`"AQID="`, "", false}, {`"AR=="`, "", false}, {`"AQJ="`, "", false},
		{`"-_8="`, "", false}, {`" AQID"`, "", false}, {`"AQ ID"`, "", false}, {`"AQ\nID"`, "", false}, {`"AQID\r\n"`, "", false}, {`"AQ==AQ=="`, "", false}, {`"żółw"`, "", false},
	} {
		c := Cursor{Buf: []byte(test.text)}
		got, ok := c.Bytes(nil)
		if ok != test.ok || ok && string(got) != test.want || c.Pos != len(test.text) {
			t.Errorf("%s: %q %v, up to %d", test.text, got, ok, c.Pos)
		}
	}
}

// Strings of every length around the words of eight bytes, with something
// special at every place.
func TestStringsByWords(t *testing.T) {
	for n := range 70 { // beyond shortText
		for at := range n + 1 {
			for _, special := range []string{"", `"`, `\`, "\n", "\x00", "\x1f", " ", "!", "#", "[", "]", "\x7f", "ż", "€", "😀", "\u0080", "\ufffd", "\xff", "\x80", "\xed\xa0\x80", "\xa0", "\xdc"} {
				s := strings.Repeat("a", at) + special + strings.Repeat("b", n-at)
				for _, enc := range bothEncodings {
					b, ok := AppendString(append(make([]byte, 0, 1), 'x'), enc, s)
					also, _ := AppendString(append(make([]byte, 0, 100), 'x'), enc, []byte(s)) // where there is room
					if !bytes.Equal(b, also) {
						t.Fatalf("%q: %q and %q", s, b, also)
					}
					if valid := strings.ToValidUTF8(s, "?") == s; ok != valid || !ok && string(b) != "x" {
						t.Fatalf("%q: %q %v", s, b, ok)
					}
					p := Parser{Enc: enc}
					if !ok {
						raw := []byte(`"` + s + `"`)
						if enc == CBOR {
							raw = append([]byte{0x60 + byte(len(s))}, s...)
						}
						if len(s) < 24 && p.Check(raw) == nil {
							t.Fatalf("%q was accepted", raw)
						}
						continue
					}
					if err := p.Check(b[1:]); err != nil {
						t.Fatalf("%q: %v", b, err)
					}
					c := Cursor{Enc: enc, Buf: b[1:]}
					if got := c.Text(); string(got) != s || c.Pos != len(b)-1 {
						t.Fatalf("%q became %q and %q", s, b, got)
					}
					c.Pos = 0
					if v := c.Skip(); len(v.Raw) != len(b)-1 {
						t.Fatalf("%q: skipped %q", b, v.Raw)
					}
				}
			}
		}
	}
}

// clause: B4
func TestTurningDeepListsIsLinear(t *testing.T) {
	flat := "[" + strings.Repeat("1,", 200_000) + "1]"
	deep := strings.Repeat("[", 60) + flat + strings.Repeat("]", 60)
	var p Parser
	if err := p.Check([]byte(deep)); err != nil {
		t.Fatal(err)
	}
	a, err := (Value{JSON, []byte(flat)}).Append(nil, CBOR)
	if err != nil {
		t.Fatal(err)
	}
	b, err := (Value{JSON, []byte(deep)}).Append(nil, CBOR)
	if err != nil || len(b) != len(a)+60 || !bytes.HasSuffix(b, a) {
		t.Error(len(a), len(b), err)
	}
	cbor := Parser{Enc: CBOR}
	if err := cbor.Check(b); err != nil {
		t.Error(err)
	}
}

// clause: C4
func TestFloatsThatThereAreNot(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, enc := range bothEncodings {
			if b, ok := AppendFloat([]byte("x"), enc, f); ok || string(b) != "x" {
				t.Errorf("%v: %q", f, b)
			}
		}
	}
}

// A float in JSON has the fewest digits that tell it, however it came by them.
func TestFloatsAreShort(t *testing.T) {
	check := func(f float64) {
		if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) >= 1e21 || f != 0 && math.Abs(f) < 1e-6 {
			return
		}
		want := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(want, ".") {
			want += ".0"
		}
		if got, ok := AppendFloat(nil, JSON, f); !ok || string(got) != want {
			t.Fatalf("%v was written as %s, want %s", f, got, want)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		check(math.Float64frombits(random.Uint64()))
		digits, decimals := random.Int64N(1e15)>>random.IntN(50), random.IntN(9)
		f := float64(digits) / math.Pow10(decimals)
		for _, f := range []float64{f, -f, math.Nextafter(f, 0), math.Nextafter(f, 1e21), math.Float64frombits(math.Float64bits(f) ^ 2)} {
			check(f)
		}
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1e-6, 0.000001, 1e14, 1e14 - 1, 99999999999999.9, 1e15, 1 << 53, 0.1, 0.3, 0.1 + 0.2, 1. / 3, 123456.789} {
		check(f)
		check(-f)
	}
}

func TestWalking(t *testing.T) {
	text := ` { "a" : [ 1 , "x\"]" , { } , [ ] ] , "b\n" : null , "c" : true } `
	for _, v := range []Value{{JSON, []byte(text)}, {CBOR, turned(t, text)}} {
		c := v.Cursor()
		if c.Kind() != Map || c.Count() != 3 || c.Empty() {
			t.Fatal(v.Enc)
		}
		var got strings.Builder
		for it := c.Open(); c.More(&it); {
			got.Write(c.Key())
			if kind := c.Kind(); kind == List {
				if c.Count() != 4 {
					t.Error(c.Count())
				}
				for it := c.Open(); c.More(&it); {
					got.WriteString(" " + c.Kind().String())
					c.Skip()
				}
			} else {
				got.WriteString(" " + kind.String())
				c.Skip()
			}
			got.WriteByte(';')
		}
		if got.String() != "a a number a string an object a list;b\n null;c a boolean;" {
			t.Errorf("%v: %q", v.Enc, got.String())
		}
	}
}

func TestIDs(t *testing.T) {
	for _, test := range []struct {
		id         ID
		text, json string
	}{
		{IntID(7), "7", "7"}, {StringID(`a"`), `"a\""`, `"a\""`}, {NullID, "null", "null"}, {ID{}, "none", "null"},
	} {
		if test.id.String() != test.text || string(test.id.Append(nil, JSON)) != test.json {
			t.Errorf("%+v: %s %s", test.id, test.id, test.id.Append(nil, JSON))
		}
	}
	if IntID(0).IsZero() || !(ID{}).IsZero() || !NullID.IsNull() || StringID("") == NullID || StringID("7") == IntID(7) {
		t.Error("ids are mixed up")
	}
}
