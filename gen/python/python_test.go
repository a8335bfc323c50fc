package python_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/gen/python"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/needed"
)

// modules generates what each of the descriptions becomes.
func modules(t *testing.T) (dir string, services map[string]*idl.Service) {
	t.Helper()
	dir, services = t.TempDir(), make(map[string]*idl.Service)
	files, _ := filepath.Glob("../golang/testdata/*.sabir")
	files = append(files, "testdata/chat.sabir", "../../examples/lounge/lounge.sabir", "../../vectors/probe.sabir")
	for _, file := range files {
		f, err := idl.Load(file, os.ReadFile)
		if err != nil {
			t.Fatal(err)
		}
		code, err := python.Generate(&f.Service)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".sabir") + "_api"
		services[name] = &f.Service
		if err := os.WriteFile(filepath.Join(dir, name+".py"), code, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, services
}

// run runs a program of Python that finds what was generated and the package.
func run(t *testing.T, dir string, program string, args ...string) string {
	t.Helper()
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	path := dir + ":" + filepath.Join(repo, "bindings/python")
	cmd := exec.CommandContext(context.Background(), program, args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+path, "MYPYPATH="+path, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// A description that was made into Python says the same.
//
// clause: D1, D2
func TestGeneratedDescribesItself(t *testing.T) {
	interpreter := needed.Tool(t, "python3")
	dir, services := modules(t)
	for name, s := range services {
		text := run(t, dir, interpreter, "-c", "import json, "+name+" as m; print(json.dumps(m.DESCRIPTION.tree))")
		body, err := sabir.JSONBody([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got idl.Service
		if err := body.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.String() != s.String() {
			t.Errorf("%s was described as\n%s\nand says\n%s", name, s, &got)
		}
	}
}

// Services and clients of both kinds do what the description says.
func TestSession(t *testing.T) {
	dir, _ := modules(t)
	if out := run(t, dir, needed.Tool(t, "python3"), "testdata/session.py", t.TempDir()); out != "ok\n" {
		t.Error(out)
	}
}

// What is generated, and what uses it, has types that mypy believes.
func TestTypes(t *testing.T) {
	checker := needed.Tool(t, "mypy")
	dir, services := modules(t)
	args := []string{"--strict", "--cache-dir", t.TempDir(), "testdata/session.py"}
	for name := range services {
		args = append(args, filepath.Join(dir, name+".py"))
	}
	run(t, dir, checker, args...)
}

func TestRefuses(t *testing.T) {
	for _, name := range []string{"", "rpc"} {
		if _, err := python.Generate(&idl.Service{Name: name}); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}
