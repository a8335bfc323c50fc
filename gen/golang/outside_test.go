package golang_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir/examples/lounge"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/gen/golang"
	"github.com/sabir-ipc/sabir/idl"
)

// outside is a module of somebody else, with one package for each description.
type outside struct {
	t    *testing.T
	dir  string
	main strings.Builder // what main does with the packages
	uses strings.Builder
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	if testing.Short() {
		t.Skip("compiles a module")
	}
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	o := &outside{t: t, dir: t.TempDir()}
	sum, err := os.ReadFile(filepath.Join(repo, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	o.write("go.sum", string(sum))
	o.write("go.mod", fmt.Sprintf("module example.org/outside\n\ngo 1.26.0\n\nrequire github.com/sabir-ipc/sabir v0.1.0\n\nreplace github.com/sabir-ipc/sabir => %s\n", repo))
	return o
}

func (o *outside) write(name, text string) {
	o.t.Helper()
	file := filepath.Join(o.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		o.t.Fatal(err)
	}
}

// add generates a package, whose description main will print.
func (o *outside) add(name string, s *idl.Service) {
	o.t.Helper()
	code, err := golang.Generate(s, &golang.Options{Package: name})
	if err != nil {
		o.t.Fatalf("%v\nof\n%s", err, s)
	}
	o.write(name+"/"+name+"_gen.go", string(code))
	hooks := ""
	for _, m := range s.Members {
		if m.Kind.Subscribed() {
			hooks = ", nil"
		}
	}
	fmt.Fprintf(&o.uses, "\t\"example.org/outside/%s\"\n", name)
	fmt.Fprintf(&o.main, "\tdescribe(%s.NewService(%s.NewClient(nil)%s).Service)\n", name, name, hooks)
}

// run runs a command of Go there.
func (o *outside) run(args ...string) string {
	o.t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		o.t.Fatalf("go %s: %v\n%s%s", strings.Join(args, " "), err, out, complaints.Bytes())
	}
	return string(out)
}

// descriptions are what the generated services say of themselves.
func (o *outside) descriptions() []string {
	o.t.Helper()
	o.write("main.go", `package main

import (
	"context"
	"fmt"
	"log"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"

`+o.uses.String()+`)

func describe(s *sabir.Service) {
	c := sabir.InProcess(s, nil)
	defer c.Close()
	out, err := sabir.Do[struct{ Services []idl.Service }](context.Background(), c, "rpc.describe", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(out.Services[0].String(), "\x00")
}

func main() {
`+o.main.String()+"}\n")
	return strings.Split(o.run("run", "."), "\x00")
}

// A description that was made into Go, compiled and served is the same text.
//
// clause: I2, D1, D2, D4
func TestGeneratedDescribesItself(t *testing.T) {
	l := lounge.New(nil)
	defer l.Close()
	all := []*idl.Service{l.Service().Describe()[0], probe.New().Describe()[0]}
	files, err := filepath.Glob("testdata/*.sabir")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata: ", err)
	}
	corpus, _ := filepath.Glob("../../vectors/idl/*.sabir")
	for _, file := range append(files, corpus...) {
		f, err := idl.Load(file, os.ReadFile)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &f.Service)
	}
	o := newOutside(t)
	for i, s := range all {
		o.add(fmt.Sprintf("p%d", i), s)
	}
	o.run("vet", "./...")
	got := o.descriptions()
	for i, s := range all {
		if want := s.String(); got[i] != want {
			t.Errorf("%s was described as\n%s\nand describes itself as\n%s", s.Name, want, got[i])
		}
	}
}

// Code that is newer than the module does not compile, and where it does not it
// says what to do.
func TestSkewExplainsItself(t *testing.T) {
	o := newOutside(t)
	f, err := idl.Load("testdata/odd.sabir", os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	code, err := golang.Generate(&f.Service, &golang.Options{Package: "odd"})
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(code), "sabir.SupportsGeneratedCode1", "sabir.SupportsGeneratedCode999", 1)
	o.write("odd/odd_gen.go", newer)
	cmd := exec.Command("go", "build", "./odd")
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "undefined: sabir.SupportsGeneratedCode999") {
		t.Fatalf("%v: %s", err, out)
	}
	var line int
	if _, err := fmt.Sscanf(string(out[strings.Index(string(out), "odd_gen.go:")+len("odd_gen.go:"):]), "%d", &line); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	above := strings.Join(strings.Split(newer, "\n")[line-3:line-1], "\n")
	if !strings.Contains(above, "run sabir gen go") || !strings.Contains(above, "newer module") {
		t.Errorf("line %d, where it fails, has above it\n%s", line, above)
	}
}
