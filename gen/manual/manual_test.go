package manual_test

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir/gen/manual"
	"github.com/sabir-ipc/sabir/idl"
)

var update = flag.Bool("update", false, "write the golden files anew")

func load(t *testing.T, name string) *idl.Service {
	t.Helper()
	f, err := idl.Load(name, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return &f.Service
}

func TestGolden(t *testing.T) {
	s := load(t, "testdata/tour.sabir")
	for ending, make := range map[string]func(...*idl.Service) ([]byte, error){"html": manual.HTML, "md": manual.Markdown} {
		got, err := make(s)
		if err != nil {
			t.Fatal(err)
		}
		name := "testdata/tour." + ending
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what is made now (go test -update ./gen/manual), %v:\n%s", name, err, got)
		}
	}
}

// Nothing that a description says is lost on the way to a page.
func TestNothingIsLost(t *testing.T) {
	files, err := filepath.Glob("../../vectors/idl/*.sabir")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "testdata/tour.sabir", "../golang/testdata/odd.sabir", "../../spec/rpc.sabir", "../../vectors/probe.sabir") {
		s := load(t, file)
		page, err := manual.HTML(s)
		if err != nil {
			t.Fatal(err)
		}
		paper, err := manual.Markdown(s)
		if err != nil {
			t.Fatal(err)
		}
		for where, text := range map[string]string{"HTML": pageText(page), "Markdown": paperText(paper)} {
			for _, said := range sayings(s) {
				if !strings.Contains(text, words(said)) {
					t.Errorf("%s: the %s has no %q", file, where, said)
				}
			}
		}
	}
}

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	runs  = regexp.MustCompile(`[^\pL\pN"]+`)
	style = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
)

// words is text without what is not a letter, so that marks and line ends do not matter.
func words(text string) string { return strings.TrimSpace(runs.ReplaceAllString(text, " ")) }

func pageText(page []byte) string {
	return words(html.UnescapeString(tags.ReplaceAllString(style.ReplaceAllString(string(page), ""), " ")))
}

func paperText(paper []byte) string { return words(string(paper)) }

// sayings are all texts of a tree, and how its types look.
func sayings(s *idl.Service) (all []string) {
	add := func(texts ...string) { all = append(all, texts...) }
	fields := func(fs []idl.Field) {
		for i := range fs {
			f := &fs[i]
			bare := idl.Field{Type: f.Type}
			add(f.Name, f.Doc, f.Unit, f.Since, f.Deprecated, bare.Type.String())
			if f.Default != nil {
				add(idl.Literal(f.Default))
			}
			if f.Example != nil {
				add(idl.Literal(f.Example))
			}
		}
	}
	add(s.Name, s.Version, s.Doc)
	for i := range s.Members {
		m := &s.Members[i]
		add(m.Name, m.Doc, m.Deprecated, m.Since, string(m.Needs()))
		add(m.Errors...)
		fields(m.Params)
		fields(m.Result)
		if m.Item != nil {
			add(m.Item.String())
		}
	}
	for i := range s.Types {
		n := &s.Types[i]
		add(n.Name, n.Doc)
		fields(n.Type.Fields)
		for _, c := range n.Type.Options {
			add(c.Name, c.Doc)
			if c.Type != nil {
				add(c.Type.String())
			}
		}
	}
	for i := range s.Errors {
		add(s.Errors[i].Name, s.Errors[i].Doc)
		fields(s.Errors[i].Fields)
	}
	return all
}

