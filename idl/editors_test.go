package idl

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir/internal/needed"
)

// grammarWords are the words that stand in quotes in the grammar of spec/idl.md.
func grammarWords(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../spec/idl.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```\n")
	grammar, _, _ := strings.Cut(rest, "```")
	var words []string
	for _, found := range regexp.MustCompile(`"([a-z0-9]+)"`).FindAllStringSubmatch(grammar, -1) {
		words = append(words, found[1])
	}
	slices.Sort(words)
	if words = slices.Compact(words); len(words) < 35 {
		t.Fatalf("the grammar has only %q", words)
	}
	return words
}

// Each word of the grammar is one to the editors, in the place where it has a
// meaning and not where it is a name.
//
// clause: I1
func TestEditorsKnowTheGrammar(t *testing.T) {
	text, err := os.ReadFile("../editors/vscode/syntaxes/sabir.tmLanguage.json")
	if err != nil {
		t.Fatal(err)
	}
	var code struct {
		Patterns []struct{ Match, Name string }
	}
	if err := json.Unmarshal(text, &code); err != nil {
		t.Fatal(err)
	}
	for _, p := range code.Patterns {
		if _, err := regexp.Compile(strings.NewReplacer(`(?=\s*:)`, "", `(?=\s*=)`, "").Replace(p.Match)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"package.json", "language-configuration.json"} {
		if text, err := os.ReadFile("../editors/vscode/" + name); err != nil || !json.Valid(text) {
			t.Errorf("%s is no JSON, %v", name, err)
		}
	}
	vim, err := os.ReadFile("../editors/vim/syntax/sabir.vim")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range grammarWords(t) {
		whole := regexp.MustCompile(`(^|[^a-z0-9])` + word + `([^a-z0-9]|$)`)
		if !whole.MatchString(string(vim)) {
			t.Errorf("Vim does not know %s", word)
		}
		if !slices.ContainsFunc(code.Patterns, func(p struct{ Match, Name string }) bool { return whole.MatchString(p.Match) }) {
			t.Errorf("VS Code does not know %s", word)
		}
	}
}

// What Vim says of words, by line and column.
func TestVimShowsIt(t *testing.T) {
	needed.Tool(t, "vim")
	const sample = `import Time from "x.sabir"
// A doc.
service lounge 1.0
method say(type: string(min=1, pattern="[a-z]\\."), state: ?Mood(default="x", sensitive)) -> stream Time ! Gone  readonly access=admin
topic table: [{bytes}]  deprecated="Use a."
type Mood enum(glad, sad)
error Gone { from: union(a: { b: int64(max=-1.5e3) }) }
`
	dir := t.TempDir()
	file := filepath.Join(dir, "a.sabir")
	if err := os.WriteFile(file, []byte(sample), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../editors/vim")
	if err != nil {
		t.Fatal(err)
	}
	var ask strings.Builder
	lines := strings.Split(sample, "\n")
	type place struct{ word, want string }
	places := [][]place{
		{{"import", "Declaration"}, {"Time", "Name"}, {"from", "Keyword"}, {"x.sabir", "Text"}},
		{{"A doc", "Comment"}},
		{{"service", "Declaration"}, {"1.0", "Number"}},
		{
			{"method", "Declaration"}, {"type", "Field"}, {"string", "Type"}, {"min", "Note"}, {"1", "Number"}, {"pattern", "Note"}, {"[a-z]", "Text"}, {`\\`, "Escape"},
			{"state", "Field"}, {"?", "Operator"}, {"Mood", "Name"}, {"default", "Note"}, {"sensitive", "Flag"}, {"->", "Operator"}, {"stream", "Keyword"}, {"Gone", "Name"},
			{"readonly", "Flag"}, {"access", "Note"}, {"admin", "Level"},
		},
		{{"topic", "Declaration"}, {"table", "Field"}, {"bytes", "Type"}, {"deprecated", "Note"}},
		{{"type", "Declaration"}, {"enum", "Type"}},
		{{"error", "Declaration"}, {"from", "Field"}, {"union", "Type"}, {"int64", "Type"}, {"max", "Note"}, {"-1.5e3", "Number"}},
	}
	var want []string
	for i, line := range places {
		from := 0
		for _, p := range line {
			at := from + strings.Index(lines[i][from:], p.word)
			from = at + len(p.word)
			fmt.Fprintf(&ask, "call add(out, synIDattr(synID(%d, %d, 1), 'name'))\n", i+1, at+1)
			want = append(want, "sabir"+p.want)
		}
	}
	script := filepath.Join(dir, "ask.vim")
	answer := filepath.Join(dir, "answer")
	text := "let out = [&filetype, &commentstring]\n" + ask.String() + "call writefile(out, '" + answer + "')\nqall!\n"
	if err := os.WriteFile(script, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-e", "-s",
		"--cmd", "set rtp^="+root, "-c", "filetype plugin on", "-c", "syntax on", "-c", "edit "+file, "-S", script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	shown, err := os.ReadFile(answer)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(shown)), "\n")
	if want = append([]string{"sabir", "// %s"}, want...); !slices.Equal(got, want) {
		t.Errorf("shown as\n%q\nwant\n%q", got, want)
	}
}
