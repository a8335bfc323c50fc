package idl

import (
	"path"
	"slices"
	"strings"
)

// File is a description as text: the tree, and what the tree has no place for,
// so that [File.Format] loses nothing.
type File struct {
	Path string
	// Service is what the file says. Its name is empty where the file has only
	// types and errors, for others to import.
	Service Service
	Imports []Import

	order []any // the declarations as they stand: *Import, *Service, *Member, *NamedType, *NamedError
	marks map[any]*mark
	end   [][]string // remarks after the last declaration
}

// Import names types and errors that are defined in another file.
type Import struct {
	Names []string
	From  string // relative to the file that says it, with slashes
}

// mark is what the text has beside a node of the tree.
type mark struct {
	at     Pos
	notes  map[string]Pos // its annotations, flags and errors
	loose  [][]string     // remarks above it, in blocks
	doc    string
	trail  string     // the remark at the end of its line
	after  [][]string // of the last in a list: remarks before the bracket
	blank  bool       // an empty line stands above
	broken bool       // of the first in a list: on a line of its own
}

func (m *mark) remarked() bool {
	return m != nil && (m.trail != "" || len(m.loose) > 0 || len(m.after) > 0)
}

// At returns where a node of the tree stands in the text: a *Member, *Field,
// *Type, *Case, *NamedType, *NamedError, *Service or *Import that f has.
func (f *File) At(node any) Pos {
	if m := f.marks[node]; m != nil {
		return m.at
	}
	return Pos{File: f.Path}
}

// Load reads a description with all that it imports and checks it. Files are
// read by their path; what the file imports is looked for beside it. The error
// is [Faults], or that of read for the first file.
func Load(file string, read func(path string) ([]byte, error)) (*File, error) {
	text, err := read(file)
	if err != nil {
		return nil, err
	}
	l := &loader{read: read, files: make(map[string]*File)}
	f := l.parse(file, text)
	if f == nil {
		return nil, l.faults.sorted()
	}
	l.files[file] = f
	l.resolve(f, []string{file})
	if len(l.faults) == 0 {
		l.faults = f.check()
	}
	return f, l.faults.sorted()
}

// loader reads each file once.
type loader struct {
	read   func(path string) ([]byte, error)
	files  map[string]*File // nil: it has faults
	faults Faults
}

func (l *loader) parse(file string, text []byte) *File {
	f, err := Parse(file, text)
	if faults, ok := err.(Faults); ok {
		l.faults = append(l.faults, faults...)
		return nil
	}
	return f
}

// resolve adds to f what it imports, with what that needs. trail is the way
// from the first file to f. spec [I5]
func (l *loader) resolve(f *File, trail []string) {
	in := newIncoming(f)
	for i := range f.Imports {
		im := &f.Imports[i]
		at := f.marks[im]
		from := path.Join(path.Dir(f.Path), im.From)
		other := l.open(from, at.at, trail)
		if other == nil {
			continue
		}
		for _, name := range im.Names {
			if !in.take(other, name) {
				l.faults = append(l.faults, Fault{Pos: at.notes[name], Message: "no type or error " + name + " in " + from, Hint: other.nearest(name)})
			}
		}
	}
	in.finish()
	l.faults = append(l.faults, in.faults...)
}

func (l *loader) open(file string, at Pos, trail []string) *File {
	if slices.Contains(trail, file) {
		l.faults = append(l.faults, Fault{Pos: at, Message: "the file imports itself: " + strings.Join(append(trail, file), " imports ")})
		return nil
	}
	if f, ok := l.files[file]; ok {
		return f
	}
	l.files[file] = nil
	text, err := l.read(file)
	if err != nil {
		l.faults = append(l.faults, Fault{Pos: at, Message: err.Error(), Hint: "the path is relative to the file that imports"})
		return nil
	}
	f := l.parse(file, text)
	if f != nil {
		l.resolve(f, append(trail[:len(trail):len(trail)], file))
		l.files[file] = f
	}
	return f
}
