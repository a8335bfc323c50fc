package sabir_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The rules of this repository are tests: rules_test.go (length, words, paths, dependencies), layout_test.go (who may
// import whom), clauses_test.go (specification and vectors), api_test.go (exported names).

const (
	maxLines     = 500
	maxTestLines = 700
	maxSpecWords = 5000 // of the chapters that a peer needs
)

// apart are the chapters that are not part of the one sitting, with their own limits.
var apart = map[string]int{
	"spec/security.md": 1200, "spec/http.md": 900, "spec/hub.md": 900, "spec/idl.md": 900, "spec/evolution.md": 900,
}

// defended lists the files that may be longer than maxLines, with the reason. A file that no longer needs it must leave.
var defended = map[string]string{}

// ours lists the files that are tracked or could be, with slashes, but for what others wrote.
func ours(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "-coz", "--exclude-standard").Output()
	if err != nil {
		t.Skip("not a clone: git ls-files: ", err)
	}
	var files []string
	for file := range strings.SplitSeq(string(out), "\x00") {
		if file == "" || inDir(file, "third_party") || inDir(file, "node_modules") {
			continue
		}
		if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() {
			files = append(files, file)
		}
	}
	return files
}

// inDir reports whether one of the folders that file is in is called name.
func inDir(file, name string) bool {
	return strings.Contains("/"+path.Dir(file)+"/", "/"+name+"/")
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFilesAreShort(t *testing.T) {
	code := map[string]bool{
		".go": true, ".py": true, ".js": true, ".mjs": true, ".ts": true, ".c": true, ".h": true,
		".rs": true, ".java": true, ".pl": true, ".pm": true,
	}
	checked := 0
	for _, file := range ours(t) {
		if !code[path.Ext(file)] || inDir(file, "testdata") || strings.HasSuffix(file, "_gen.go") {
			continue
		}
		checked++
		limit := maxLines
		if isTest(file) {
			limit = maxTestLines
		}
		lines, reason := bytes.Count(read(t, file), []byte("\n")), defended[file]
		if lines > limit && reason == "" {
			t.Errorf("%s has %d lines, more than %d: split it by subject, or defend it in rules_test.go", file, lines, limit)
		}
		if lines <= limit && reason != "" {
			t.Errorf("%s has %d lines and needs no defence in rules_test.go", file, lines)
		}
	}
	t.Logf("checked %d files", checked)
}

func isTest(file string) bool {
	base := path.Base(file)
	return strings.HasSuffix(base, "_test.go") || strings.HasPrefix(base, "test_") || strings.Contains(base, ".test.") ||
		inDir(file, "test") || inDir(file, "tests")
}

func TestSpecificationIsShort(t *testing.T) {
	files, _ := filepath.Glob("spec/*.md")
	all := 0
	for _, file := range files {
		n := len(words(read(t, file)))
		limit, ok := apart[filepath.ToSlash(file)]
		if !ok {
			all += n
		}
		if ok && n > limit {
			t.Errorf("%s has %d words, more than %d: say it shorter", file, n, limit)
		}
	}
	if all > maxSpecWords {
		t.Errorf("spec/*.md has %d words, more than %d: say it shorter", all, maxSpecWords)
	}
	t.Logf("%d words in %d files, at most %d", all, len(files), maxSpecWords)
}

// words are those of a text: the bars of its tables and its arrows are none.
func words(text []byte) [][]byte { return anyWord.FindAll(text, -1) }

var anyWord = regexp.MustCompile(`\S*[\pL\pN]\S*`)

// machinePath finds folders of somebody's machine. The names are put together here so that this file is not found.
var machinePath = func() *regexp.Regexp {
	var folders []string
	for _, name := range []string{"work", "root", "home", "Users"} {
		folders = append(folders, "/"+name+"/")
	}
	return regexp.MustCompile(`(^|[^\w.~$})\]-])(` + strings.Join(folders, "|") + `)`)
}()

func TestNoPathsOfAMachine(t *testing.T) {
	checked := 0
	for _, file := range ours(t) {
		data := read(t, file)
		if bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 {
			continue // not text
		}
		checked++
		number := 0
		for line := range bytes.Lines(data) {
			number++
			if found := machinePath.FindSubmatch(line); found != nil {
				t.Errorf("%s:%d: names a folder of one machine: %s", file, number, found[2])
			}
		}
	}
	t.Logf("checked %d files", checked)
}

func TestDependenciesHaveReasons(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && skipDir(file) {
			return fs.SkipDir
		}
		if entry.Name() != "go.mod" {
			return nil
		}
		for _, fault := range unexplained(string(read(t, file)), &checked) {
			t.Errorf("%s: %s: say beside it or above it what it is for", filepath.ToSlash(file), fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("checked %d direct dependencies", checked)
}

// unexplained lists the direct dependencies in a go.mod that have no comment; those on our own modules need none.
func unexplained(mod string, checked *int) (faults []string) {
	block, above := "", ""
	for line := range strings.Lines(mod) {
		line = strings.TrimSpace(line)
		previous := above
		above = line
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "//"):
			continue
		case fields[0] == ")":
			block = ""
			continue
		case len(fields) == 2 && fields[1] == "(":
			block = fields[0]
			continue
		case block == "" && fields[0] == "require":
			line = strings.TrimSpace(strings.TrimPrefix(line, "require"))
		case block != "require":
			continue
		}
		requirement, comment, _ := strings.Cut(line, "//")
		comment = strings.TrimSpace(comment)
		if comment == "indirect" || strings.HasPrefix(comment, "indirect;") || strings.HasPrefix(line, modulePath) {
			continue
		}
		*checked++
		if comment == "" && !strings.HasPrefix(previous, "//") {
			faults = append(faults, strings.TrimSpace(requirement))
		}
	}
	return faults
}

func TestUnexplained(t *testing.T) {
	mod := `module m

require a.example/one v1.0.0
require (
	a.example/two v1.0.0 // for two things
	// for three
	a.example/three v1.0.0
	a.example/four v1.0.0
	a.example/five v1.0.0 // indirect
	` + modulePath + ` v0.0.0
)
`
	checked := 0
	got := fmt.Sprint(unexplained(mod, &checked), checked)
	if want := "[a.example/one v1.0.0 a.example/four v1.0.0] 4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
