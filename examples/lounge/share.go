package lounge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/sabir-ipc/sabir"
)

// maxFolders is how many folders may be shared.
const maxFolders = 64

type shareParams struct {
	Label string `min:"1" max:"64"`
	Path  string
}

// shelf is the shared folders. They are reached through os.Root alone, out of
// which no path, link or race leads.
type shelf struct {
	log *slog.Logger

	mu      sync.Mutex
	folders map[string]*os.Root // by label
	closed  bool
}

// share opens the folder for good: what is moved away afterwards stays shared.
func (s *shelf) share(_ context.Context, in shareParams) (sabir.None, error) {
	if err := s.room(in.Label); err != nil {
		return sabir.None{}, err
	}
	root, err := openFolder(in.Path)
	if err != nil {
		s.log.Info("lounge: not shared", "label", in.Label, "err", err)
		return sabir.None{}, NoSuchFolder{in.Path}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fits(in.Label); err != nil { // somebody was faster
		root.Close()
		return sabir.None{}, err
	}
	if s.folders == nil {
		s.folders = make(map[string]*os.Root)
	}
	s.folders[in.Label] = root
	s.log.Info("lounge: shared", "label", in.Label, "path", in.Path)
	return sabir.None{}, nil
}

// room is fits before the folder is opened.
func (s *shelf) room(label string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fits(label)
}

// fits says why no folder can be shared under the label, with mu held.
func (s *shelf) fits(label string) error {
	switch {
	case s.closed:
		return sabir.Unavailable("the lounge is closed")
	case s.folders[label] != nil:
		return LabelTaken{label}
	case len(s.folders) >= maxFolders:
		return sabir.Busy("folders", "over %d shared folders", maxFolders)
	}
	return nil
}

// openFolder opens a folder that can be listed. The dot at the end is there
// because os.OpenRoot would wait for the other end of a FIFO.
func openFolder(path string) (*os.Root, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%q is relative", path)
	}
	root, err := os.OpenRoot(path + string(filepath.Separator) + ".")
	if err != nil {
		return nil, err
	}
	return root, nil
}

// labels returns those of all folders, sorted.
func (s *shelf) labels() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.folders))
}

// folder returns the one under the label, or nil.
func (s *shelf) folder(label string) *os.Root {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.folders[label]
}

func (s *shelf) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, root := range s.folders {
		errs = append(errs, root.Close())
	}
	s.folders, s.closed = nil, true
	return errors.Join(errs...)
}

// open opens what is there without waiting for it: a FIFO, opened to be read,
// waits for somebody who writes. To look first and open then would be a race.
func open(root *os.Root, path string) (*os.File, error) {
	return root.OpenFile(filepath.FromSlash(path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
