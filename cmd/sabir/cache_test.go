package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
)

// spied is a service behind a socket, of which a test sees what it was asked.
type spied struct {
	*sabir.Service
	mu    sync.Mutex
	asked []string
}

func (s *spied) Describe() []*idl.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, "rpc.describe")
	return s.Service.Describe()
}

func (s *spied) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	s.mu.Lock()
	s.asked = append(s.asked, call.Method)
	s.mu.Unlock()
	return s.Service.Handle(ctx, call, sink)
}

// since returns what was asked since the last time.
func (s *spied) since() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := strings.Join(s.asked, " ")
	s.asked = nil
	return asked
}

// offer serves a service under a name until the test or stop ends it.
func offer(t *testing.T, name string, svc *sabir.Service) (s *spied, stop func()) {
	t.Helper()
	s = &spied{Service: svc}
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: filepath.Join(os.Getenv("SABIR_DIR"), name+".sock")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- sabir.Serve(ctx, ln, s, nil) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	if exit, _, complaint := sabirHere(t, "-a", name, "call", "rpc.ping"); exit != 0 {
		t.Fatal(complaint)
	}
	s.since()
	return s, stop
}

// sandbox gives the commands of a test sockets and a cache of their own.
func sandbox(t *testing.T) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for name, value := range map[string]string{"SABIR_DIR": dir, "SABIR_ADDRESS": "", "XDG_CACHE_HOME": filepath.Join(dir, "cache"), "NO_COLOR": "1", "TERM": "xterm"} {
		t.Setenv(name, value)
	}
	return dir
}

// sabirHere runs one command in this process.
func sabirHere(t *testing.T, args ...string) (exit int, out, errout string) {
	t.Helper()
	var o, e bytes.Buffer
	exit = run(t.Context(), args, stdio{in: strings.NewReader(""), out: &o, errout: &e, getenv: os.Getenv})
	return exit, o.String(), e.String()
}

type (
	sayOld struct{ Text string }
	sayNew struct {
		Text string
		Loud *bool
	}
	heard struct{ Heard string }
)

func sayers() (before, after, third *sabir.Service) {
	before, after = sabir.NewService("a", "1", ""), sabir.NewService("a", "2", "")
	sabir.Method(before, "say", func(_ context.Context, in sayOld) (heard, error) { return heard{in.Text}, nil })
	sabir.Method(before, "read", func(context.Context, sabir.None) (heard, error) { return heard{"nothing changed"}, nil }, sabir.Readonly)
	sabir.Method(after, "say", func(_ context.Context, in sayNew) (heard, error) { return heard{in.Text + "!"}, nil })
	sabir.Method(after, "hear", func(context.Context, sabir.None) (heard, error) { return heard{"all"}, nil })
	sabir.Method(after, "read", func(context.Context, sabir.None) (heard, error) { return heard{"something changed"}, nil })
	third = sabir.NewService("a", "3", "")
	sabir.Method(third, "say", func(_ context.Context, in struct{ Text int }) (heard, error) { return heard{fmt.Sprint(in.Text)}, nil })
	return before, after, third
}

