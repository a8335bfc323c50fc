package lounge

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"syscall"
)

// pieceSize is how much of a file goes in one item: as much as may. spec [S8]
const pieceSize = 64 << 10

type fetchParams struct {
	Label  string
	Path   string
	Offset *int `min:"0"`
}

// fetch reads a file from the offset to its end, wherever that is by then: a
// file that shrinks meanwhile just ends. Links are followed within the folder.
func (s *shelf) fetch(_ context.Context, in fetchParams) (iter.Seq2[[]byte, error], error) {
	return func(yield func([]byte, error) bool) {
		file, err := s.open(in)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		at := int64(0)
		if in.Offset != nil {
			at = int64(*in.Offset)
		}
		buf := make([]byte, pieceSize)
		for {
			n, err := file.ReadAt(buf, at)
			at += int64(n)
			switch {
			case n > 0 && !yield(buf[:n], nil):
				return
			case err == io.EOF:
				return
			case err != nil:
				yield(nil, err)
				return
			}
		}
	}, nil
}

// open opens a regular file. What it is can only be asked once it is open.
func (s *shelf) open(in fetchParams) (*os.File, error) {
	none := NoSuchFile{in.Label, in.Path}
	root := s.folder(in.Label)
	if root == nil {
		return nil, none
	}
	file, err := open(root, in.Path)
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return nil, err // says nothing about the file
	}
	if err != nil {
		return nil, none
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, none
	}
	return file, nil
}
