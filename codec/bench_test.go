package codec

import (
	"bytes"
	"testing"

	"github.com/sabir-ipc/sabir/wire"
)

type track struct {
	URI      string
	Title    string
	Position int
	Volume   float64
	Tags     []string
}

var aTrack = track{"file:///music/a/b/c/track-01.ogg", "A title of some 24 bytes", 1234567, 0.8125, []string{"ambient", "live", "2026"}}

type blob struct{ Data []byte }

var encodings = []wire.Encoding{wire.JSON, wire.CBOR}

func benchmarkDecode[T any](b *testing.B, v T) {
	c := For[T]()
	for _, enc := range encodings {
		b.Run(enc.String(), func(b *testing.B) {
			raw, err := c.Append(nil, enc, &v)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			var into T
			for b.Loop() {
				if faults := c.Decode(wire.Value{Enc: enc, Raw: raw}, &into, Strict); faults != nil {
					b.Fatal(faults)
				}
			}
		})
	}
}

func benchmarkAppend[T any](b *testing.B, v T) {
	c := For[T]()
	for _, enc := range encodings {
		b.Run(enc.String(), func(b *testing.B) {
			dst, err := c.Append(nil, enc, &v)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = c.Append(dst[:0], enc, &v)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) { benchmarkDecode(b, aTrack) }
func BenchmarkAppend(b *testing.B) { benchmarkAppend(b, aTrack) }
func BenchmarkDecode1MiB(b *testing.B) {
	benchmarkDecode(b, blob{bytes.Repeat([]byte{7, 200, 9, 0}, 1<<18)})
}
func BenchmarkAppend1MiB(b *testing.B) {
	benchmarkAppend(b, blob{bytes.Repeat([]byte{7, 200, 9, 0}, 1<<18)})
}

func BenchmarkDecodeMap(b *testing.B) {
	benchmarkDecode(b, map[string]int{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8})
}

var someLabels = map[string]string{
	"app": "player", "tier": "backend", "zone": "eu-central-1", "host": "node-17", "release": "2026.11", "owner": "music", "shard": "3", "env": "live",
}

func BenchmarkDecodeTextMap(b *testing.B) { benchmarkDecode(b, someLabels) }
func BenchmarkAppendTextMap(b *testing.B) { benchmarkAppend(b, someLabels) }

func BenchmarkAppendMap(b *testing.B) {
	benchmarkAppend(b, map[string]int{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8})
}

// The four steps of an echo on the server's side: parse, decode, encode, frame.
func BenchmarkEcho(b *testing.B) {
	c := For[track]()
	for _, enc := range encodings {
		b.Run(enc.String(), func(b *testing.B) {
			m := wire.Message{ID: wire.IntID(7), Method: []byte("player.echo"), Window: -1}
			request, f := wire.OpenRequest(nil, enc, &m)
			request, _ = c.Append(request, enc, &aTrack)
			request = f.Close(request)
			if enc == wire.CBOR {
				request = request[5:]
			} else {
				request = bytes.TrimSuffix(request, []byte("\n")) // as a Reader does
			}
			p := wire.Parser{Enc: enc}
			var into track
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Parse(request, &m); err != nil {
					b.Fatal(err)
				}
				if faults := c.Decode(m.Params, &into, Strict); faults != nil {
					b.Fatal(faults)
				}
				dst, f = wire.OpenResult(dst[:0], enc, false, m.ID)
				dst, _ = c.Append(dst, enc, &into)
				dst = f.Close(dst)
			}
		})
	}
}
