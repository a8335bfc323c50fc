package pulse

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// source is a timer of the kernel's that is read like a file (timerfd_create(2)), so that the poller waits for it
// together with the sockets. Where it cannot be had, a ticker stands in.
type source struct {
	fd     int
	file   *os.File
	period syscall.Timespec
	poor   bool // only the ticker
	ticker
}

const (
	clockMonotonic = 1
	closeOnExec    = syscall.O_CLOEXEC
	nonBlocking    = syscall.O_NONBLOCK
)

func (s *source) start(period time.Duration) {
	if s.file == nil && !s.poor {
		fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, closeOnExec|nonBlocking, 0)
		if s.poor = errno != 0; !s.poor {
			s.fd, s.file = int(fd), os.NewFile(fd, "timerfd")
		}
	}
	if s.poor {
		s.ticker.start(period)
		return
	}
	s.period = syscall.NsecToTimespec(int64(period))
	s.set(s.period, s.period)
}

func (s *source) wait() {
	if s.poor {
		s.ticker.wait()
		return
	}
	var times [8]byte
	s.file.Read(times[:])
}

func (s *source) stop() {
	if s.poor {
		s.ticker.stop()
		return
	}
	s.set(syscall.Timespec{}, syscall.Timespec{})
}

// hurry has the next beat come now.
func (s *source) hurry() {
	if s.poor {
		s.ticker.hurry()
		return
	}
	s.set(syscall.Timespec{Nsec: 1}, s.period)
}

// set makes the first beat come after a time, and the others after each other; zero is never.
func (s *source) set(first, others syscall.Timespec) {
	spec := [2]syscall.Timespec{others, first} // struct itimerspec: it_interval, it_value
	syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(s.fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}
