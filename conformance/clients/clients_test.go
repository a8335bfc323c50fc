// Package clients runs the small programs of docs/clients.
package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/transport"
)

const folder = "../../docs/clients"

// clients are those of docs/clients. $O is a folder for what is compiled.
var clients = []struct {
	file  string
	most  int      // lines
	needs []string // programs
	build string
	run   string
}{
	{"client.sh", 30, []string{"bash", "socat", "jq"}, "", "bash client.sh"},
	{"client.py", 30, []string{"python3"}, "", "python3 client.py"},
	{"client.pl", 30, []string{"perl"}, "", "perl client.pl"},
	{"client.rb", 30, []string{"ruby"}, "", "ruby client.rb"},
	{"client.php", 30, []string{"php"}, "", "php client.php"},
	{"client.lua", 30, []string{"lua5.4"}, "", "lua5.4 client.lua"},
	{"client.tcl", 30, []string{"tclsh", "socat"}, "", "tclsh client.tcl"},
	{"client.mjs", 30, []string{"node"}, "", "node client.mjs"},
	{"client.go", 30, nil, "go build -o $O/client-go client.go", "$O/client-go"},
	{"Client.java", 30, []string{"javac", "java"}, "javac -d $O Client.java", "java -cp $O Client"},
	{"client.rs", 30, []string{"rustc"}, "rustc -O -o $O/client-rs client.rs", "$O/client-rs"},
	{"client.c", 80, []string{"cc"}, "cc -Wall -Wextra -Werror -o $O/client-c client.c", "$O/client-c"},
}

// Each enters a room of the lounge, hears what was said there, and is refused
// in another, with the same words on stdout and stderr.
//
// clause: L1, L2, L3, L4, L5
func TestClients(t *testing.T) {
	for _, c := range clients {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			for _, tool := range c.needs {
				needed.Tool(t, tool)
			}
			if n := lines(t, c.file); n > c.most {
				t.Errorf("%d lines, more than %d", n, c.most)
			}
			dir, out := serve(t), t.TempDir()
			if c.build != "" {
				shell(t, dir, out, c.build)
			}
			stdout, stderr, err := shell(t, dir, out, c.run+" ann")
			if stdout != "2\nbob: \"hi\" from bob\n" || stderr != "lounge.NoSuchRoom: no room \"attic\"\n" || err == nil {
				t.Errorf("%v\nstdout: %q\nstderr: %q", err, stdout, stderr)
			}
		})
	}
}

// serve runs a lounge in which bob has said something.
func serve(t *testing.T) (dir string) {
	dir, err := os.MkdirTemp("", "sabir") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l := lounge.New(nil)
	t.Cleanup(func() { l.Close() })
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: filepath.Join(dir, "lounge.sock")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sabir.Serve(ctx, ln, l.Service(), &sabir.ServeOptions{Grace: time.Millisecond}) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	// A position in a past that the lounge does not know gives all that it has.
	c, err := sabir.Dial(t.Context(), filepath.Join(dir, "lounge.sock"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	type params map[string]string
	for _, call := range []struct {
		method string
		params params
	}{{"join", params{"room": "dev", "name": "bob"}}, {"say", params{"room": "dev", "name": "bob", "text": `"hi" from bob`}}} {
		if _, err := sabir.Do[sabir.Body](t.Context(), c, "lounge."+call.method, call.params); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func shell(t *testing.T, dir, out, line string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Env = append(os.Environ(), "SABIR_DIR="+dir, "O="+out, "LC_ALL=C.UTF-8")
	cmd.Dir = folder
	cmd.WaitDelay = 5 * time.Second
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	if err != nil && !strings.HasSuffix(line, " ann") {
		t.Fatalf("%s: %v\n%s%s", line, err, &o, &e)
	}
	return o.String(), e.String(), err
}

// nothing is a line that says nothing of its own: blank, a bracket, an import.
var nothing = regexp.MustCompile(`^\s*$|^\s*[\])}]+[;,]?$|^(import|use|package|require|#include|#!|//|/\*|<\?php)|^\s+"[a-z/]+"$`)

func lines(t *testing.T, file string) (n int) {
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !nothing.MatchString(strings.TrimRight(line, "\n")) {
			n++
		}
	}
	return n
}

// The service in C answers as the one in Go does.
func TestService(t *testing.T) {
	needed.Tool(t, "cc")
	if n := lines(t, "service.c"); n > 120 {
		t.Errorf("service.c has %d lines, more than 120", n)
	}
	out := t.TempDir()
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	shell(t, dir, out, "cc -Wall -Wextra -Werror -fsanitize=address,undefined -o $O/service service.c")
	cmd := exec.Command(filepath.Join(out, "service"))
	cmd.Env = append(os.Environ(), "SABIR_DIR="+dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var peer net.Conn
	for try := 0; ; try++ {
		if peer, err = net.Dial("unix", filepath.Join(dir, "hello.sock")); err == nil {
			break
		}
		if try > 500 {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // until it listens, which it does not tell
	}
	peer.SetDeadline(time.Now().Add(20 * time.Second))
	for _, say := range [][2]string{
		{`{"id":1,"method":"hello.greet","params":{"name":"ann"}}`, `{"id":1,"result":{"text":"hello, ann"}}`},
		{` { "params" : { "x":{"name":1}, "name" : "a \"b\" \\" } , "method" : "hello.greet", "id":"a,}" } `, `{"id":"a,}","result":{"text":"hello, a \"b\" \\"}}`},
		{`{"id":2,"method":"hello.greet","params":{"name":"bob"}}`, `{"id":2,"error":{"code":1,"message":"bob wants no greeting","data":{"name":"hello.Shy","params":{"name":"bob"}}}}`},
		{`{"id":3,"method":"hello.greet","params":{}}`, `{"id":3,"error":{"code":-32602,"message":"name: expected a text","data":{"name":"rpc.InvalidParams","params":{"faults":[{"path":"name","reason":"expected a text"}]}}}}`},
		{`{"id":4,"method":"hello.no"}`, `{"id":4,"error":{"code":-32601,"message":"there is hello.greet","data":{"name":"rpc.MethodNotFound","params":{"method":"hello.no"}}}}`},
		{"{\"method\":\"hello.greet\",\"params\":{\"name\":\"x\"}}\n{\"id\":5,\"method\":\"rpc.ping\"}", `{"id":5,"result":{}}`},
	} {
		fmt.Fprintln(peer, say[0])
		got := make([]byte, len(say[1])+1)
		if _, err := io.ReadFull(peer, got); err != nil || string(got) != say[1]+"\n" {
			t.Fatalf("%s\nexpected %s\ngot      %s, %v", say[0], say[1], got, err)
		}
	}
	peer.Close()
	c, err := sabir.Dial(t.Context(), filepath.Join(dir, "hello.sock"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	type greeting struct{ Text string }
	if got, err := sabir.Do[greeting](t.Context(), c, "hello.greet", map[string]string{"name": "ann"}); err != nil || got.Text != "hello, ann" {
		t.Error(got, err)
	}
}
