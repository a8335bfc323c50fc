package lounge

import (
	"context"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Hit is a shared file that was found. Path has slashes and begins in the
// folder, as fetch takes it.
type Hit struct {
	Label    string
	Path     string
	Size     int // in bytes
	Modified time.Time
}

type searchParams struct {
	Query string
	Limit *int `min:"0"`
}

// search finds the regular files whose name contains the query, in whatever
// case. Labels, and then the entries of each folder, come in lexical order.
// Links are not followed, not even to what is in the folder: it is found where
// it is. No limit means all, 0 none.
func (s *shelf) search(ctx context.Context, in searchParams) (iter.Seq2[Hit, error], error) {
	return func(yield func(Hit, error) bool) {
		f := finder{ctx: ctx, query: strings.ToLower(in.Query), left: in.Limit, yield: yield}
		for _, f.label = range s.labels() {
			if f.root = s.folder(f.label); f.root != nil && !f.folder(".") {
				break
			}
		}
		if f.unspoken+f.unreadable > 0 {
			s.log.Warn("lounge: search skipped names", "not_utf8", f.unspoken, "unreadable", f.unreadable)
		}
	}, nil
}

// finder is one search.
type finder struct {
	ctx   context.Context
	query string // in lower case
	left  *int   // hits still wanted; nil: all
	yield func(Hit, error) bool

	label string
	root  *os.Root

	unspoken   int // names that are not UTF-8, which no message can hold
	unreadable int // folders that cannot be listed
}

// folder finds what is in one folder and in those below; false: enough.
func (f *finder) folder(dir string) bool {
	entries, err := f.entries(dir)
	if err != nil {
		f.unreadable++
	}
	for _, e := range entries {
		name, at := e.Name(), path.Join(dir, e.Name())
		switch {
		case f.ctx.Err() != nil || f.left != nil && *f.left == 0:
			return false
		case !utf8.ValidString(name):
			f.unspoken++
		case e.IsDir():
			if !f.folder(at) {
				return false
			}
		case strings.Contains(strings.ToLower(name), f.query):
			if !f.hit(at) {
				return false
			}
		}
	}
	return true
}

// entries lists a folder as far as it can be listed.
func (f *finder) entries(dir string) ([]fs.DirEntry, error) {
	d, err := open(f.root, dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// hit tells of a file if it is still there. It asks the root and not the entry,
// whose Info goes by the path of the folder and so could be led out of it.
func (f *finder) hit(at string) bool {
	info, err := f.root.Lstat(filepath.FromSlash(at))
	if err != nil || !info.Mode().IsRegular() {
		return true
	}
	if f.left != nil {
		*f.left--
	}
	return f.yield(Hit{f.label, at, size(info), modified(info)}, nil)
}

// File systems know sizes and times that messages do not. One odd file must not
// end the search, so that they are cut.

func size(info fs.FileInfo) int { return int(min(info.Size(), 1<<53-1)) }

func modified(info fs.FileInfo) time.Time {
	t := info.ModTime().UTC()
	switch {
	case t.Year() > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	case t.Year() < 1:
		return time.Time{}
	}
	return t
}
