package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

const manDir = "../../docs/man"

// The pages in docs/man say what --help says: UPDATE=1 go test -run TestMan
// ./cmd/sabir writes them.
func TestManPages(t *testing.T) {
	want := map[string][]byte{}
	root := new(app).command()
	pages := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			pages = append(append(pages, c), c.Commands()...)
		}
	}
	for _, c := range pages {
		c.DisableAutoGenTag = true
		var page bytes.Buffer
		day := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) // of this version, so that pages stay the same
		if err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Date: &day, Source: "sabir " + version, Manual: "Sabir"}, &page); err != nil {
			t.Fatal(err)
		}
		want["sabir"+manName(c)+".1"] = page.Bytes()
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.RemoveAll(manDir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(manDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, page := range want {
			if err := os.WriteFile(filepath.Join(manDir, name), page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(manDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		page, err := os.ReadFile(filepath.Join(manDir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(page, want[file.Name()]) {
			t.Errorf("%s is not what --help says: UPDATE=1 go test -run TestMan ./cmd/sabir", file.Name())
		}
		delete(want, file.Name())
	}
	for name := range want {
		t.Errorf("no %s", name)
	}
}

func manName(c *cobra.Command) string {
	if c.HasParent() {
		return manName(c.Parent()) + "-" + c.Name()
	}
	return ""
}
