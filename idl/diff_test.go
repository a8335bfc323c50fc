package idl

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/sabir-ipc/sabir/vectors"
)

// clause: V1, V2, V3, V4, V5, V6, V7, V8, V9, V10
func TestDiff(t *testing.T) {
	names, err := fs.Glob(vectors.FS, "diff/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(path.Base(name), func(t *testing.T) {
			files := archive(t, name)
			before, after := loaded(t, files, "old.sabir"), loaded(t, files, "new.sabir")
			var got strings.Builder
			for _, c := range Diff(&before.Service, &after.Service) {
				fmt.Fprintln(&got, place(before, after, c), c)
			}
			if *update {
				data, _ := vectors.FS.ReadFile(name)
				a := txtar.Parse(data)
				a.Files[2].Data = []byte(got.String())
				if err := os.WriteFile("../vectors/"+name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got.String() != files["want"] {
				t.Errorf("got\n%swant\n%s", &got, files["want"])
			}
			if same := Diff(&before.Service, &before.Service); len(same) > 0 {
				t.Errorf("what has not changed has: %v", same)
			}
		})
	}
}

func loaded(t *testing.T, files map[string]string, name string) *File {
	t.Helper()
	f, err := Load(name, reader(files))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// place is the line of a change: in the new file, if it has it.
func place(before, after *File, c Change) string {
	f, node := after, c.New
	if node == nil {
		f, node = before, c.Old
	}
	at := f.At(node)
	return fmt.Sprintf("%s:%d", at.File, at.Line)
}

// clause: V1
func TestDiffOfEverything(t *testing.T) {
	if changes := Diff(&everything, &everything); len(changes) > 0 {
		t.Error(changes)
	}
	empty := Service{Name: everything.Name}
	for _, c := range Diff(&empty, &everything) {
		if c.Harm != Fine {
			t.Error(c)
		}
	}
	for _, c := range Diff(&everything, &empty) {
		if c.Harm == Fine && c.Clause != "V10" || c.New != nil {
			t.Error(c)
		}
	}
}