// A second call asks nothing beforehand. When the service is another one by then,
// the call that is refused for it is made again, once, by the new description.
//
// clause: R3
func TestCallKeepsDescriptions(t *testing.T) {
	dir := sandbox(t)
	before, after, third := sayers()
	service, stop := offer(t, "a", before)
	step := func(want string, args ...string) {
		t.Helper()
		exit, out, errout := sabirHere(t, args...)
		asked := service.since()
		if got := strings.TrimSpace(asked + ": " + out + errout); got != want || (exit == 0) != (errout == "") {
			t.Errorf("%q: exit %d\n%s\nwant\n%s", args, exit, got, want)
		}
	}
	step(`rpc.describe a.say: {"heard":"x"}`, "call", "a.say", "x")
	step(`a.say: {"heard":"y"}`, "call", "a.say", "text=y")
	step(`rpc.describe a.read: {"heard":"nothing changed"}`, "get", "a.read")
	step("rpc.describe: sabir: a.say: no argument loud\nsabir: hint: method say(text: string) -> (heard: string)", "call", "a.say", "x", "loud=true")
	step("rpc.describe: sabir: a has no member hear\nsabir: hint: sabir describe a lists what it has", "call", "a.hear")

	stop()
	service, stop = offer(t, "a", after)
	step(`rpc.describe a.say: {"heard":"x!"}`, "call", "a.say", "x", "loud:=true")
	step(`a.hear: {"heard":"all"}`, "call", "a.hear")
	step("rpc.describe: sabir: a.read is not readonly\nsabir: hint: sabir call a.read", "get", "a.read")

	stop()
	service, stop = offer(t, "a", before)
	step("a.hear rpc.describe: sabir: a has no member hear\nsabir: hint: sabir describe a lists what it has", "call", "a.hear")
	step("a.say: {\"heard\":\"z\"}", "call", "a.say", "z")

	// Refused by the service: the arguments are judged, and the call is made, again.
	stop()
	service, stop = offer(t, "a", third)
	step(`a.say rpc.describe a.say: {"heard":"5"}`, "call", "a.say", "5")
	stop()
	service, stop = offer(t, "a", after)
	step(`a.say rpc.describe a.say: {"heard":"5!"}`, "call", "a.say", "5")
	stop()
	service, _ = offer(t, "a", before)
	step("a.say rpc.describe: sabir: a.say: no argument loud\nsabir: hint: method say(text: string) -> (heard: string)", "call", "a.say", "x", "loud=true")

	file := (&app{stdio: stdio{getenv: os.Getenv}}).keptFile("a", "a")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	for _, content := range []string{"", "{", `{"address":"a","service":"a","hash":"h","services":[]}`, `{"address":"b"}`, `{"address":"a","service":"a","hash":"h","services":[{"name":"a","version":"","members":[{"kind":"stream","name":"say","params":[]}],"types":[],"errors":[]}]}`} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		step(`rpc.describe a.say: {"heard":"x"}`, "call", "a.say", "x")
	}
	if err := os.Chmod(file, 0o644); err != nil { // which others could read is no reason to write there
		t.Fatal(err)
	}
	step(`rpc.describe a.say: {"heard":"x"}`, "call", "a.say", "x")
	if err = os.RemoveAll(filepath.Join(dir, "cache")); err == nil {
		err = os.WriteFile(filepath.Join(dir, "cache"), nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	step(`rpc.describe a.say: {"heard":"x"}`, "call", "a.say", "x")
	step(`rpc.describe a.say: {"heard":"x"}`, "call", "a.say", "x")
}

// What a pipe has is there for the second try as well.
func TestPipeOfAnOldDescription(t *testing.T) {
	sandbox(t)
	before, after := sabir.NewService("a", "1", ""), sabir.NewService("a", "2", "")
	sabir.Method(before, "say", func(_ context.Context, in struct{ Text, To string }) (heard, error) {
		return heard{in.Text + in.To}, nil
	})
	sabir.Method(after, "say", func(_ context.Context, in struct {
		Text string
		To   int
	}) (heard, error) {
		return heard{fmt.Sprint(in.Text, in.To)}, nil
	})
	_, stop := offer(t, "a", before)
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.WriteString("hello ")
		w.Close()
		exit, out, errout := sabirHere(t, "call", "a.say", fmt.Sprintf("text=@/dev/fd/%d", r.Fd()), "to=5")
		if exit != 0 || out != `{"heard":"hello 5"}`+"\n" {
			t.Errorf("exit %d: %s%s", exit, out, errout)
		}
		r.Close()
		stop()
		_, stop = offer(t, "a", after)
	}
}

// Few files are kept, those that were written last.
func TestFewDescriptionsAreKept(t *testing.T) {
	dir := sandbox(t)
	a := &app{stdio: stdio{getenv: os.Getenv}}
	for i := range maxKept + 5 {
		name := fmt.Sprint("s", i)
		a.remember(&kept{name, name, "h", []idl.Service{{Name: name}}})
		at := time.Now().Add(time.Duration(i-maxKept) * time.Minute) // a file system may not tell them apart
		if err := os.Chtimes(a.keptFile(name, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "cache", "sabir", "*.json"))
	if err != nil || len(files) != maxKept {
		t.Errorf("%d files, %v", len(files), err)
	}
	if a.remembered("s0", "s0") != nil || a.remembered(fmt.Sprint("s", maxKept+4), fmt.Sprint("s", maxKept+4)) == nil {
		t.Error("the wrong ones went")
	}
}
