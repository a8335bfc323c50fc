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

func sampleBlob() []byte {
	b := make([]byte, blobSize)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// peer is one thing to measure: a server, and clients of it over a unix socket.
type peer struct {
	name  string
	note  string
	serve func(path string) error
	dial  func(path string) (client, error)
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

var peers = []*peer{rawPeer, sabirPeer("sabir-cbor", true), sabirPeer("sabir-json", false)}

func peerNamed(name string) *peer {
	for _, p := range peers {
		if p.name == name {
			return p
		}
	}
	return nil
}
