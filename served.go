package sabir

import (
	"iter"

	"github.com/sabir-ipc/sabir/wire"
)

// served are the calls that a connection serves, by the ids that their caller
// gave them, which are mostly numbers.
type served struct {
	numbered numbered[inbound]
	named    map[wire.ID]*inbound
}

func (s *served) find(id wire.ID) *inbound {
	if n, ok := id.Int(); ok {
		return s.numbered.find(n)
	}
	return s.named[id]
}

func (s *served) add(in *inbound) {
	if n, ok := in.id.Int(); ok {
		s.numbered.add(n, in)
		return
	}
	if s.named == nil {
		s.named = make(map[wire.ID]*inbound)
	}
	s.named[in.id] = in
}

// remove frees the id, unless another call has it by now.
func (s *served) remove(in *inbound) {
	if s.find(in.id) != in {
		return
	}
	if n, ok := in.id.Int(); ok {
		s.numbered.remove(n)
	} else {
		delete(s.named, in.id)
	}
}

func (s *served) none() bool { return s.numbered.n == 0 && len(s.named) == 0 }

func (s *served) clear() {
	s.numbered = numbered[inbound]{}
	clear(s.named)
}

// all is for loops in which calls may end.
func (s *served) all() iter.Seq[*inbound] {
	return func(yield func(*inbound) bool) {
		for _, in := range s.numbered.all() {
			if !yield(in) {
				return
			}
		}
		for _, in := range s.named {
			if !yield(in) {
				return
			}
		}
	}
}
