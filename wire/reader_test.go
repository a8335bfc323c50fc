package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// stream frames texts as a peer would.
func stream(tb testing.TB, enc Encoding, texts ...string) []byte {
	tb.Helper()
	var b []byte
	for _, text := range texts {
		if enc == JSON {
			b = append(append(b, text...), '\n')
		} else {
			b = append(appendHead(b, majorBytes, uint64(len(text))), text...)
		}
	}
	return b
}

func wantFrames(t *testing.T, r *Reader, want ...string) {
	t.Helper()
	for i, w := range want {
		frame, err := r.Next()
		if err != nil || string(frame) != w {
			t.Fatalf("frame %d: %.60q %v, want %.60q", i, frame, err, w)
		}
	}
	if frame, err := r.Next(); err != io.EOF {
		t.Fatalf("%.60q %v, want the end", frame, err)
	}
}

// pieces gives what it holds piece by piece, with an error between each two.
type pieces struct {
	parts   [][]byte
	between error
	due     bool
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.due && p.between != nil {
		p.due = false
		return 0, p.between
	}
	p.due = true
	for len(p.parts) > 0 && len(p.parts[0]) == 0 {
		p.parts = p.parts[1:]
	}
	if len(p.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.parts[0])
	p.parts[0] = p.parts[0][n:]
	return n, nil
}

// lender is pieces as a socket that has nothing at first, each time.
type lender struct{ *pieces }

func (l lender) ReadLent(lend func() []byte, back func()) (int, error) {
	lend()
	back()
	return l.Read(lend())
}

// readers are those of the same bytes, plain and lent.
func readers(p pieces, enc Encoding, max int) []*Reader {
	lent, plain := p, p
	lent.parts, plain.parts = slices.Clone(p.parts), slices.Clone(p.parts)
	r := NewReader(lender{&lent}, enc, max)
	r.SetLender(lender{&lent})
	return []*Reader{NewReader(&plain, enc, max), r}
}

var bothEncodings = []Encoding{JSON, CBOR}

// However a stream is cut, its frames are the same.
//
// clause: F1, C1
func TestReaderCuts(t *testing.T) {
	texts := []string{`{"a":1}`, strings.Repeat("x", 300), `{"b":[2]}`}
	for _, enc := range bothEncodings {
		all := stream(t, enc, texts...)
		for i := range all {
			for _, r := range readers(pieces{parts: [][]byte{all[:i:i], all[i:]}}, enc, 1000) {
				wantFrames(t, r, texts...)
			}
		}
		wantFrames(t, NewReader(iotest.OneByteReader(bytes.NewReader(all)), enc, 1000), texts...)
		wantFrames(t, NewReader(iotest.DataErrReader(bytes.NewReader(all)), enc, 1000), texts...)
	}
}

func TestReaderManyInOneRead(t *testing.T) {
	for _, enc := range bothEncodings {
		var texts []string
		for i := range 1000 {
			texts = append(texts, fmt.Sprintf(`{"id":%d,"method":"a.b"}`, i))
		}
		wantFrames(t, NewReader(bytes.NewReader(stream(t, enc, texts...)), enc, 1000), texts...)
	}
}

// clause: F1
func TestReaderLines(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"\n\r\n\n", nil},
		{" \t\r\n \n", nil},
		{"{}\n", []string{"{}"}},
		{"{}\r\n{}\n", []string{"{}", "{}"}},
		{"\n\n{}\n\n{}\n\n", []string{"{}", "{}"}},
		{"{}", []string{"{}"}},
		{"{}\r", []string{"{}"}},
		{"{}\n{", []string{"{}", "{"}},
		{"{}\n  ", []string{"{}"}},
		{"{}\r\r\n", []string{"{}\r"}},
		{" {} \n", []string{" {} "}},
	} {
		wantFrames(t, NewReader(strings.NewReader(test.in), JSON, 100), test.want...)
		wantFrames(t, NewReader(iotest.OneByteReader(strings.NewReader(test.in)), JSON, 100), test.want...)
	}
}

// endless never stops, and counts what it gave.
type endless struct {
	c byte
	n int
}

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = e.c
	}
	e.n += len(b)
	return len(b), nil
}

