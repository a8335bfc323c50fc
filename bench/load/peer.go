package main

import (
	"errors"
	"slices"
	"sync/atomic"
)

// Msg is the small struct that every peer echoes and pushes.
type Msg struct {
	URI      string
	Title    string
	Position int
	Volume   float64
	Tags     []string
}

func sample() Msg {
	return Msg{
		URI: "file:///music/album/track-01.oga", Title: "A title of 24 bytes, yes",
		Position: 123456789, Volume: 0.8125, Tags: []string{"rock", "live", "fav"},
	}
}

var errEcho = errors.New("the echo differs")

func checkMsg(m *Msg) error {
	s := sample()
	if m.URI != s.URI || m.Title != s.Title || m.Position != s.Position || m.Volume != s.Volume || !slices.Equal(m.Tags, s.Tags) {
		return errEcho
	}
	return nil
}

const blobSize = 1 << 20

func sampleBlob() []byte { return sampleBytes(blobSize) }

func sampleBytes(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// Blob is how the peers with typed messages carry bytes.
type Blob struct{ Data []byte }

// peer is one thing to measure: a server, and clients of it over a unix socket.
type peer struct {
	name  string
	note  string   // what it is, for the tables
	works []string // what it can do; nil: all plain works
	serve func(path string) error
	dial  func(path string) (client, error)

	// The rest is for those who need more than Go.
	hidden  bool          // a process that another peer starts
	apart   bool          // only measured if it is named: it is no other of those in the tables
	missing func() string // what this machine lacks and how to get it; "": nothing
	// build makes the programs that it needs in dir. exe measures it instead of
	// bench, unless it is empty.
	build func(dir string) (exe string, err error)

	// measure replaces the works for a peer whose client is a program of its own.
	measure func(m *meter, work string) error
	// command is one call from a shell.
	command func(path string) (args []string, err error)
}

// client is one connection. Echo may be called by many goroutines unless the
// client is a windower too.
type client interface {
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

// unsubscribable is for peers that have no notifications.
type unsubscribable struct{}

func (unsubscribable) Subscribe(*atomic.Int64) error { return errors.ErrUnsupported }

var peers = []*peer{
	rawPeer, rawMuxPeer, sabirPeer("sabir-cbor", true), sabirPeer("sabir-json", false),
	netrpcGob, netrpcJSON, grpcPeer, ttrpcPeer, drpcPeer, connectPeer, varlinkPeer, jsonrpc2Peer, gethPeer,
	capnpPeer, zeromqPeer, natsPeer, natsBroker, dbusPeer, mpdPeer,
	sabirTLS("sabir-tls", true), sabirTLS("sabir-tls-json", false), grpcTLS, attackers,
	sabirPost, sabirSocket, httpJSON,
	raw2Peer, raw2fPeer, sabirHub("sabir-hub-cbor", true), sabirHub("sabir-hub-json", false), hubService, slowService, stalled, slow,
}

// quick are the peers that need nothing and no patience.
var quick = []string{"raw", "raw-mux", "sabir-cbor", "sabir-json", "netrpc"}

func peerNamed(name string) *peer {
	for _, p := range peers {
		if p.name == name {
			return p
		}
	}
	return nil
}
