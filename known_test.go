package sabir_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
)

// A client writes down whom it meets when it does so for the first time, and not again: its disk may be full by then. Where
// the address says whom to believe, it needs no place for files at all.
//
// clause: K17
func TestNothingToRemember(t *testing.T) {
	r := serveTCP(t, probe.New())
	_, opts := r.token(t, "write")
	unpinned := "sabir://" + r.at.HostPort()
	works := func(address string, o sabir.DialOptions) {
		t.Helper()
		c := dial(t, address, o)
		if _, err := sabir.Do[text](t.Context(), c, "probe.echo", text{"hello"}); err != nil {
			t.Error(err)
		}
	}

	works(unpinned, *opts)
	file := opts.KnownHosts.Path
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := os.ReadFile(file); err != nil || len(strings.Fields(string(line))) != 3 {
		t.Errorf("%q, %v: expected the server with both of its certificates", line, err)
	}
	if err := errors.Join(os.Remove(file+".lock"), os.Mkdir(file+".lock", 0o700)); err != nil { // nobody can change it now, not even root
		t.Fatal(err)
	}
	works(unpinned, *opts)
	if after, err := os.Stat(file); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written again: %v", err)
	}

	nowhere := *opts
	nowhere.KnownHosts = &transport.KnownHosts{Path: filepath.Join(t.TempDir(), "none", "known")}
	works(r.at.String(), nowhere)
	if _, err := sabir.Dial(t.Context(), unpinned, &nowhere); err == nil || !strings.Contains(err.Error(), "cannot be remembered") || !strings.Contains(err.Error(), "#fp=") {
		t.Errorf("met for the first time and forgotten: %v", err)
	}
	nowhere.KnownHosts, nowhere.Env = nil, transport.Env{StateHome: "not absolute", UID: -1}
	works(r.at.String(), nowhere)
	if _, err := sabir.Dial(t.Context(), unpinned, &nowhere); !errors.Is(err, transport.ErrNoPlace) {
		t.Error(err)
	}
}

// A server that takes a connection and is silent is not there, and the reason is said in words.
func TestSilentServer(t *testing.T) {
	t.Parallel() // it takes its time
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = sabir.Dial(t.Context(), "sabir://"+ln.Addr().String(), &sabir.DialOptions{KnownHosts: &transport.KnownHosts{Path: filepath.Join(t.TempDir(), "known")}})
	if !errors.Is(err, sabir.ErrUnavailable) || !strings.HasSuffix(err.Error(), ln.Addr().String()+": no answer within 10s") {
		t.Error(err)
	}
}
