package conformance

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// mended changes what a peer writes, as a fault in its codec would.
type mended struct {
	io.ReadWriteCloser
	change func([]byte) []byte
	ready  []byte
	raw    []byte
	enc    string
}

func (m *mended) CloseWrite() error {
	return m.ReadWriteCloser.(interface{ CloseWrite() error }).CloseWrite()
}

func (m *mended) Read(b []byte) (int, error) {
	for len(m.ready) == 0 {
		chunk := make([]byte, 64<<10)
		n, err := m.ReadWriteCloser.Read(chunk)
		m.raw = append(m.raw, chunk[:n]...)
		m.cut()
		if err != nil && len(m.ready) == 0 {
			m.ready, m.raw = m.raw, nil
			if len(m.ready) == 0 {
				return 0, err
			}
		}
	}
	n := copy(b, m.ready)
	m.ready = m.ready[n:]
	return n, nil
}

// cut takes whole messages out of what was read and changes them.
func (m *mended) cut() {
	if m.enc == jsonLines {
		for {
			i := bytes.IndexByte(m.raw, '\n')
			if i < 0 {
				return
			}
			m.ready = append(append(m.ready, m.change(bytes.Clone(m.raw[:i]))...), '\n')
			m.raw = m.raw[i+1:]
		}
	}
	for {
		if bytes.HasPrefix(m.raw, magic) {
			m.ready, m.raw = append(m.ready, magic...), m.raw[len(magic):]
		}
		r := &cborReader{m.raw}
		_, _, size, err := r.head()
		if err != nil || uint64(len(r.b)) < size {
			return
		}
		body := m.change(bytes.Clone(r.b[:size]))
		m.ready = append(append(m.ready, appendHead(nil, 2, uint64(len(body)))...), body...)
		m.raw = r.b[size:]
	}
}

// slow is a connection of a machine that has much else to do.
type slow struct{ *mended }

func (s slow) Write(b []byte) (int, error) {
	time.Sleep(300 * time.Millisecond)
	return s.mended.Write(b)
}

// A peer may close when nothing could be sent for 10 s [O5], so a suite that takes as
// long to ask for all that it will not read would find fault with a right one.
func TestUnreadWhereAllIsSlow(t *testing.T) {
	r, err := Run(t.Context(), peer(t), &Options{
		Only: "service/json/unread",
		wrap: func(rw io.ReadWriteCloser, enc string) io.ReadWriteCloser {
			return slow{&mended{ReadWriteCloser: rw, enc: enc, change: func(b []byte) []byte { return b }}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if r.WriteText(&text, false); !r.OK() {
		t.Error(text.String())
	}
}

// Each fault that is planted in what the peer writes is found, and the report
// names the clause.
func TestPlantedFaults(t *testing.T) {
	command := peer(t)
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(new)) }
	}
	for _, fault := range []struct {
		name, enc, only, clause string
		change                  func([]byte) []byte
	}{
		{"a comma too many", jsonLines, "service/json/types", "M14", replace(`"result":{`, `"result":{,`)},
		{"a name twice", jsonLines, "service/json/errors", "M14", replace(`"code":1,`, `"code":1,"code":1,`)},
		{"bad UTF-8", jsonLines, "service/json/types", "M14", replace("€", "\xe2\x82")},
		{"int64 as a number", jsonLines, "service/json/types", "T1", replace(`"uint64":"18446744073709551615"`, `"uint64":1844674407370955`)},
		{"base64 without padding", jsonLines, "service/json/bytes", "T3", replace(`="`, `"`)},
		{"an integer as a float", jsonLines, "service/json/topic", "S3", replace(`"seq":1,`, `"seq":1.0,`)},
		{"time with an offset", jsonLines, "service/json/types", "T1", replace(`10:00:00.5Z"`, `10:00:00.5+00:00"`)},
		{"ids as texts", jsonLines, "client/json/call", "M2", replace(`"id":1,`, `"id":[1],`)},
		{"a member that is none", jsonLines, "client/json/call", "M1", replace(`"method":`, `"extra":1,"method":`)},
		{"a loss told twice", jsonLines, "service/json/loss", "S13", replace(`"seq":1,`, `"seq":1,"lost":-1,`)},
		{"a long epoch", jsonLines, "service/json/loss", "S9", replace(`"epoch":"`, `"epoch":"0123456789abcdef0123456789`)},
		{"a counter that stands still", jsonLines, "service/json/stats", "R4", replace(`"items":3`, `"items":0`)},
		{"a limit by another name", jsonLines, "service/json/of-rpc", "R2", replace(`"window":`, `"windows":`)},
		{"an end of another name", jsonLines, "frame/json/NaN", "M14", replace("-32700", "-32600")},
		{"tag 0 for time", cborItems, "service/cbor/types", "C2", replace("\x64time\x76", "\x64time\xc0\x76")},
		{"bytes without tag 22", cborItems, "service/cbor/bytes", "C3", replace("\xd6\x59", "\x59")},
		{"a map of indefinite length", cborItems, "service/cbor/least", "C2", func(b []byte) []byte { return append(append([]byte{0xBF}, b[1:]...), 0xFF) }},
		{"integers as floats", cborItems, "service/cbor/least", "L1", replace("\x61n\x05", "\x61n\xf9\x45\x00")},
		{"text as bytes", cborItems, "service/cbor/errors", "E1", replace("\x67message\x6b", "\x67message\x4b")},
		{"a length that lies", cborItems, "client/cbor/call", "C2", func(b []byte) []byte { return b[:len(b)-1] }},
		{"bytes as text", cborItems, "client/cbor/unknown-case", "C3", replace("\xd6\x43\x00\xff\x10", "\x64AP8Q")},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(context.Background(), command, &Options{
				Only: fault.only, Patience: 3 * time.Second,
				wrap: func(rw io.ReadWriteCloser, enc string) io.ReadWriteCloser {
					return &mended{ReadWriteCloser: rw, enc: enc, change: fault.change}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			r.WriteText(&text, false)
			if r.OK() {
				t.Fatalf("not found:\n%s", &text)
			}
			for _, result := range r.Results {
				if result.Fault != nil && !strings.HasPrefix(result.Fault.Clause, fault.clause) {
					t.Errorf("found as [%s] and not as [%s]:\n%s", result.Fault.Clause, fault.clause, &text)
				}
			}
		})
	}
}
