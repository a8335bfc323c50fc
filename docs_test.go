package sabir_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/internal/needed"
)

// What README.md and docs/ show is true: each fenced block is run or compared.
//
//	```sh            $ lines are run in one bash for the page, what follows each is its output; … stands for anything,
//	                 alone on a line for any number of lines. While something runs in the background, lines may come in
//	                 any order. A background line without output is awaited by the socket that it makes.
//	```go [FILE]     occurs in a file under examples/; with FILE it is written there for the sh blocks after it, and all
//	                 blocks of FILE together are a whole file under examples/
//	```python FILE   is written to FILE, which a later sh line must name; so is bash, and sabir with FILE
//	```sabir         occurs in a .sabir file under examples/; so do html, nginx and caddy in theirs
//	```text          is neither

const (
	docPatience = time.Minute      // for one command, which may be a go build
	docSettle   = 30 * time.Second // for the output of what runs in the background, which may be linked first
)

type docBlock struct {
	line       int
	lang, name string
	text       string
}

// docBlocks finds the fenced blocks of a page.
func docBlocks(page string) (blocks []docBlock, err error) {
	var open *docBlock
	number := 0
	for line := range strings.Lines(page) {
		number++
		fence, isFence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case isFence && open == nil:
			lang, name, _ := strings.Cut(fence, " ")
			open = &docBlock{line: number, lang: lang, name: name}
		case isFence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		case strings.HasPrefix(strings.TrimLeft(line, " \t>"), "```"), strings.HasPrefix(strings.TrimLeft(line, " \t>"), "~~~"):
			return nil, fmt.Errorf("line %d: blocks begin with ``` at the margin, or nobody tries them", number)
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block does not end", open.line)
	}
	return blocks, nil
}

// docPage is one page on trial.
type docPage struct {
	shell    *docShell
	examples map[string]string // files under examples/
	files    map[string]string // written so far, by path
	idle     map[string]int    // scripts that nobody has run yet, by the line of their block
	counts   map[string]int
}

// check tries one block. tool is called where a line needs a program that may be missing; false: go on without it.
func (p *docPage) check(b docBlock, tool func(name, line string) bool) error {
	p.counts[b.lang]++
	lang := b.lang
	if lang == "sabir" && b.name != "" {
		lang = "python"
	}
	switch lang {
	case "text":
		return nil
	case "sh":
		return p.commands(b, tool)
	case "sabir", "html", "nginx", "caddy":
		if !p.occurs(b.text, docKinds[b.lang]) {
			return fmt.Errorf("no %s file under examples/ has this", docKinds[b.lang])
		}
		return nil
	case "go":
		if !p.occurs(b.text, ".go") {
			return fmt.Errorf("no file under examples/ has this")
		}
		if b.name == "" {
			return nil
		}
		if old := p.files[filepath.Join(p.shell.dir, b.name)]; old != "" {
			b.text = old + "\n" + b.text
		}
	case "python", "bash":
		p.idle[b.name] = b.line
	default:
		return fmt.Errorf("a block of %q is neither run nor compared: mark it text, or teach docs_test.go", b.lang)
	}
	file := filepath.Join(p.shell.dir, b.name)
	p.files[file] = b.text
	return cmp.Or(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(b.text), 0o644))
}

// occurs reports whether a file has the text, as it is or one tab further in.
func (p *docPage) occurs(text, ext string) bool {
	indented := ""
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			line = "\t" + line
		}
		indented += line
	}
	for file, has := range p.examples {
		if filepath.Ext(file) == ext && text != "" && (strings.Contains(has, text) || strings.Contains(has, indented)) {
			return true
		}
	}
	return false
}

// finish looks for what was shown and not used.
func (p *docPage) finish() error {
	for name, line := range p.idle {
		return fmt.Errorf("line %d: nothing runs %s", line, name)
	}
	for name, text := range p.files {
		if filepath.Ext(name) != ".go" {
			continue
		}
		whole := false
		for file, has := range p.examples {
			whole = whole || filepath.Base(file) == filepath.Base(name) && has == text
		}
		if !whole {
			return fmt.Errorf("the blocks of %s are not the whole of a file under examples/", filepath.Base(name))
		}
	}
	return nil
}

