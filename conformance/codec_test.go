package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/sabir-ipc/sabir/vectors"
)

// asJSON turns what encoding/json reads with UseNumber into the suite's values.
func asJSON(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && !strings.ContainsAny(v.String(), ".eE") {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = asJSON(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = asJSON(v[k])
		}
	}
	return v
}

// loose forgets the order of members, as encoding/json does.
func loose(v any) any {
	switch v := v.(type) {
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = loose(v[i])
		}
		return all
	case Object:
		m := make(map[string]any)
		for _, e := range v {
			m[e.Name] = loose(e.Value)
		}
		return m
	case Bytes:
		return v.text()
	}
	return v
}

var texts = []string{
	`{}`, `[]`, `null`, `true`, ` { "a" : [ 1 , -2.5e3, "\u00e4\ud83d\ude00\n\"\\\/" ] } `, `0`, `-0`, `-0.0`, `1e-7`, `9007199254740991`,
	`"ä€😀"`, `{"":{"":[]}}`, `01`, `+1`, `1.`, `.5`, `1e`, `"\x"`, `"\ud800"`, `"\udc00"`, "\"\x01\"", "\"\xff\"", `{"a":1,"a":2}`, `[1,]`, `{"a":1,}`,
	`{"a"}`, `{a:1}`, `nul`, `"`, `[`, `{`, `{} {}`, `tru`, `"\u12"`, `1e400`, `9007199254740992`, ``,
}

// The reading of JSON agrees with encoding/json on what is JSON; beyond that it
// refuses what the protocol does.
func TestJSON(t *testing.T) {
	stricter := map[string]bool{`"\ud800"`: true, `"\udc00"`: true, "\"\xff\"": true, `{"a":1,"a":2}`: true, `9007199254740992`: true, `1e400`: true}
	for _, text := range texts {
		got, err := parseJSON([]byte(text))
		var want any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		wantErr := d.Decode(&want)
		if wantErr == nil && d.More() {
			wantErr = &json.SyntaxError{}
		}
		switch {
		case stricter[text]:
			if err == nil {
				t.Errorf("%s: read as %v", text, got)
			}
		case (err == nil) != (wantErr == nil):
			t.Errorf("%s: %v, and encoding/json says %v", text, err, wantErr)
		case err == nil && !reflect.DeepEqual(loose(got), asJSON(want)):
			t.Errorf("%s: read as %#v, and encoding/json reads %#v", text, loose(got), want)
		case err == nil:
			again, err := parseJSON(appendJSON(nil, got))
			if err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("%s: written as %s", text, show(got))
			}
		}
	}
}

// What it reads and writes of CBOR is what another library does.
func TestCBOR(t *testing.T) {
	for _, text := range texts {
		v, err := parseJSON([]byte(text))
		if err != nil {
			continue
		}
		b := appendCBOR(nil, v)
		var theirs any
		if err := loosely.Unmarshal(b, &theirs); err != nil {
			t.Errorf("%s: % x: %v", text, b, err)
		}
		if got := fromCBOR(theirs); !reflect.DeepEqual(got, loose(v)) {
			t.Errorf("%s: they read %#v", text, got)
		}
		theirBytes, err := cbor.Marshal(theirs)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{b, theirBytes} {
			if got, err := parseCBOR(b); err != nil || !reflect.DeepEqual(loose(got), loose(v)) {
				t.Errorf("%s: % x read as %v, %v", text, b, got, err)
			}
		}
	}
	b := Bytes{[]byte("\x00\xff\x10"), true}
	if got, err := parseCBOR(appendCBOR(nil, b)); err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("bytes: %v, %v", got, err)
	}
	for bits := range 1 << 16 {
		var theirs float64
		raw := []byte{0xF9, byte(bits >> 8), byte(bits)}
		if err := cbor.Unmarshal(raw, &theirs); err != nil || math.IsNaN(theirs) || math.IsInf(theirs, 0) {
			continue
		}
		if got, err := parseCBOR(raw); err != nil || got != theirs {
			t.Fatalf("half % x: %v, %v, and they read %v", raw, got, err, theirs)
		}
	}
}

var loosely = func() cbor.DecMode {
	m, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

func fromCBOR(v any) any {
	switch v := v.(type) {
	case uint64:
		return int64(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case []any:
		for i := range v {
			v[i] = fromCBOR(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = fromCBOR(v[k])
		}
	}
	return v
}

// The frames that a peer must refuse are refused by the suite as well.
func TestFramesThatAreNone(t *testing.T) {
	text, err := vectors.FS.ReadFile("frames.tsv")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("close")) {
		t.Fatal("no frames")
	}
	rows, err := frames()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rows {
		var v any
		if f.enc == jsonLines {
			v, err = parseJSON([]byte(f.text))
		} else {
			raw, hexErr := hex.DecodeString(f.text)
			if hexErr != nil {
				t.Fatal(hexErr)
			}
			v, err = parseCBOR(raw)
		}
		if _, isObject := v.(Object); err == nil && !isObject {
			continue
		}
		// 2^53 as an id is no message, but for the suite no value either.
		if beyond := strings.Contains(f.about, "2^53") && f.does != "ok"; (err != nil) != (f.does == "close") && !beyond {
			t.Errorf("%s: a server does %q, and the suite: %v", f.about, f.does, err)
		}
	}
}
