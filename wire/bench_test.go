package wire

import (
	"bytes"
	"strings"
	"testing"
)

// The message that the benchmarks measure: a track of a player, echoed.
const (
	trackJSON = `{"uri":"file:///music/a/b/c/track-01.ogg","title":"A title of some 24 bytes","position":1234567,` +
		`"volume":0.8125,"tags":["ambient","live","2026"]}`
	echoRequest  = `{"id":7,"method":"player.echo","params":` + trackJSON + `}`
	echoResponse = `{"id":7,"result":` + trackJSON + `}`
	echoItem     = `{"method":"rpc.item","params":{"id":7,"seq":123456,"value":` + trackJSON + `}}`
)

func turned(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := Value{JSON, []byte(text)}.Append(nil, CBOR)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func benchmarkParse(b *testing.B, enc Encoding, frame []byte) {
	p := Parser{Enc: enc}
	var m Message
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Parse(frame, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	big := `{"id":7,"result":{"data":"` + strings.Repeat("QUJD", 1<<18) + `"}}`
	text := `{"id":7,"result":{"text":"` + strings.Repeat("żółw ", 1<<17) + `"}}`
	for _, test := range []struct{ name, frame string }{
		{"request", echoRequest}, {"response", echoResponse}, {"item", echoItem}, {"1MiB", big}, {"1MiB text", text},
	} {
		b.Run("JSON/"+test.name, func(b *testing.B) { benchmarkParse(b, JSON, []byte(test.frame)) })
		b.Run("CBOR/"+test.name, func(b *testing.B) { benchmarkParse(b, CBOR, turned(b, test.frame)) })
	}
}

// A whole message around a body that is there already.
func BenchmarkAppendRequest(b *testing.B) {
	for _, enc := range []Encoding{JSON, CBOR} {
		b.Run(enc.String(), func(b *testing.B) {
			body := []byte(trackJSON)
			if enc == CBOR {
				body = turned(b, trackJSON)
			}
			m := Message{ID: IntID(7), Method: []byte("player.echo"), Window: -1}
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				var f Frame
				dst, f = OpenRequest(dst[:0], enc, &m)
				dst = f.Close(append(dst, body...))
			}
		})
	}
}

func BenchmarkAppendItem(b *testing.B) {
	for _, enc := range []Encoding{JSON, CBOR} {
		b.Run(enc.String(), func(b *testing.B) {
			it := Item{ID: IntID(7), Seq: 123456}
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				var f Frame
				dst, f = OpenItem(dst[:0], enc, false, &it)
				dst = f.CloseItem(AppendNull(dst, enc))
			}
		})
	}
}

func BenchmarkAppendResult(b *testing.B) {
	for _, enc := range []Encoding{JSON, CBOR} {
		b.Run(enc.String(), func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				var f Frame
				dst, f = OpenResult(dst[:0], enc, false, IntID(7))
				dst = f.Close(AppendNull(dst, enc))
			}
		})
	}
}

func BenchmarkAppendString(b *testing.B) {
	for _, test := range []struct{ name, text string }{
		{"24 B", "A title of some 24 bytes"}, {"escapes", "a \"title\" of\nsome lines\t"}, {"1MiB", strings.Repeat("abcdefg ", 1<<17)},
	} {
		for _, enc := range []Encoding{JSON, CBOR} {
			b.Run(enc.String()+"/"+test.name, func(b *testing.B) {
				text := []byte(test.text)
				var dst []byte
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					dst, _ = AppendString(dst[:0], enc, text)
				}
			})
		}
	}
}

func BenchmarkReader(b *testing.B) {
	lines := bytes.Repeat([]byte(echoRequest+"\n"), 1000)
	var cbor []byte
	for range 1000 {
		cbor = appendHead(cbor, majorBytes, uint64(len(turned(b, echoRequest))))
		cbor = append(cbor, turned(b, echoRequest)...)
	}
	for enc, stream := range [][]byte{lines, cbor} {
		b.Run(Encoding(enc).String(), func(b *testing.B) {
			b.SetBytes(int64(len(stream) / 1000))
			b.ReportAllocs()
			var r *Reader
			left := 0
			for b.Loop() {
				if left == 0 {
					r, left = NewReader(bytes.NewReader(stream), Encoding(enc), 1<<20), 1000
				}
				left--
				if _, err := r.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTranscode(b *testing.B) {
	text := Value{JSON, []byte(echoRequest)}
	cbor := Value{CBOR, turned(b, echoRequest)}
	for _, v := range []Value{text, cbor} {
		b.Run("from "+v.Enc.String(), func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = v.Append(dst[:0], 1-v.Enc)
			}
		})
	}
}