// commands runs the $ lines of a block.
func (p *docPage) commands(b docBlock, tool func(name, line string) bool) error {
	type command struct {
		number int
		line   string
		output []string
	}
	var all []command
	for i, line := range strings.Split(strings.TrimSuffix(b.text, "\n"), "\n") {
		if line, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, command{number: b.line + 1 + i, line: line})
		} else if len(all) == 0 {
			return fmt.Errorf("line %d: output before the first $ line: %q", b.line+1+i, line)
		} else {
			last := &all[len(all)-1]
			last.output = append(last.output, line)
		}
	}
	for _, c := range all {
		run := true
		for _, name := range []string{"nc", "python3", "curl"} {
			if slices.Contains(strings.Fields(c.line), name) {
				run = tool(name, c.line)
			}
		}
		for name := range p.idle {
			if slices.Contains(strings.Fields(c.line), name) {
				delete(p.idle, name)
			}
		}
		if !run {
			continue
		}
		p.counts["command"]++
		if err := p.shell.run(c.line, c.output); err != nil {
			return fmt.Errorf("line %d: $ %s\n%w", c.number, c.line, err)
		}
	}
	return nil
}

// docMatch compares the lines of an output with those of a page.
func docMatch(got, want []string, anyOrder bool) bool {
	if anyOrder {
		return docMatchAny(got, want)
	}
	if len(want) == 0 {
		return len(got) == 0
	}
	if want[0] == "…" {
		return docMatch(got, want[1:], false) || len(got) > 0 && docMatch(got[1:], want, false)
	}
	return len(got) > 0 && docLine(want[0]).MatchString(got[0]) && docMatch(got[1:], want[1:], false)
}

// docMatchAny gives each wanted line one of the output, the particular ones first.
func docMatchAny(got, want []string) bool {
	got, want = slices.Clone(got), slices.Clone(want)
	slices.SortStableFunc(want, func(a, b string) int { return strings.Count(a, "…") - strings.Count(b, "…") })
	rest := false
	for _, w := range want {
		if w == "…" {
			rest = true
			continue
		}
		i := slices.IndexFunc(got, docLine(w).MatchString)
		if i < 0 {
			return false
		}
		got = slices.Delete(got, i, i+1)
	}
	return rest || len(got) == 0
}

func docLine(want string) *regexp.Regexp {
	parts := strings.Split(want, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
}

func docDifference(got, want []string) error {
	return fmt.Errorf("printed:\n\t%s\nthe page says:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
}

func newDocPage(t *testing.T, bin string) *docPage {
	t.Helper()
	// Not t.TempDir, whose names are too long for sockets.
	tmp, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(tmp) })
	work, sockets := filepath.Join(tmp, "work"), filepath.Join(tmp, "run", "sabir")
	if err := cmp.Or(os.Mkdir(work, 0o755), os.MkdirAll(sockets, 0o700)); err != nil {
		t.Fatal(err)
	}
	shell, err := newDocShell(work, bin, sockets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shell.end(); err != nil {
			t.Error(err)
		}
	})
	p := &docPage{
		shell: shell, files: make(map[string]string), idle: make(map[string]int),
		counts: make(map[string]int), examples: make(map[string]string),
	}
	err = filepath.WalkDir("examples", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		p.examples[filepath.ToSlash(file)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDocs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/sabir").CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/sabir: %v\n%s", err, out)
	}
	pages, _ := filepath.Glob("docs/*.md")
	if len(pages) == 0 {
		t.Error("no docs/*.md")
	}
	for _, page := range append([]string{"README.md"}, pages...) {
		t.Run(page, func(t *testing.T) {
			blocks, err := docBlocks(string(read(t, page)))
			if err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			p := newDocPage(t, bin)
			ports := docPorts(t)
			for _, b := range blocks {
				if b.lang == "sh" {
					b.text = ports.Replace(b.text)
				}
				tool := func(name, line string) bool { return docTool(t, name, line) }
				if err := p.check(b, tool); err != nil {
					t.Fatalf("%s:%d: %v", page, b.line, err)
				}
			}
			if err := p.finish(); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			t.Logf("%d blocks: %v", len(blocks), p.counts)
		})
	}
}

// docTool reports whether a line can be run that needs a program. Only SABIR_SKIP excuses that one is missing.
func docTool(t *testing.T, name, line string) (run bool) {
	t.Run(line, func(t *testing.T) {
		needed.Tool(t, name)
		run = true
	})
	return run
}

