package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// clause: F4, F5
func TestSniff(t *testing.T) {
	for first := range 256 {
		want, decided := StartsOther, true
		switch {
		case first == '{':
			want = StartsJSON
		case first == 0xd9:
			want = StartsCBOR
		case first == 0x16:
			want = StartsTLS
		case strings.ContainsRune("GHPDCOT", rune(first)):
			decided = false
		}
		if got, ok := Sniff([]byte{byte(first)}); got != want || ok != decided {
			t.Errorf("%#x: %v, %v", first, got, ok)
		}
	}
	tests := []struct {
		text string
		want Start
		ok   bool
	}{
		{"", StartsOther, false},
		{"GET / HTTP/1.1\r\n", StartsHTTP, true}, {"HEAD ", StartsHTTP, true}, {"POST ", StartsHTTP, true}, {"PUT ", StartsHTTP, true},
		{"DELETE ", StartsHTTP, true}, {"CONNECT ", StartsHTTP, true}, {"OPTIONS ", StartsHTTP, true}, {"TRACE ", StartsHTTP, true}, {"PATCH ", StartsHTTP, true},
		{"CONNECT", StartsOther, false}, {"POS", StartsOther, false}, {"P", StartsOther, false},
		{"PRI * HTTP/2.0\r\n", StartsOther, true}, {"get / HTTP/1.1", StartsOther, true}, {"GETS ", StartsOther, true}, {"GET\t/", StartsOther, true},
		{"BREW / HTCPCP/1.0", StartsOther, true}, {" {", StartsOther, true}, {"[{}]", StartsOther, true}, {"\xef\xbb\xbf{", StartsOther, true},
		{"\n{", StartsOther, true}, {"\x00", StartsOther, true}, {"SSH-2.0-x\r\n", StartsOther, true}, {"\x05\x01\x00", StartsOther, true},
		{"\x04\x01\x00\x50", StartsOther, true}, {"\x80\x2e\x01\x03\x01", StartsOther, true}, // SOCKS 5 and 4, SSLv2
	}
	for _, test := range tests {
		if got, ok := Sniff([]byte(test.text)); got != test.want || ok != test.ok {
			t.Errorf("%q: %v, %v", test.text, got, ok)
		}
	}
}

// What was looked at is read all the same, however it came in and is read.
func TestPeekReplays(t *testing.T) {
	for _, text := range []string{"{}", "POST / HTTP/1.1\r\n\r\n", "GEX something longer", "x"} {
		a, b := net.Pipe()
		go func() {
			for i := range text {
				a.Write([]byte{text[i]})
			}
			a.Close()
		}()
		r, start, err := peek(t.Context(), b)
		if want, _ := Sniff([]byte(text)); err != nil || start != want {
			t.Errorf("%q: %v, %v", text, start, err)
		}
		if err := iotest.TestReader(struct{ io.Reader }{r}, []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPeekEnds(t *testing.T) {
	a, b := net.Pipe()
	go func() { a.Write([]byte("GE")); a.Close() }()
	if _, start, err := peek(t.Context(), b); start != StartsOther || err != io.EOF {
		t.Errorf("cut off: %v, %v", start, err)
	}
	synctest.Test(t, func(t *testing.T) {
		_, b := net.Pipe()
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, _, err := peek(ctx, b); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 5*time.Second {
			t.Errorf("silence: %v after %v", err, time.Since(begin))
		}
	})
}

func FuzzSniff(f *testing.F) {
	for _, text := range []string{"{", "\xd9\xd9\xf7", "\x16\x03\x01", "GET / ", "PRI * HTTP/2.0", "OPTIONS * ", "SSH-2.0"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 4*maxStart)]
		// More bytes never change what is decided, and it is decided in time.
		decided, before := false, StartsOther
		for n := range len(data) + 1 {
			start, ok := Sniff(data[:n])
			if decided && (!ok || start != before) {
				t.Fatalf("%q: %v, then %v, %v", data[:n], before, start, ok)
			}
			decided, before = ok, start
			if n >= maxStart && !ok {
				t.Fatalf("%q: not decided", data[:n])
			}
		}
		a, b := net.Pipe()
		go func() { a.Write(data); a.Close() }()
		r, _, err := peek(t.Context(), b)
		got, readErr := io.ReadAll(r)
		if !bytes.Equal(got, data) || readErr != nil || (err != nil) != !decided {
			t.Fatalf("%q became %q: %v, %v", data, got, err, readErr)
		}
	})
}
