package main

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A peer that is asked for what it cannot do says so, and does not try.
func TestOneRefusesWhatThePeerDoesNot(t *testing.T) {
	for one, want := range map[string]string{
		"raw2f:sub100:0:0": "raw2f does not do sub100",
		"raw2f:sub100":     `-one takes PEER:WORK:POINT:REP, got "raw2f:sub100"`,
		"nobody:unary:0:0": `no peer "nobody"`,
	} {
		if err := new(config).one(one); err == nil || err.Error() != want {
			t.Errorf("%s: %v", one, err)
		}
	}
}

// links are the programs of peers/, each with what it links that others do not.
// What the library of a peer imports counts as its own.
var links = map[string][]string{
	"capnp": nil, "mpd": nil, "raw": nil,
	"sabir": {module}, "hub": {module}, "web": {module, "net/http", "github.com/coder/websocket"},
	"websocket": {module, "net/http", "github.com/coder/websocket"},
	"http-json": {"net/http"}, "netrpc": {"net/http"},
	"connect":     {"net/http", "connectrpc.com/connect", "google.golang.org/protobuf"},
	"dbus":        {"github.com/godbus/dbus/v5"},
	"drpc":        {"google.golang.org/protobuf", "storj.io/drpc"},
	"geth-rpc":    {"net/http", "github.com/ethereum/go-ethereum"},
	"grpc":        {"net/http", "google.golang.org/grpc", "google.golang.org/protobuf"},
	"jsonrpc2":    {"github.com/sourcegraph/jsonrpc2"},
	"nats":        {"net/http", "github.com/nats-io/nats.go"},
	"nats-server": {"net/http", "github.com/nats-io/nats-server/v2"},
	"ttrpc":       {"github.com/containerd/ttrpc", "google.golang.org/grpc", "google.golang.org/protobuf"},
	"varlink":     {"github.com/varlink/go"},
	"zeromq":      {"github.com/pebbe/zmq4"},
}

func TestProgramsLinkOnlyTheirs(t *testing.T) {
	libraries := append([]string{module, "net/http", "github.com/coder/websocket", "github.com/pebbe/zmq4"}, modules...)
	list := exec.Command("go", "list", "-e", "-tags", "zmq", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "./peers/...")
	list.Stderr = t.Output() // where it tells what it downloads
	out, err := list.Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	found := make(map[string]bool)
	for l := range strings.Lines(string(out)) {
		imported := strings.Fields(l)
		name := strings.TrimPrefix(imported[0], module+"/bench/peers/")
		found[name] = true
		linked := make(map[string]bool)
		for _, path := range imported[1:] {
			for _, library := range libraries {
				if strings.HasPrefix(path+"/", library+"/") && !strings.HasPrefix(path, module+"/bench/") {
					linked[library] = true
				}
			}
		}
		want, known := links[name]
		if got := slices.Sorted(maps.Keys(linked)); !known || !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s links %q, expected %q", name, got, want)
		}
	}
	for _, p := range peers {
		if client, server := p.programs(); !found[client] || !found[server] {
			t.Errorf("%s has the programs %s and %s, which are not both there", p.name, client, server)
		}
	}
	if len(found) != len(links) {
		t.Errorf("%d programs, %d known", len(found), len(links))
	}
}
