package load

import (
	"errors"
	"slices"
	"sync/atomic"
)

// Peer is one thing to measure: a server, and clients of it over a unix socket.
// A program may have only one of the two.
type Peer struct {
	Name  string
	Serve func(path string) error
	Dial  func(path string) (Client, error)

	// Works are those that it does in its own way, because its client is no Go
	// or because nobody else does them.
	Works map[string]func(*Meter) error
	// Command is one call from a shell.
	Command func(path string) (args []string, err error)
}

// Client is one connection. Echo may be called by many goroutines unless the
// client is a windower too.
type Client interface {
	Echo(in *Msg) (Msg, error)
	EchoBytes(b []byte) ([]byte, error)
	// Subscribe counts the items it gets until the connection is closed.
	Subscribe(n *atomic.Int64) error
	Close() error
}

// windower is a client that keeps requests in flight by itself, because calling
// it from many goroutines is not how it is meant to be used.
type windower interface {
	Window(depth int, n *atomic.Int64, stop *atomic.Bool) error
}

// Unsubscribable is for clients of peers that have no notifications.
type Unsubscribable struct{}

func (Unsubscribable) Subscribe(*atomic.Int64) error { return errors.ErrUnsupported }

// Msg is the small struct that every peer echoes and pushes.
type Msg struct {
	URI      string
	Title    string
	Position int
	Volume   float64
	Tags     []string
}

func Sample() Msg {
	return Msg{
		URI: "file:///music/album/track-01.oga", Title: "A title of 24 bytes, yes",
		Position: 123456789, Volume: 0.8125, Tags: []string{"rock", "live", "fav"},
	}
}

// ErrEcho is an answer that is not what was sent.
var ErrEcho = errors.New("the echo differs")

func checkMsg(m *Msg) error {
	s := Sample()
	if m.URI != s.URI || m.Title != s.Title || m.Position != s.Position || m.Volume != s.Volume || !slices.Equal(m.Tags, s.Tags) {
		return ErrEcho
	}
	return nil
}

// Blob is how the peers with typed messages carry bytes.
type Blob struct{ Data []byte }

// BlobSize is that of the work of the name.
const BlobSize = 1 << 20

func sampleBytes(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}