// clause: B2, B4
func TestReaderLimit(t *testing.T) {
	const limit = 100_000
	for _, enc := range bothEncodings {
		text := strings.Repeat("x", limit)
		wantFrames(t, NewReader(bytes.NewReader(stream(t, enc, text, text)), enc, limit), text, text)
		for _, in := range []io.Reader{
			bytes.NewReader(stream(t, enc, text+"x")),
			iotest.OneByteReader(bytes.NewReader(stream(t, enc, text+"x"))),
		} {
			r := NewReader(in, enc, limit)
			var size *SizeError
			if _, err := r.Next(); !errors.As(err, &size) || size.Limit != limit {
				t.Errorf("%v: %v", enc, err)
			}
		}
	}
	e := &endless{c: 'x'}
	r := NewReader(e, JSON, limit)
	var size *SizeError
	if _, err := r.Next(); !errors.As(err, &size) || e.n > 4*limit || len(r.buf) > 4*limit {
		t.Errorf("%v after %d bytes in %d", err, e.n, len(r.buf))
	}
	blank := &endless{c: '\n'}
	if allocated(func() { NewReader(io.LimitReader(blank, 10<<20), JSON, limit).Next() }) > 64<<10 {
		t.Error("blank lines take memory")
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// An announced length takes no memory.
//
// clause: B4, C1
func TestReaderHeads(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "message over 8388608 bytes"},
		{"\x5b\x00\xff\xff\xff\xff\xff\xff\xff", "message over 8388608 bytes"},
		{"\x5a\x00\x80\x00\x01", "message over 8388608 bytes"},
		{"\x5a\x00\x80\x00\x00{", "not strict CBOR: the stream ends in a message at byte 6"},
		{"\x5f\x41a\xff", "not strict CBOR: indefinite length at byte 0"},
		{"\x5c", "not strict CBOR: reserved head at byte 0"},
		{"\xa0", "not strict CBOR: a message is a byte string at byte 0"},
		{"\x9b\x00", "not strict CBOR: a message is a byte string at byte 0"},
		{"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", "not strict CBOR: a message is a byte string at byte 0"},
		{"{}\n", "not strict CBOR: a message is a byte string at byte 0"},
		{"\x58", "not strict CBOR: the stream ends in a message at byte 1"},
		{"\x41", "not strict CBOR: the stream ends in a message at byte 1"},
		{"", "EOF"},
	} {
		var err error
		n := allocated(func() { _, err = NewReader(strings.NewReader(test.in), CBOR, 8<<20).Next() })
		if err == nil || err.Error() != test.want || n > 16<<10 {
			t.Errorf("%q: %v, %d bytes allocated; want %s", test.in, err, n, test.want)
		}
	}
	wantFrames(t, NewReader(strings.NewReader("\x40\x41a\x58\x01b\x59\x00\x01c\x5a\x00\x00\x00\x01d\x5b\x00\x00\x00\x00\x00\x00\x00\x01e"), CBOR, 10),
		"", "a", "b", "c", "d", "e")
}

// After a deadline nothing is lost.
func TestReaderDeadline(t *testing.T) {
	texts := []string{`{"a":1}`, strings.Repeat("x", 300), `{"b":2}`}
	for _, enc := range bothEncodings {
		src := &pieces{between: os.ErrDeadlineExceeded}
		for _, c := range stream(t, enc, texts...) {
			src.parts = append(src.parts, []byte{c})
		}
		r := NewReader(src, enc, 1000)
		for i := 0; i < len(texts); {
			frame, err := r.Next()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			if err != nil || string(frame) != texts[i] {
				t.Fatalf("%v: %q %v, want %q", enc, frame, err, texts[i])
			}
			i++
		}
	}
}

