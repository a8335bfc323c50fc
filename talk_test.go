package sabir_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/vectors"
)

// The conversations of vectors/ are played over every road, in both encodings.
// This end shares no codec with the library.
func TestTalks(t *testing.T) {
	files, err := vectors.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".talk") {
			continue
		}
		text, err := vectors.FS.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		head, steps, ok := strings.Cut(string(text), "\n\n")
		if !ok {
			t.Fatalf("%s: no blank line after the header", f.Name())
		}
		for _, r := range roads {
			for _, enc := range []string{"json", "cbor"} {
				if strings.Contains(head, "only: ") && !strings.Contains(head, "only: "+enc) {
					continue
				}
				if r.login && strings.Contains(head, "roads: local") || r.merge && strings.Contains(head, "roads: unmerged") || strings.Contains(steps, "--- half") && !r.half ||
					strings.Contains(steps, "rpc.export") && r.hub {
					continue
				}
				t.Run(strings.TrimSuffix(f.Name(), ".talk")+"/"+r.name+"/"+enc, func(t *testing.T) {
					t.Parallel()
					talk(t, r, enc, head, steps)
				})
			}
		}
	}
}

// talker is the client's end of a conversation.
type talker struct {
	t       *testing.T
	enc     string
	conn    io.ReadWriteCloser
	decode  func(into any) error
	names   map[string]any
	waiting map[string][]any // what came and was not expected yet, by call
}

func talk(t *testing.T, r road, enc, head, steps string) {
	line, as := strings.Count(head, "\n")+2, sabir.AccessAdmin
	if _, level, ok := strings.Cut(head, "\nas: "); ok {
		level, _, _ = strings.Cut(level, "\n")
		as = sabir.Access(level)
	}
	k := &talker{t: t, enc: enc, conn: r.open(t, probe.New(), as, enc), names: make(map[string]any), waiting: make(map[string][]any)}
	defer k.conn.Close()
	watchdog := time.AfterFunc(20*time.Second, func() { k.conn.Close() })
	defer watchdog.Stop()
	if enc == "json" {
		d := json.NewDecoder(k.conn)
		k.decode = func(into any) error { return d.Decode(into) }
	} else {
		if !r.login {
			k.write([]byte{0xD9, 0xD9, 0xF7})
		}
		d := cbor.NewDecoder(k.conn)
		k.decode = func(into any) error {
			var frame []byte
			if err := d.Decode(&frame); err != nil {
				return err
			}
			return looseCBOR.Unmarshal(frame, into)
		}
	}
	for text := range strings.Lines(steps) {
		line++
		text = strings.TrimRight(text, "\n")
		verb, rest, _ := strings.Cut(text, " ")
		t.Logf("%d: %s", line, text)
		switch verb {
		case "", "#":
		case "-->":
			k.write(k.message(rest))
		case "==>":
			if digits, ok := strings.CutPrefix(rest, "0x"); ok { // only JSON has any so far
				raw, err := hex.DecodeString(digits)
				if err != nil {
					t.Fatalf("line %d: %v", line, err)
				}
				k.write(append(raw, '\n'))
				break
			}
			k.write([]byte(strings.TrimSuffix(rest, `\r`) + map[bool]string{true: "\r\n", false: "\n"}[strings.HasSuffix(rest, `\r`)]))
		case "---":
			if err := k.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatalf("line %d: %v", line, err)
			}
		case "<--":
			if err := k.expect(rest); err != nil {
				t.Fatalf("line %d: %v", line, err)
			}
		default:
			t.Fatalf("line %d: no step %q", line, verb)
		}
	}
	for call, left := range k.waiting {
		if len(left) > 0 {
			t.Errorf("came and was not expected, of call %s: %v", call, left)
		}
	}
}

func (k *talker) write(b []byte) {
	if _, err := k.conn.Write(b); err != nil {
		k.t.Fatal(err)
	}
}

