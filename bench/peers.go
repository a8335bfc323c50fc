package main

import (
	"cmp"
	"slices"

	"github.com/sabir-ipc/sabir/bench/load"
)

// peer is one thing to measure, and where it is: what serves and calls is in the
// programs of peers/, each of which links what a user of that peer would.
type peer struct {
	name    string
	note    string   // what it is, for the tables
	works   []string // what it can do; nil: all plain works
	program string   // the folder of peers/ with the client; "": that of its name
	server  string   // the one with the server; "": the same
	apart   bool     // only measured if it is named: it is no other of those in the tables

	missing func() string          // what this machine lacks and how to get it; "": nothing
	build   func(dir string) error // makes what else it needs beside its programs
}

// plain are the works of a peer that says nothing else.
var plain = []string{"unary", "flight", "rare", "sub1", "sub100", "blob", "idle"}

// curved are the works with points of who is in the curves.
var curved = []string{"scale-conns", "scale-idle", "scale-subs", "scale-size"}

var (
	callsOnly = []string{"unary", "flight", "rare"}
	sabirTLS  = []string{"unary", "flight", "rare", "sub1", "blob", "hostile"}
	sabirHub  = append(slices.Clip(plain), "beside")
)

// peers are in the order of the tables.
var peers = []*peer{
	{name: "raw", note: "Go socket, no codec: the limit", works: slices.Concat(plain, curved)},
	{name: "raw-mux", note: "the same with ids, 64 callers share the connection", works: callsOnly, program: "raw"},
	{name: "sabir-cbor", note: "this project, all checks on", works: slices.Concat(plain, curved, []string{"scale-rows"}), program: "sabir"},
	{name: "sabir-json", note: "this project, all checks on", works: slices.Concat(plain, curved, []string{"scale-rows", "cli"}), program: "sabir", build: buildSabir},
	{name: "netrpc", note: "net/rpc of the standard library, gob", works: []string{"unary", "flight", "rare", "blob", "idle", "scale-conns", "scale-idle", "scale-size"}},
	{name: "netrpc-json", note: "net/rpc/jsonrpc of the standard library", works: []string{"unary", "flight", "rare", "blob", "idle", "scale-conns", "scale-idle", "scale-size"}, program: "netrpc"},
	{name: "grpc", note: "google.golang.org/grpc", works: slices.Concat(plain, curved)},
	{name: "ttrpc", note: "containerd/ttrpc"},
	{name: "drpc", note: "storj.io/drpc; a connection has one call at a time"},
	{name: "connect", note: "connectrpc.com/connect, its own protocol over unencrypted HTTP/2"},
	{name: "varlink", note: "varlink/go; a connection answers in order, 64 in flight are pipelined"},
	{name: "jsonrpc2", note: "sourcegraph/jsonrpc2, plain objects, the handler on the reading goroutine"},
	{name: "geth-rpc", note: "go-ethereum's rpc package over a unix socket"},
	{name: "capnp", note: "Cap'n Proto in C++, both ends", works: []string{"unary", "flight", "sub1", "sub100", "blob", "idle"}, missing: missingCapnp, build: buildCapnp},
	{name: "zeromq", note: "pebbe/zmq4 on libzmq, ready bytes without codec: REQ/REP, DEALER/ROUTER, XPUB/SUB", missing: missingZeroMQ},
	{name: "nats", note: "through nats-server as a process of its own, over TCP; JSON payload", build: buildNATS},
	{name: "dbus", note: "godbus through a dbus-daemon of its own", works: append(slices.Clip(plain), "cli"), missing: missingDBus},
	{name: "mpd", note: "the `status` of a real MPD, about twenty lines; 64 in flight are pipelined", works: []string{"unary", "flight", "rare", "idle"}, missing: missingMPD},
	{name: "sabir-tls", note: "this project over TLS, authenticated", works: sabirTLS, program: "sabir", apart: true},
	{name: "sabir-tls-json", note: "this project over TLS, authenticated", works: sabirTLS, program: "sabir", apart: true},
	{name: "grpc-tls", note: "google.golang.org/grpc over TLS", works: []string{"unary", "flight", "rare", "sub1", "blob"}, program: "grpc", apart: true},
	{name: "sabir-post", note: "this project by POST, all checks on", works: callsOnly, program: "http-json", server: "web", apart: true},
	{name: "sabir-websocket", note: "this project over a WebSocket, in JSON, all checks on", works: []string{"unary", "flight", "rare", "sub1"}, program: "websocket", server: "web", apart: true},
	{name: "http-json", note: "net/http and encoding/json of the standard library", works: callsOnly, apart: true},
	{name: "raw2", note: "a forwarder that copies bytes to a raw socket: a connection for each client", program: "raw", apart: true},
	{name: "raw2f", note: "a forwarder that reads frames and rewrites ids: one connection to a raw socket for all clients", works: []string{"unary", "flight", "rare", "blob", "idle"}, program: "raw", apart: true},
	{name: "sabir-hub-cbor", note: "sabir hub, all checks on, the service in CBOR", works: sabirHub, program: "sabir", server: "hub", apart: true},
	{name: "sabir-hub-json", note: "sabir hub, all checks on, the service in CBOR", works: sabirHub, program: "sabir", server: "hub", apart: true},
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

func peerNames() (names []string) {
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

// can tells whether the peer does that work.
func (p *peer) can(w *load.Work) bool {
	if p.works == nil {
		return slices.Contains(plain, w.Name)
	}
	return slices.Contains(p.works, w.Name)
}

func (p *peer) lacks() string {
	if p.missing == nil {
		return ""
	}
	return p.missing()
}

// programs are those of its two ends; they may be the same.
func (p *peer) programs() (client, server string) {
	client = cmp.Or(p.program, p.name)
	return client, cmp.Or(p.server, client)
}