func TestReaderFirst(t *testing.T) {
	for _, test := range []struct {
		in    string
		magic bool
		err   error
		rest  string
	}{
		{"\xd9\xd9\xf7\x42{}", true, nil, "{}"},
		{"\xd9\xd9\xf6\x42{}", false, nil, ""},
		{"\xd9\xd9", false, io.ErrUnexpectedEOF, ""},
		{"", false, io.EOF, ""},
	} {
		r := NewReader(iotest.OneByteReader(strings.NewReader(test.in)), JSON, 100)
		first, err := r.First()
		if test.in == "" {
			if err != io.EOF {
				t.Errorf("%q: %v", test.in, err)
			}
			continue
		}
		if err != nil || first != test.in[0] {
			t.Errorf("%q: %x %v", test.in, first, err)
		}
		magic, err := r.Magic()
		if magic != test.magic || err != test.err {
			t.Errorf("%q: %v %v", test.in, magic, err)
		}
		if magic {
			r.SetEncoding(CBOR)
			wantFrames(t, r, test.rest)
		}
	}
	r := NewReader(strings.NewReader("{}\n"), JSON, 100)
	r.First()
	wantFrames(t, r, "{}")
}

// Whoever holds a frame when the reader is detached keeps it, and the rest of
// what was buffered is not lost, wherever the stream was cut.
func TestReaderDetach(t *testing.T) {
	texts := []string{strings.Repeat("a", 3000), strings.Repeat("b", 3000), strings.Repeat("c", 200), `{"d":4}`}
	for _, enc := range bothEncodings {
		all := stream(t, enc, texts...)
		for cut := 3000; cut < len(all); cut += 7 {
			for _, r := range readers(pieces{parts: [][]byte{all[:cut:cut], all[cut:]}}, enc, 10_000) {
				var held [][]byte
				for range texts {
					frame, err := r.Next()
					if err != nil {
						t.Fatal(err)
					}
					held = append(held, frame)
					r.Detach()
				}
				for i := range texts {
					if string(held[i]) != texts[i] {
						t.Fatalf("%v, cut at %d: frame %d was overwritten", enc, cut, i)
					}
				}
			}
		}
	}
}

// noRead fails the test when it is read.
type noRead struct{ t *testing.T }

func (n noRead) Read([]byte) (int, error) {
	n.t.Error("Buffered was true, but Next read")
	return 0, io.EOF
}

func TestReaderBuffered(t *testing.T) {
	for _, test := range []struct {
		enc  Encoding
		in   string
		want bool
	}{
		{JSON, "", false}, {JSON, "{", false}, {JSON, "{}", false}, {JSON, "{}\n", true}, {JSON, "\n", false}, {JSON, "\r\n \n", false},
		{JSON, "\r\n \n{}\n", true}, {JSON, "\n{}", false},
		{CBOR, "", false}, {CBOR, "\x42", false}, {CBOR, "\x42{", false}, {CBOR, "\x42{}", true}, {CBOR, "\x58", false}, {CBOR, "\x40", true},
		{CBOR, "\x59\x01\x00", false},
	} {
		one := stream(t, test.enc, "first")
		r := NewReader(io.MultiReader(bytes.NewReader(append(one, test.in...)), noRead{t}), test.enc, 100)
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if got := r.Buffered(); got != test.want {
			t.Errorf("%v %q: %v", test.enc, test.in, got)
		}
		if test.want {
			if _, err := r.Next(); err != nil {
				t.Errorf("%v %q: %v", test.enc, test.in, err)
			}
		}
	}
}

// keeps is what a reader may hold while it waits for the rest of what has come.
func keeps(r *Reader, rest string) int {
	if r.lent != nil && rest == "" {
		return 0
	}
	return smallBuffer
}

// An idle connection does not hold what one large message needed, even when the
// start of the next came with it.
func TestReaderGivesBack(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	for _, enc := range bothEncodings {
		for _, next := range []string{"", `{"a`} {
			all := append(stream(t, enc, large), next...)
			if next != "" && enc == CBOR {
				all = append(stream(t, enc, large), "\x48{\"a"...)
			}
			for _, r := range readers(pieces{parts: [][]byte{all}, between: os.ErrDeadlineExceeded}, enc, 2<<20) {
				frame, err := r.Next()
				for err != nil {
					frame, err = r.Next()
				}
				if string(frame) != large {
					t.Fatal("the large message is not intact")
				}
				if frame, err := r.Next(); err == nil {
					t.Fatalf("%q", frame)
				}
				if r.lent != nil {
					r.back() // as a source does that has nothing
				}
				if most := keeps(r, next); len(r.buf) > most {
					t.Errorf("%v: a buffer of %d bytes is left", enc, len(r.buf))
				}
			}
		}
	}
}
