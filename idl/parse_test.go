package idl

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/sabir-ipc/sabir/vectors"
)

// archive reads a file of vectors/idl.
func archive(t testing.TB, name string) map[string]string {
	t.Helper()
	data, err := vectors.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, f := range txtar.Parse(data).Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

var errNoFile = errors.New("no such file")

func reader(files map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		text, ok := files[path]
		if !ok {
			return nil, errNoFile
		}
		return []byte(text), nil
	}
}

// clause: I1, I4, I5, I6, I7, I8, I9
func TestFaults(t *testing.T) {
	files := archive(t, "idl/faults.txtar")
	for name, text := range files {
		want, ok := files[name+".faults"]
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			_, err := Load(name, reader(files))
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("%v for\n%s", err, text)
			}
			for i := range faults {
				if faults[i].Pos.File != name {
					faults[i].Pos.File += " of"
				}
			}
			got := strings.ReplaceAll(err.Error(), name+":", "")
			got = strings.ReplaceAll(got, "loop.sabir of:1:1:", "1:1 of loop.sabir:")
			if got != strings.TrimSuffix(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// clause: I1, I2, I3
func TestForm(t *testing.T) {
	files := archive(t, "idl/form.txtar")
	for name, text := range files {
		want, ok := files[name+".form"]
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			f, err := Parse(name, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Format(); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			again, err := Parse(name, []byte(want))
			if err != nil {
				t.Fatal(err)
			}
			if got := again.Format(); got != want {
				t.Errorf("formatted again\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// What is imported comes after what is there, with what it needs.
//
// clause: I5
func TestImport(t *testing.T) {
	files := archive(t, "idl/faults.txtar")
	files["a/lounge.sabir"] = `import NoSuchRoom, Message from "../common.sabir"
service lounge 1.0

topic message: Message ! NoSuchRoom

type Own { a: int }
`
	f, err := Load("a/lounge.sabir", reader(files))
	if err != nil {
		t.Fatal(err)
	}
	const want = `service lounge 1.0

topic message: Message ! NoSuchRoom

type Own { a: int }
type Mood enum(happy, sad)
type Message { text: string, mood: Mood }
error NoSuchRoom { room: string, near: ?Mood }
`
	if got := f.Service.String(); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := f.Format(); got != files["a/lounge.sabir"] {
		t.Errorf("formatted\n%s", got)
	}
	if at := f.At(&f.Service.Types[2].Type.Fields[1]); at.String() != "common.sabir:4:30" {
		t.Errorf("mood is at %v", at)
	}
	if at := f.At(&f.Service.Types[0]); at.String() != "a/lounge.sabir:6:6" {
		t.Errorf("Own is at %v", at)
	}
}

// clause: I2, I3
func TestParsePrint(t *testing.T) {
	for _, text := range []string{everything.String(), vector(t, "probe.sabir")} {
		f, err := Load("x.sabir", reader(map[string]string{"x.sabir": text}))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Service.String(); got != text {
			t.Errorf("the tree prints as\n%s\nwant\n%s", got, text)
		}
		if got := f.Format(); got != text {
			t.Errorf("formatted as\n%s\nwant\n%s", got, text)
		}
	}
}

// Descriptions of what others offer are in their one form, leave nothing to
// complain of, and are the same text again when they were a tree.
//
// clause: I2
func TestCorpus(t *testing.T) {
	names, err := fs.Glob(vectors.FS, "idl/*.sabir")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text := vector(t, name)
		f, err := Load(name, func(name string) ([]byte, error) { return vectors.FS.ReadFile(name) })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if faults := f.Style(); faults != nil {
			t.Errorf("%s: %v", name, faults)
		}
		if f.Format() != text {
			t.Errorf("%s is not in the form that sabir fmt writes", name)
		}
		printed := f.Service.String()
		again := load(t, printed)
		if again.Service.String() != printed || again.Format() != printed {
			t.Errorf("%s: the tree is printed as another text", name)
		}
		for _, m := range f.Service.Members {
			if m.Doc == "" {
				t.Errorf("%s: %s has no doc", name, m.Name)
			}
		}
	}
}

func vector(t testing.TB, name string) string {
	t.Helper()
	text, err := vectors.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A tree without text has its faults told by name.
//
// clause: I4, I7
func TestCheckTree(t *testing.T) {
	s := Service{Name: "x", Members: []Member{
		{Kind: Topic, Name: "a", Readonly: true},
		{Kind: Method, Name: "B", Params: []Field{{Name: "p", Type: Type{Kind: List}}, {Name: "Q", Type: Type{Kind: Bool}}}},
		{Kind: "gauge", Name: "c"},
	}, Types: []NamedType{{Name: "low", Type: Type{Kind: Union, Options: []Case{{Name: "a"}, {Name: "B"}}}}}, Errors: []NamedError{{Name: "e_e"}}}
	const want = `x.low: "low" is no name for a type, [A-Z][A-Za-z0-9]*
x.low: the case a of a union has no struct
	hint: a: { … }
x.low: "B" is no name for a case, [a-z][a-z0-9_]*
x.low: the case B of a union has no struct
	hint: B: { … }
x.e_e: "e_e" is no name for an error, [A-Z][A-Za-z0-9]*
x.a: a topic of nothing
x.a: readonly is for methods
	hint: a topic changes nothing, and needs no word for it
x.B: "B" is no name for a member, [a-z][a-z0-9_]*
x.B params: a list of nothing
x.B params: "Q" is no name for a field, [a-z][a-z0-9_]*`
	if got := Check(&s).Error(); got != want {
		t.Errorf("got\n%s", got)
	}
	if faults := Check(&everything); faults != nil {
		t.Error(faults)
	}
}

// Whatever is a text has one form, whose tree is the same.
//
// clause: I2, I3
func FuzzText(f *testing.F) {
	for _, name := range []string{"idl/faults.txtar", "idl/form.txtar"} {
		for _, text := range archive(f, name) {
			f.Add(text)
		}
	}
	f.Add(vector(f, "probe.sabir"))
	f.Add(everything.String())
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("x", []byte(text))
		if err != nil {
			return
		}
		formatted := file.Format()
		again, err := Parse("x", []byte(formatted))
		if err != nil {
			t.Fatalf("%v in the form of %q:\n%s", err, text, formatted)
		}
		if twice := again.Format(); twice != formatted {
			t.Errorf("%q has two forms\n%s\nand\n%s", text, formatted, twice)
		}
		printed := file.Service.String()
		if again.Service.String() != printed {
			t.Errorf("the form of %q says\n%s\nand not\n%s", text, again.Service.String(), printed)
		}
		if before, after := comments(text), comments(formatted); before != after {
			t.Errorf("comments of %q: %s, then %s", text, before, after)
		}
		if file.Service.Name == "" {
			return
		}
		tree, err := Parse("x", []byte(printed))
		if err != nil {
			t.Fatalf("%v in what %q says:\n%s", err, text, printed)
		}
		if got := tree.Service.String(); got != printed {
			t.Errorf("%q: printed\n%s\nand then\n%s", text, printed, got)
		}
	})
}

// comments are as many x as the comments of a text have letters.
func comments(text string) string {
	s := scanner{rest: text, fault: func(Pos, string, string, ...any) {}}
	count := 0
	for _, t := range s.scan() {
		for _, b := range blocks(t.comments) {
			for _, l := range b.lines {
				for w := range strings.FieldsSeq(l) {
					count += len(w)
				}
			}
		}
	}
	return strings.Repeat("x", count)
}