// The two commands that the front page begins with.
func TestDocsTwoCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	blocks, err := docBlocks(string(read(t, "README.md")))
	if err != nil || len(blocks) == 0 || blocks[0].lang != "text" {
		t.Fatal("README.md begins with no block of text: ", err)
	}
	var commands []string
	for line := range strings.Lines(blocks[0].text) {
		command, _, _ := strings.Cut(line, " #")
		commands = append(commands, strings.TrimSpace(command))
	}
	if want := []string{"go run ./cmd/sabir demo", "./test"}; !slices.Equal(commands, want) {
		t.Fatalf("README.md begins with %q, and %q is tested", commands, want)
	}
	p := newDocPage(t, "")
	for _, c := range []struct{ line, output string }{
		{`unset GOWORK GOFLAGS && cd "$SABIR_REPO"`, ""},
		{"./test -h", "usage: ./test …\n…"},
		{"go build -o /dev/null ./cmd/sabir", ""}, // which may take longer than what runs in the background gets
		{commands[0] + " &", "…\nsabir: lounge listens on …\n…"},
	} {
		want := strings.Split(c.output, "\n")
		if c.output == "" {
			want = nil
		}
		if err := p.shell.run(c.line, want); err != nil {
			t.Fatalf("$ %s\n%v", c.line, err)
		}
	}
}

// A page that is not true is noticed.
func TestDocsNotice(t *testing.T) {
	for _, test := range []struct{ name, page, fault string }{
		{"true", "```sh\n$ echo one; echo two\n…\ntwo\n$ (exit 3)\n$ echo $?\n3\n```\n", ""},
		{"other output", "```sh\n$ echo one\ntwo\n```\n", "line 2: $ echo one"},
		{"no output", "```sh\n$ true\none\n```\n", "line 2: $ true"},
		{"more output", "```sh\n$ echo one; echo two\none\n```\n", "line 2: "},
		{"no command", "```sh\none\n```\n", "output before"},
		{"second page line", "text\n\n```sh\n$ echo one\none\n$ echo two\nthree\n```\n", "line 6: $ echo two"},
		{"go", "```go\nsvc := sabir.NewService(\"hello\", \"1.0\", \"Greets people.\")\n```\n", ""},
		{"other go", "```go\nsvc := sabir.NewService(\"hello\", \"1.1\", \"Greets people.\")\n```\n", "no file under examples/"},
		{"part of a file", "```go main.go\nctx, stop := \n```\n", "no file under examples/"},
		{"not the whole", "```go main.go\ntype Guest struct{ Name string }\n```\n", "not the whole"},
		{"other sabir", "```sabir\nmethod shout()\n```\n", "no .sabir file"},
		{"unused script", "```python x.py\nprint(1)\n```\n", "nothing runs x.py"},
		{"unused description", "```sabir x.sabir\nservice x 1\n```\n", "nothing runs x.sabir"},
		{"script", "```bash x.sh\necho one\n```\n```sh\n$ bash x.sh\none\n```\n", ""},
		{"unknown", "```json\n{}\n```\n", "neither run nor compared"},
		{"unmarked", "```\n{}\n```\n", "neither run nor compared"},
		{"indented", "  ```sh\n  $ false\n  ```\n", "at the margin"},
		{"tildes", "~~~sh\n$ false\n~~~\n", "at the margin"},
		{"open", "```text\n{}\n", "does not end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			blocks, err := docBlocks(test.page)
			if err == nil {
				p := newDocPage(t, "")
				for _, b := range blocks {
					err = cmp.Or(err, p.check(b, func(string, string) bool { return true }))
				}
				err = cmp.Or(err, p.finish())
			}
			switch {
			case test.fault == "" && err != nil:
				t.Error(err)
			case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
				t.Errorf("got %v, want %q", err, test.fault)
			}
		})
	}
}

func TestDocsAnyOrder(t *testing.T) {
	for _, test := range []struct {
		got, want string
		ok        bool
	}{
		{"a b", "b a", true},
		{"a b", "b b", false},
		{"a b c", "c a", false},
		{"a b c", "c … a", true},
		{"xa xb", "x… xa", true},
		{"a", "a b", false},
	} {
		if ok := docMatch(strings.Fields(test.got), strings.Fields(test.want), true); ok != test.ok {
			t.Errorf("%q and %q: %v", test.got, test.want, ok)
		}
	}
}

// Links lead somewhere.
func TestDocsLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^()\s]+)\)`)
	pages, _ := filepath.Glob("docs/*.md")
	checked := 0
	for _, page := range append([]string{"README.md", "CHANGELOG.md"}, pages...) {
		for _, found := range link.FindAllStringSubmatch(string(read(t, page)), -1) {
			file, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			checked++
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			data, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: %s: %v", page, found[1], err)
			}
			if anchor != "" && !slices.Contains(docAnchors(string(data)), anchor) {
				t.Errorf("%s: %s: no such heading", page, found[1])
			}
		}
	}
	t.Logf("checked %d links", checked)
}

// docAnchors lists the headings of a page as links name them.
func docAnchors(page string) (anchors []string) {
	for line := range strings.Lines(page) {
		if title := strings.TrimLeft(line, "#"); title != line {
			anchors = append(anchors, strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-"))
		}
	}
	return anchors
}
