package web_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/fxamacker/cbor/v2"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/web"
)

// dialSocket opens a WebSocket; token and origin may be empty.
func dialSocket(t *testing.T, s *served, token, origin string) *websocket.Conn {
	t.Helper()
	ws, answer, err := tryDial(t, s, token, origin)
	if err != nil {
		t.Fatal(err, answer)
	}
	return ws
}

func tryDial(t *testing.T, s *served, token, origin string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	head := http.Header{}
	if token != "" {
		head.Set("Authorization", "Bearer "+token)
	}
	if origin != "" {
		head.Set("Origin", origin)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, answer, err := websocket.Dial(ctx, "ws://localhost:"+s.port, &websocket.DialOptions{HTTPHeader: head})
	if err == nil {
		ws.SetReadLimit(16 << 20)
		t.Cleanup(func() { ws.CloseNow() })
	}
	return ws, answer, err
}

func say(t *testing.T, ws *websocket.Conn, text string) {
	t.Helper()
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, ws *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	kind, text, err := ws.Read(ctx)
	if err != nil || kind != websocket.MessageText {
		t.Fatalf("%v %q %v", kind, text, err)
	}
	return string(text)
}

func expect(t *testing.T, ws *websocket.Conn, want string) {
	t.Helper()
	if got := hear(t, ws); got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
}

// A WebSocket is a connection like others: all kinds, credit, cancel, both encodings.
//
// clause: H11
func TestSocket(t *testing.T) {
	s := serve(t, probe.New(), nil)
	ws := dialSocket(t, s, s.token, "")
	say(t, ws, " {\n\"jsonrpc\":\"2.0\",\"id\":1,\r\n\"method\":\"probe.echo\",\"params\":{\"text\":\"hi\"}}\n")
	expect(t, ws, `{"jsonrpc":"2.0","id":1,"result":{"text":"hi"}}`)
	say(t, ws, `{"id":2,"method":"probe.count","params":{"to":3},"window":2}`)
	expect(t, ws, `{"jsonrpc":"2.0","method":"rpc.item","params":{"id":2,"value":{"n":1}}}`)
	expect(t, ws, `{"jsonrpc":"2.0","method":"rpc.item","params":{"id":2,"value":{"n":2}}}`)
	say(t, ws, `{"id":3,"method":"rpc.ping"}`)
	expect(t, ws, `{"jsonrpc":"2.0","id":3,"result":{}}`)
	say(t, ws, `{"method":"rpc.more","params":{"id":2,"n":1}}`)
	expect(t, ws, `{"jsonrpc":"2.0","method":"rpc.item","params":{"id":2,"value":{"n":3}}}`)
	expect(t, ws, `{"jsonrpc":"2.0","id":2,"result":{}}`)
	say(t, ws, `{"id":4,"method":"probe.wait","params":{"name":"a"}}`)
	say(t, ws, `{"method":"rpc.cancel","params":{"id":4}}`)
	if got := hear(t, ws); !strings.Contains(got, `"rpc.Cancelled"`) {
		t.Fatal(got)
	}
	say(t, ws, `{"id":5,"method":"probe.letters","params":{"n":3000000}}`)
	if got := hear(t, ws); len(got) != 3_000_000+len(`{"jsonrpc":"2.0","id":5,"result":{"text":""}}`) {
		t.Fatalf("%d bytes", len(got))
	}
	say(t, ws, `{"id":6,"method":"probe.echo","params":{"text":"`+strings.Repeat("x", 9<<20)+`"}}`)
	if got := hear(t, ws); !strings.Contains(got, `"rpc.TooLarge"`) {
		t.Fatal(got)
	}
	if _, _, err := ws.Read(t.Context()); err == nil {
		t.Error("still there after a message that is too long")
	}
}

// clause: H11
func TestSocketCBOR(t *testing.T) {
	s := serve(t, probe.New(), nil)
	ws := dialSocket(t, s, s.token, "")
	write := func(m map[string]any) {
		raw, err := cbor.Marshal(m)
		if err == nil {
			err = ws.Write(t.Context(), websocket.MessageBinary, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func() (m map[string]any) {
		kind, raw, err := ws.Read(t.Context())
		if err != nil || kind != websocket.MessageBinary {
			t.Fatal(kind, err)
		}
		if err := cbor.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	write(map[string]any{"id": 1, "method": "probe.count", "params": map[string]any{"to": 2}, "window": 0})
	for range 2 {
		if m := read(); m["method"] != "rpc.item" {
			t.Fatal(m)
		}
	}
	if m := read(); m["id"] != uint64(1) || m["result"] == nil {
		t.Fatal(m)
	}
	write(map[string]any{"id": 2, "method": "probe.letters", "params": map[string]any{"n": 1_000_000}})
	if m := read(); len(m["result"].(map[any]any)["text"].(string)) != 1_000_000 {
		t.Fatal("not all letters came")
	}
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(`{"id":3,"method":"rpc.ping"}`)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
		t.Errorf("text after binary: %v", err)
	}
}

// A browser cannot send a bearer with its request, so it is the first message.
//
// clause: H11, K21
func TestSocketOfAStranger(t *testing.T) {
	s := serve(t, probe.New(), nil)
	ws := dialSocket(t, s, "", "http://localhost:"+s.port)
	say(t, ws, `{"id":1,"method":"rpc.auth","params":{"token":"`+s.token+`"}}`)
	expect(t, ws, `{"id":1,"result":{"you":{"name":"laptop","transport":"tcp","level":"write"}}}`)
	say(t, ws, `{"id":2,"method":"probe.echo","params":{"text":"hi"}}`)
	expect(t, ws, `{"id":2,"result":{"text":"hi"}}`)
	say(t, ws, `{"id":3,"method":"rpc.auth","params":{"token":"`+s.token+`"}}`)
	if got := hear(t, ws); !strings.Contains(got, `"rpc.InvalidRequest"`) {
		t.Errorf("rpc.auth again: %s", got)
	}

	const denied = `{"code":-32004,"message":"authenticate first","data":{"name":"rpc.Denied","params":{"needs":"auth","mechanism":"bearer"}}}`
	for name, first := range map[string]string{
		"a call":            `{"id":1,"method":"probe.echo","params":{"text":"hi"}}`,
		"what is not there": `{"id":1,"method":"probe.nosuch"}`,
		"an exchange":       `{"id":1,"method":"rpc.auth","params":{"mechanism":"SCRAM-SHA-256","data":"n,,n=nobody,r=abcdefgh"}}`,
		"both":              `{"id":1,"method":"rpc.auth","params":{"token":"2a.b","tokens":"2a.b"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			ws := dialSocket(t, s, "", "")
			say(t, ws, first)
			expect(t, ws, `{"id":1,"error":`+denied+`}`)
			if _, _, err := ws.Read(t.Context()); err == nil {
				t.Error("still there")
			}
		})
	}
	t.Run("too long", func(t *testing.T) {
		ws := dialSocket(t, s, "", "")
		say(t, ws, `{"id":1,"method":"rpc.auth","params":{"token":"`+strings.Repeat("x", 5<<10)+`"}}`)
		if got := hear(t, ws); !strings.Contains(got, `"rpc.TooLarge"`) {
			t.Error(got)
		}
	})
	if _, answer, err := tryDial(t, s, "2abc.wrong", ""); err == nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong bearer at the upgrade: %v %v", answer, err)
	}
}

// A bearer is for those who cannot do SCRAM, so nothing else may be asked for one.
//
// clause: K21
func TestNoBearerElsewhere(t *testing.T) {
	s := serve(t, probe.New(), nil)
	conn := s.dial(t, "tcp")
	io.WriteString(conn, `{"id":1,"method":"rpc.auth","params":{"token":"`+s.token+`"}}`+"\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), `"rpc.Denied"`) {
		t.Errorf("%s %v", answer, err)
	}
}

// clause: H1
func TestSocketOrigins(t *testing.T) {
	s := serve(t, probe.New(), &web.Options{Origins: []string{"http://localhost:5173"}})
	for _, test := range []struct {
		origin string
		ok     bool
	}{
		{"", true}, {"http://localhost:" + s.port, true}, {"http://localhost:5173", true},
		{"http://localhost:5174", false}, {"https://localhost:5173", false}, {"null", false}, {"http://evil.test", false},
		{"http://localhost:5173.evil.test", false}, {"http://evil.test:5173", false}, {"http://localhost", false},
		{"http://127.0.0.1:" + s.port, false},
	} {
		_, answer, err := tryDial(t, s, s.token, test.origin)
		if (err == nil) != test.ok || err != nil && answer.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %v %v", test.origin, answer, err)
		}
	}
}

// On a unix socket the kernel says who it is, unless a browser or a proxy asks.
//
// clause: H2, H11
func TestSocketOnUnix(t *testing.T) {
	s := serve(t, probe.New(), nil)
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", s.unix)
	}}}
	ws, _, err := websocket.Dial(t.Context(), "ws://localhost", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	say(t, ws, `{"id":1,"method":"probe.rule"}`)
	expect(t, ws, `{"id":1,"result":{}}`)
	if ws, _, err = websocket.Dial(t.Context(), "ws://localhost", &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: http.Header{"Origin": {"http://localhost"}},
	}); err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	say(t, ws, `{"id":1,"method":"probe.rule"}`)
	if got := hear(t, ws); !strings.Contains(got, `"mechanism":"bearer"`) {
		t.Error(got)
	}
}

// rawSocket does the handshake by hand and returns what follows.
func rawSocket(t *testing.T, s *served) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn := s.dial(t, "tcp")
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost:"+s.port+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+base64.StdEncoding.EncodeToString(make([]byte, 16))+"\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate\r\nAuthorization: Bearer "+s.token+"\r\n\r\n")
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(answer, err)
	}
	if got := answer.Header.Get("Sec-WebSocket-Extensions"); got != "" {
		t.Errorf("extensions %q", got)
	}
	return conn, r
}

// frame is one with a mask of zeros, which leaves the payload as it is.
func frame(first byte, payload string) string {
	if len(payload) > 125 {
		return string([]byte{first, 0x80 | 126, byte(len(payload) >> 8), byte(len(payload)), 0, 0, 0, 0}) + payload
	}
	return string([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
}

// What breaks RFC 6455 ends the connection, and nothing of it runs.
//
// clause: H11
func TestSocketFaults(t *testing.T) {
	s := serve(t, probe.New(), nil)
	const (
		text, more, binary1, closes, ping = 1, 0, 2, 8, 9
		fin                               = 0x80
	)
	for _, test := range []struct {
		name, sent string
		status     uint16 // of the close frame; 0: it may just close
	}{
		{"unmasked", string([]byte{fin | text, 2}) + "{}", 1002},
		{"reserved bit, as of deflate", frame(fin|0x40|text, "{}"), 1002},
		{"all reserved bits", frame(fin|0x70|text, "{}"), 1002},
		{"unknown kind", frame(fin|3, ""), 1002},
		{"unknown control", frame(fin|11, ""), 1002},
		{"a length of 2^63", string([]byte{fin | text, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 1002},
		{"a ping in pieces", frame(ping, "a"), 1002},
		{"a ping of 126 bytes", frame(fin|ping, strings.Repeat("x", 126)), 1002},
		{"a continuation of nothing", frame(fin|more, "{}"), 1002},
		{"a message within a message", frame(text, `{"id":1,`) + frame(fin|text, `"method":"probe.nothing"}`), 1002},
		{"a close of one byte", frame(fin|closes, "x"), 1002},
		{"a close with 1005", frame(fin|closes, "\x03\xed"), 1002},
		{"binary that is no CBOR", frame(fin|binary1, "hello"), 0},
		{"text that is no JSON", frame(fin|text, "hello"), 0},
		{"bad UTF-8", frame(fin|text, "{\"id\":1,\"method\":\"probe.nothing\xff\"}"), 0},
		{"bad UTF-8 across frames", frame(text, "{\"id\":1,\"method\":\"probe.nothing\xc3") + frame(fin|more, "\"}"), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, r := rawSocket(t, s)
			io.WriteString(conn, test.sent)
			for {
				head := make([]byte, 2)
				if _, err := io.ReadFull(r, head); err != nil {
					if test.status != 0 {
						t.Errorf("closed without a reason: %v", err)
					}
					return
				}
				n := int(head[1])
				if n == 126 {
					long := make([]byte, 2)
					io.ReadFull(r, long)
					n = int(binary.BigEndian.Uint16(long))
				}
				payload := make([]byte, n)
				if _, err := io.ReadFull(r, payload); err != nil {
					t.Fatal(err)
				}
				switch head[0] & 0xf {
				case closes:
					if got := binary.BigEndian.Uint16(payload); test.status != 0 && got != test.status {
						t.Errorf("status %d, want %d", got, test.status)
					}
					return
				case text, binary1:
					if strings.Contains(string(payload), `"result"`) {
						t.Fatalf("it ran: %s", payload)
					}
				}
			}
		})
	}
}
