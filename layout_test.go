package sabir_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/sabir-ipc/sabir"

// rooms says what the packages of each top-level folder may import of ours; "." is the root package. Every room may
// import what is in the same room and the leaves in internal, but internal itself imports nothing of ours. Tests and
// nested modules are free.
var rooms = map[string][]string{
	"spec":        {},
	"vectors":     {},
	"wire":        {},
	"transport":   {},
	"idl":         {},
	"codec":       {"wire", "idl"},
	".":           {"wire", "codec", "transport", "idl", "auth"},
	"auth":        {},
	"web":         {".", "wire", "idl", "auth", "gen"},
	"gen":         {"idl"},
	"hub":         {".", "wire", "codec", "idl", "transport"},
	"console":     {"web"},
	"conformance": {"vectors"},
	"cmd":         {"*"},
	"gateway":     {".", "idl"},
	"bindings":    {"vectors"},
	"docs":        {},
	"examples":    {".", "idl", "transport", "web"}, // transport: who serves on stdio needs its Conn
	"internal":    {},
}

// inherited are the modules that users of the root package get.
var inherited = []string{
	"github.com/fxamacker/cbor/v2",
	"github.com/go-json-experiment/json",
	"github.com/x448/float16", // of cbor
}

func TestLayout(t *testing.T) {
	files, imports := 0, 0
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (skipDir(file) || isNestedModule(file)):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		file = filepath.ToSlash(file)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports++
			if fault := misplaced(file, imported); fault != "" {
				t.Errorf("%s: %s", file, fault)
			}
		}
		if _, known := rooms[room(path.Dir(file))]; !known {
			t.Errorf("%s: %s is no room; the table of rooms and what they may import is in layout_test.go", file, room(path.Dir(file)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("checked %d imports in %d files", imports, files)
}

// misplaced says what is wrong with an import, or nothing.
func misplaced(file, imported string) string {
	from := room(path.Dir(file))
	if (imported == "net/http" || strings.HasPrefix(imported, "net/http/")) && from != "web" {
		return fmt.Sprintf("imports %s, which only web may", imported)
	}
	rest, mine := strings.CutPrefix(imported+"/", modulePath+"/")
	if !mine {
		return ""
	}
	to := room(strings.TrimSuffix(rest, "/"))
	allowed := rooms[from]
	switch {
	case from == "internal":
		return fmt.Sprintf("imports %s; internal has leaves only", imported)
	case to == from, to == "internal", slices.Contains(allowed, to), slices.Contains(allowed, "*"):
		return ""
	}
	return fmt.Sprintf("imports %s; %s may import of ours only %q (table of rooms: layout_test.go)", imported, from, allowed)
}

// room is the top-level folder that a folder of the module belongs to.
func room(dir string) string {
	if dir == "" || dir == "." {
		return "."
	}
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// skipDir reports whether the walks over the tree leave a folder out.
func skipDir(dir string) bool {
	base := filepath.Base(dir)
	return dir != "." && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
}

func isNestedModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return dir != "." && err == nil
}

func TestMisplaced(t *testing.T) {
	for _, test := range []struct {
		file, imported string
		ok             bool
	}{
		{"wire/json.go", "strconv", true},
		{"wire/json.go", modulePath + "/idl", false},
		{"wire/json.go", modulePath + "/internal/x", true},
		{"wire/json.go", modulePath, false},
		{"hub/hub.go", modulePath, true},
		{"hub/hub.go", "net/http", false},
		{"web/web.go", "net/http/httputil", true},
		{"client.go", modulePath + "/wire", true},
		{"client.go", modulePath + "/web", false},
		{"cmd/sabir/main.go", modulePath + "/hub", true},
		{"gateway/mpd/mpd.go", modulePath + "/gateway/line", true},
		{"internal/x/x.go", modulePath + "/internal/y", false},
		{"wire/json.go", modulePath + "-other/x", true},
	} {
		if fault := misplaced(test.file, test.imported); (fault == "") != test.ok {
			t.Errorf("%s imports %s: %q", test.file, test.imported, fault)
		}
	}
}

// What the root package links is what every user of the library gets.
func TestRootPackageIsLight(t *testing.T) {
	if len(rootFiles(t)) == 0 {
		t.Log("no root package yet")
		return
	}
	list := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", ".")
	list.Stderr = t.Output() // where it tells what it downloads
	out, err := list.Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		imported, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		packages++
		if imported == "net/http" {
			t.Errorf("the root package links net/http; ask with: go list -deps -f '{{.ImportPath}}: {{.Imports}}' . | grep net/http")
		}
		if module != "" && module != modulePath && !slices.Contains(inherited, module) {
			t.Errorf("the root package links %s of the module %s, which is not one that its users may inherit: %q", imported, module, inherited)
		}
	}
	t.Logf("checked %d packages", packages)
}

// rootFiles lists the files of the root package but for tests.
func rootFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
}