// A page loads nothing, has only links that lead somewhere in it, and its style is
// the one that a policy lets through.
func TestStandsAlone(t *testing.T) {
	page, err := manual.HTML(load(t, "testdata/tour.sabir"), load(t, "../../vectors/probe.sabir"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "src=", "@import", "url(", "http:", "https:"} {
		if bytes.Contains(page, []byte(bad)) {
			t.Errorf("the page has %s", bad)
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllSubmatch(page, -1) {
		if ids[string(id[1])] {
			t.Errorf("two have the id %s", id[1])
		}
		ids[string(id[1])] = true
	}
	for _, link := range regexp.MustCompile(` href="([^"]*)"`).FindAllSubmatch(page, -1) {
		if to, inside := strings.CutPrefix(string(link[1]), "#"); !(inside && ids[to]) && to != "data:," {
			t.Errorf("a link leads to %s", link[1])
		}
	}
	if got := style.FindSubmatch(page); got == nil || manual.StyleSource() != manual.SourceOf(got[1]) {
		t.Errorf("the style is not %s", manual.StyleSource())
	}
}

// A description may come from anybody.
func TestHostile(t *testing.T) {
	const bad = "</style><script>alert(1)</script>\n\n\t`<img src=x>`\n\n- [x](javascript:alert(1)) <b>"
	f := idl.Field{Name: bad, Doc: bad, Type: idl.Type{Kind: bad, Pattern: bad}, Unit: bad, Since: bad, Deprecated: bad, Default: bad, Example: bad}
	s := &idl.Service{
		Name: bad, Version: bad, Doc: bad,
		Members: []idl.Member{
			{Kind: bad, Name: bad, Doc: bad, Params: []idl.Field{f}, Errors: []string{bad}, Since: bad, Access: bad, Deprecated: bad},
			{Kind: idl.Stream, Name: "x"},
			{Kind: idl.Table, Name: "y", Item: &idl.Type{Kind: idl.Named, Name: "Loop"}},
		},
		Types: []idl.NamedType{
			{Name: bad, Doc: bad, Type: idl.Type{Kind: idl.Union, Options: []idl.Case{{Name: bad, Doc: bad}}}},
			{Name: "Loop", Type: idl.Type{Kind: idl.Named, Name: "Loop"}},
		},
		Errors: []idl.NamedError{{Name: bad, Doc: bad, Fields: []idl.Field{f}}},
	}
	page, err := manual.HTML(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"<script", "<img", "<b>", `href="javascript`} {
		if bytes.Contains(page, []byte(tag)) {
			t.Errorf("the page has %s", tag)
		}
	}
	if _, err := manual.HTML(); err != nil {
		t.Error(err)
	}
}

// In Markdown, texts are from anybody and names are names.
func TestHostilePaper(t *testing.T) {
	const bad = "</style><script>alert(1)</script> | *x*\n\n\t`<img src=x>`\n\n- [x](javascript:alert(1)) <b>\n\n# h\n\n2. x"
	f := idl.Field{Name: "f", Doc: bad, Type: idl.Type{Kind: idl.String}, Unit: bad, Since: bad, Deprecated: bad, Default: bad, Example: bad}
	s := &idl.Service{
		Name: "s", Version: bad, Doc: bad,
		Members: []idl.Member{{Kind: idl.Method, Name: "m", Doc: bad, Params: []idl.Field{f}, Errors: []string{"E"}, Since: bad, Deprecated: bad}},
		Types:   []idl.NamedType{{Name: "T", Doc: bad, Type: idl.Type{Kind: idl.Enum, Options: []idl.Case{{Name: "c", Doc: bad}}}}},
		Errors:  []idl.NamedError{{Name: "E", Doc: bad, Fields: []idl.Field{f}}},
	}
	if faults := idl.Check(s); faults != nil {
		t.Fatal(faults)
	}
	paper, err := manual.Markdown(s)
	if err != nil {
		t.Fatal(err)
	}
	harmless := regexp.MustCompile("``+ .*? ``+|`[^`]+`|\\\\.|<a id=\"[\\w.]*\"></a>|\\*\\*Deprecated:\\*\\*")
	inCode := false
	for line := range strings.Lines(string(paper)) {
		if strings.HasPrefix(line, "```") {
			inCode = !inCode
		} else if left := harmless.ReplaceAllString(line, ""); !inCode && regexp.MustCompile(`[<*]|\]\([^#]|^# h|^2\.`).MatchString(left) {
			t.Errorf("the paper has %q, of which means something %q", line, left)
		}
	}
}

func Example() {
	s := &idl.Service{Name: "bell", Version: "1", Members: []idl.Member{{Kind: idl.Method, Name: "ring", Doc: "Ring."}}}
	text, err := manual.Markdown(s)
	fmt.Printf("%s%v", text, err)
	// Output:
	// # bell 1
	//
	// | member | kind | |
	// |---|---|---|
	// | [ring](#bell.ring) | method | Ring. |
	//
	// ## <a id="bell.ring"></a>ring
	//
	// ```sabir
	// method ring()
	// ```
	//
	// Ring.
	//
	// access write
	//
	// ```sh
	// sabir call bell.ring
	// ```
	// <nil>
}