// looseCBOR reads into the same values as encoding/json does.
var looseCBOR = func() cbor.DecMode {
	m, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// message writes a message of the client in the encoding of the conversation.
func (k *talker) message(text string) []byte {
	for name, v := range k.names {
		b, _ := json.Marshal(v)
		text = strings.ReplaceAll(text, `"`+name+`"`, string(b))
	}
	if k.enc == "json" {
		return []byte(text + "\n")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	frame, err := cbor.Marshal(toCBOR(k.t, d))
	if err != nil {
		k.t.Fatal(err)
	}
	return frame
}

// toCBOR turns the next JSON value into CBOR, members in their order.
func toCBOR(t *testing.T, d *json.Decoder) (b []byte) {
	tok, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		b, _ = cbor.Marshal(numbers(tok))
		return b
	}
	n := 0
	for ; d.More(); n++ {
		b = append(b, toCBOR(t, d)...)
		if delim == '{' {
			b = append(b, toCBOR(t, d)...)
		}
	}
	d.Token()
	head, _ := cbor.Marshal(uint64(n))
	head[0] |= map[json.Delim]byte{'[': 0x80, '{': 0xA0}[delim]
	return append(head, b...)
}

// plain reads JSON into values with integers where integers are written.
func plain(t *testing.T, text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return numbers(v)
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

// expect waits for the next message of the same call as the one expected.
func (k *talker) expect(text string) error {
	if text == "close" {
		var v any
		if err := k.decode(&v); err == nil {
			return fmt.Errorf("expected the end, got %v", v)
		}
		return nil
	}
	if text == `"$_"` { // a line for people
		b := make([]byte, 1024)
		n, err := k.conn.Read(b)
		if !bytes.HasSuffix(b[:n], []byte("\n")) {
			return fmt.Errorf("expected a line, got %q, %v", b[:n], err)
		}
		return nil
	}
	want := plain(k.t, text)
	call := callOf(want)
	for len(k.waiting[call]) == 0 {
		got, err := k.read()
		if err != nil {
			return fmt.Errorf("expected %s: %v; waiting: %v", text, err, k.waiting)
		}
		k.waiting[callOf(got)] = append(k.waiting[callOf(got)], got)
	}
	got := k.waiting[call][0]
	k.waiting[call] = k.waiting[call][1:]
	return k.match("", want, got)
}

func (k *talker) read() (any, error) {
	if k.enc == "cbor" {
		var v any
		err := k.decode(&v)
		return cborPlain(v), err
	}
	var raw json.RawMessage
	if err := k.decode(&raw); err != nil {
		return nil, err
	}
	return plain(k.t, string(raw)), nil
}

// cborPlain gives CBOR's values the types that plain gives JSON's.
func cborPlain(v any) any {
	switch v := v.(type) {
	case uint64:
		return int64(v)
	case cbor.Tag:
		b, _ := v.Content.([]byte)
		return cborPlain(b)
	case []byte:
		b, _ := json.Marshal(v) // base64 text
		return strings.Trim(string(b), `"`)
	case []any:
		for i := range v {
			v[i] = cborPlain(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = cborPlain(v[k])
		}
	}
	return v
}

// callOf tells which call a message to the client belongs to.
func callOf(v any) string {
	m, _ := v.(map[string]any)
	if p, ok := m["params"].(map[string]any); ok && m["method"] != nil {
		return fmt.Sprintf("%T %v", p["id"], p["id"])
	}
	return fmt.Sprintf("%T %v", m["id"], m["id"])
}

func (k *talker) match(path string, want, got any) error {
	if name, ok := want.(string); ok && strings.HasPrefix(name, "$") {
		if known, ok := k.names[name]; ok && !reflect.DeepEqual(known, got) {
			return fmt.Errorf("%s: %s is %v, got %v", path, name, known, got)
		}
		if name != "$_" {
			k.names[name] = got
		}
		return nil
	}
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		for key := range g {
			if _, ok := want[key]; !ok {
				return fmt.Errorf("%s.%s: not expected: %v", path, key, g[key])
			}
		}
		for key := range want {
			if _, ok := g[key]; !ok {
				if key == "jsonrpc" && k.enc == "cbor" && path == "" {
					continue
				}
				return fmt.Errorf("%s.%s: missing in %v", path, key, g)
			}
			if err := k.match(path+"."+key, want[key], g[key]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			break
		}
		for i := range want {
			if err := k.match(fmt.Sprintf("%s[%d]", path, i), want[i], g[i]); err != nil {
				return err
			}
		}
		return nil
	default:
		if reflect.DeepEqual(want, got) || fmt.Sprint(want) == fmt.Sprint(got) {
			return nil
		}
	}
	return fmt.Errorf("%s: expected %v, got %v", path, want, got)
}

// The single frames, each to a server of its own.
func TestFrames(t *testing.T) {
	text, err := vectors.FS.ReadFile("frames.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(col) != 5 {
			t.Fatalf("%d columns: %q", len(col), line)
		}
		t.Run(col[1]+"/"+col[4], func(t *testing.T) { frame(t, col[1], col[2], col[3]) })
	}
}

func frame(t *testing.T, enc, does, text string) {
	k := &talker{t: t, enc: enc, conn: roads[0].open(t, probe.New(), sabir.AccessAdmin, enc), names: make(map[string]any), waiting: make(map[string][]any)}
	defer k.conn.Close()
	ping := []byte(`{"id":"fence","method":"rpc.ping"}` + "\n")
	body := []byte(text + "\n")
	if enc == "cbor" {
		raw, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		body, _ = cbor.Marshal(raw)
		body = append([]byte{0xD9, 0xD9, 0xF7}, body...)
		d := cbor.NewDecoder(k.conn)
		k.decode = func(into any) error {
			var frame []byte
			if err := d.Decode(&frame); err != nil {
				return err
			}
			return looseCBOR.Unmarshal(frame, into)
		}
		ping = k.message(string(ping))
	} else {
		body = append([]byte(`{"method":"rpc.none"}`+"\n"), body...) // so that the first byte is a {
		d := json.NewDecoder(k.conn)
		k.decode = func(into any) error { return d.Decode(into) }
	}
	go func() { k.conn.Write(append(body, ping...)) }()
	refused, closed := "", false
	for {
		v, err := k.read()
		if err != nil {
			closed = true
			break
		}
		m := v.(map[string]any)
		if m["id"] == "fence" {
			break
		}
		if e, ok := m["error"].(map[string]any); ok && fmt.Sprint(e["code"]) == "-32600" {
			member, _ := e["data"].(map[string]any)["params"].(map[string]any)["member"].(string)
			refused = "refuse:" + member
		}
	}
	got := "ok"
	switch {
	case closed:
		got = "close"
	case refused != "":
		got = refused
	}
	if got != does {
		t.Errorf("expected %s, got %s", does, got)
	}
}
