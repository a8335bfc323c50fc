package sabir_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

type parcel struct {
	Data []byte
	Note string
}

// depot keeps what it is brought, and gives it back: at once, and changed in place.
type depot struct {
	mu   sync.Mutex
	kept [][]byte
}

func (d *depot) service() *sabir.Service {
	s := sabir.NewService("depot", "1", "")
	sabir.Method(s, "bring", func(_ context.Context, p parcel) (parcel, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.kept = append(d.kept, p.Data)
		return p, nil
	})
	sabir.Method(s, "turn", func(_ context.Context, p parcel) (parcel, error) {
		turn(p.Data)
		return p, nil
	})
	sabir.Method(s, "slow", func(ctx context.Context, p parcel) (parcel, error) {
		time.Sleep(5 * time.Millisecond) // longer than a handler may read for the connection
		return p, nil
	})
	return s
}

// The memory of large messages goes round, and large bytes are neither copied out
// of it nor into it: whoever has some keeps them as they came, by every road.
func TestLargeBytes(t *testing.T) {
	twice := func(h sabir.Handler) sabir.Handler {
		return sabir.HandlerFunc(func(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
			first, err := h.Handle(ctx, call, sink)
			if err != nil {
				return first, err
			}
			if _, err := first.Value(); err != nil {
				return first, err
			}
			return h.Handle(ctx, call, sink)
		})
	}
	echo := sabir.HandlerFunc(func(_ context.Context, call *sabir.Call, _ sabir.Sink) (sabir.Body, error) { return call.Params, nil })
	for _, road := range []struct {
		name string
		cbor bool
		path func(t *testing.T, d *depot) string
	}{
		{"service", true, func(t *testing.T, d *depot) string { return depotAt(t, d.service()) }},
		{"mux", true, func(t *testing.T, d *depot) string { return depotAt(t, sabir.NewMux(d.service())) }},
		{"middleware", true, func(t *testing.T, d *depot) string { return depotAt(t, twice(d.service())) }},
		{"bytes", true, func(t *testing.T, d *depot) string { return depotAt(t, echo) }},
		{"hub", true, func(t *testing.T, d *depot) string { return depotBehind(t, d, true) }},
		{"hub of one who speaks JSON", true, func(t *testing.T, d *depot) string { return depotBehind(t, d, false) }},
		{"hub in JSON", false, func(t *testing.T, d *depot) string { return depotBehind(t, d, false) }},
	} {
		t.Run(road.name, func(t *testing.T) {
			d := new(depot)
			carry(t, dial(t, road.path(t, d), sabir.DialOptions{CBOR: road.cbor}), road.name)
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, b := range d.kept {
				if !isLetter(b) {
					t.Error("the service was left with other bytes than it got")
				}
			}
		})
	}
}

// carry has many callers send and get large bytes at the same time, of whom some
// give up.
func carry(t *testing.T, c *sabir.Client, road string) {
	var all sync.WaitGroup
	for who := range 4 {
		all.Go(func() {
			var got [][]byte
			for i := range 8 {
				in := parcel{letter(who*100+i, 60_000+rand.IntN(1<<20)), "behind it"}
				sent := bytes.Clone(in.Data)
				method := [...]string{"depot.bring", "depot.slow", "depot.bring", "depot.turn"}[i%4]
				ctx, cancel := context.WithCancel(t.Context())
				if i == 6 {
					time.AfterFunc(time.Duration(rand.IntN(1000))*time.Microsecond, cancel)
				}
				out, err := sabir.Do[parcel](ctx, c, method, &in)
				clear(in.Data) // it is the caller's again
				gaveUp := ctx.Err() != nil
				cancel()
				if err != nil {
					if !gaveUp {
						t.Errorf("%s: %v", method, err)
					}
					continue
				}
				if method == "depot.turn" && road != "bytes" {
					turn(out.Data)
				}
				if !bytes.Equal(out.Data, sent) || out.Note != "behind it" {
					t.Errorf("%s: other bytes than were sent", method)
				}
				got = append(got, out.Data)
			}
			for _, b := range got {
				if !isLetter(b) {
					t.Error("a caller was left with other bytes than he got")
				}
			}
		})
	}
	all.Wait()
}

// letter is n bytes that only this call has, the last of them a sum of the others.
func letter(seed, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	binary.LittleEndian.PutUint32(b[n-4:], crc32.ChecksumIEEE(b[:n-4]))
	return b
}

// isLetter reports whether nobody has changed a letter.
func isLetter(b []byte) bool {
	n := len(b) - 4
	return binary.LittleEndian.Uint32(b[n:]) == crc32.ChecksumIEEE(b[:n])
}

// turn changes bytes all over, and back.
func turn(b []byte) {
	for i := 0; i < len(b); i += 1000 {
		b[i] ^= 0xFF
	}
}

// depotBehind is a depot that is offered at a hub.
func depotBehind(t *testing.T, d *depot, cbor bool) (path string) {
	path = exchange(t)
	offeredBy(t, path, d.service(), sabir.DialOptions{CBOR: cbor})
	return path
}

// depotAt serves h until the test ends.
func depotAt(t *testing.T, h sabir.Handler) (path string) {
	path = filepath.Join(shortDir(t), "d.sock")
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sabir.Serve(ctx, ln, h, &sabir.ServeOptions{Log: quiet, Grace: time.Millisecond}) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return path
}

type blob []byte

// A stream of bytes comes in pieces, whatever the type is called.
// clause: S8
func TestStreamOfBytesIsCut(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	whole := letter(7, 200_000)
	sabir.Stream(svc, "plain", func(context.Context, sabir.None) (iter.Seq2[[]byte, error], error) {
		return func(yield func([]byte, error) bool) { yield(whole, nil) }, nil
	})
	sabir.Stream(svc, "named", func(context.Context, sabir.None) (iter.Seq2[blob, error], error) {
		return func(yield func(blob, error) bool) { yield(whole, nil) }, nil
	})
	encodings(t, func(t *testing.T, cbor bool) {
		c := dial(t, serveUnix(t, svc), sabir.DialOptions{CBOR: cbor})
		for _, method := range []string{"s.plain", "s.named"} {
			var all []byte
			for piece, err := range sabir.Items[[]byte](t.Context(), c, method, nil) {
				if err != nil || len(piece) > 64<<10 {
					t.Fatal(method, len(piece), err)
				}
				all = append(all, piece...)
			}
			list, err := sabir.Do[[][]byte](t.Context(), c, method, nil)
			if err != nil || len(list) != 4 || !bytes.Equal(all, whole) || !bytes.Equal(bytes.Join(list, nil), whole) {
				t.Errorf("%s: %d bytes, and %d pieces at once: %v", method, len(all), len(list), err)
			}
		}
	})
}
