package sabir_test

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A clause is defined in spec/*.md as **[W7]** and cited as [W7]. A vector names the clauses that it is a case of in a
// line "clause: W7, S3" ("# clause: …" where # starts comments); so does a Go test, in a comment "// clause: W7".
var (
	definition = regexp.MustCompile(`\*\*\[([A-Z]{1,3}[0-9]+)\]\*\*`)
	reference  = regexp.MustCompile(`\[([A-Z]{1,3}[0-9]+)\]`)
	citation   = regexp.MustCompile(`spec:?((?:(?: |,|and|to)*\[[A-Z]{1,3}[0-9]+\])+)`)
	label      = regexp.MustCompile(`^[A-Z]{1,3}[0-9]+$`)

	clauseInVector = regexp.MustCompile(`^(?:#\s*|//\s*)?clause:(.*)`)
	clauseInTest   = regexp.MustCompile(`^\s*//\s*clause:(.*)`)
)

// place is a file and a line.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// eachLine calls visit for the lines of a file.
func eachLine(t *testing.T, file string, visit func(at place, line string)) {
	t.Helper()
	number := 0
	for line := range bytes.Lines(read(t, file)) {
		number++
		visit(place{file, number}, strings.TrimRight(string(line), "\r\n"))
	}
}

// defined finds the clauses of the specification.
func defined(t *testing.T) map[string]place {
	t.Helper()
	files, _ := filepath.Glob("spec/*.md")
	clauses := map[string]place{}
	for _, file := range files {
		eachLine(t, filepath.ToSlash(file), func(at place, line string) {
			for _, found := range definition.FindAllStringSubmatch(line, -1) {
				if before, twice := clauses[found[1]]; twice {
					t.Errorf("%v: [%s] is already defined at %v", at, found[1], before)
				}
				clauses[found[1]] = at
			}
		})
	}
	return clauses
}

func TestEveryClauseHasACase(t *testing.T) {
	clauses := defined(t)
	cases := map[string][]place{}
	vectors := 0
	take := func(at place, list string) {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.TrimSpace(name)
			switch _, known := clauses[name]; {
			case !label.MatchString(name):
				t.Errorf("%v: %q is no label; write labels with commas between", at, name)
			case !known:
				t.Errorf("%v: the specification has no [%s]", at, name)
			}
			cases[name] = append(cases[name], at)
		}
	}
	for _, file := range ours(t) {
		syntax := clauseInTest
		switch {
		case strings.HasPrefix(file, "vectors/") && !isProse(file):
			vectors++
			syntax = clauseInVector
		case !strings.HasSuffix(file, "_test.go"):
			continue
		}
		eachLine(t, file, func(at place, line string) {
			if found := syntax.FindStringSubmatch(line); found != nil {
				take(at, found[1])
			}
		})
	}
	if vectors == 0 {
		t.Logf("no vectors yet for %d clauses", len(clauses))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(clauses)) {
		if len(cases[name]) == 0 {
			t.Errorf("%v: [%s] has no case: add a vector with \"clause: %s\" or a Go test with \"// clause: %s\"", clauses[name], name, name, name)
		}
	}
	t.Logf("%d clauses, %d named by a case, %d files under vectors", len(clauses), len(cases), vectors)
}

// isProse tells the vectors from the code and the text that live beside them.
func isProse(file string) bool {
	return path.Ext(file) == ".go" || path.Ext(file) == ".md"
}

func TestCitationsExist(t *testing.T) {
	clauses := defined(t)
	if len(clauses) == 0 {
		t.Log("no specification yet")
		return
	}
	checked := 0
	for _, file := range ours(t) {
		inSpec := strings.HasPrefix(file, "spec/") && path.Ext(file) == ".md"
		if !inSpec && path.Ext(file) != ".go" && !strings.HasPrefix(file, "vectors/") {
			continue
		}
		eachLine(t, file, func(at place, line string) {
			if !inSpec {
				line = strings.Join(citation.FindAllString(line, -1), " ")
			}
			for _, found := range reference.FindAllStringSubmatch(line, -1) {
				checked++
				if _, known := clauses[found[1]]; !known && file != "clauses_test.go" {
					t.Errorf("%v: cites [%s], which the specification does not define", at, found[1])
				}
			}
		})
	}
	t.Logf("checked %d citations of %d clauses", checked, len(clauses))
}

func TestCitationSyntax(t *testing.T) {
	for text, want := range map[string]string{
		"// spec [W7]":                  "[W7]",
		"// spec: [W7], [S3] and [S12]": "[W7][S3][S12]",
		"see spec [AB1], then [W7]":     "[AB1]",
		"values[X1]":                    "",
	} {
		got := ""
		for _, cited := range citation.FindAllString(text, -1) {
			got += strings.Join(reference.FindAllString(cited, -1), "")
		}
		if got != want {
			t.Errorf("%q cites %q, want %q", text, got, want)
		}
	}
}
