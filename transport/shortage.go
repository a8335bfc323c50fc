package transport

import (
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"
)

// shortage tells that a listener can accept nothing for want of something. Its methods may be called by any goroutine.
type shortage struct {
	tell func(error) // nil: nobody wants to know
	mu   sync.Mutex
	last time.Time // when it was told
}

// shortAgain is how often it is told: at the limit each connection that ends lets one in, and the next is one too many.
const shortAgain = time.Minute

// Short has f told when connections wait that cannot be accepted, since the process or the system has no more files or
// memory, at most once a minute. It is set before Accept.
func (s *shortage) Short(f func(error)) { s.tell = f }

func (s *shortage) note(err error) {
	var errno syscall.Errno
	if s.tell == nil || !errors.As(err, &errno) || !slices.Contains([]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}, errno) {
		return
	}
	s.mu.Lock()
	again := s.last.IsZero() || time.Since(s.last) >= shortAgain
	if again {
		s.last = time.Now()
	}
	s.mu.Unlock()
	if again {
		s.tell(errno)
	}
}

func temporary(err error) bool {
	for _, errno := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EAGAIN, syscall.EINTR, syscall.EPROTO,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
