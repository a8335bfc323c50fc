package web

import (
	"io"

	"github.com/sabir-ipc/sabir/wire"
)

// holding counts what is read of a message for its caller, by a function that
// says when it is too much. spec [B6]
type holding struct {
	io.Reader
	hold    func(bytes int) bool // nil: nobody counts
	read    int
	counted int
}

// uncounted is how much of a message takes nothing worth counting.
const uncounted = 16 << 10

func (h *holding) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.read += n
	if h.read > uncounted && h.hold != nil {
		if !h.hold(h.read - h.counted) {
			return 0, wire.ErrNoRoom
		}
		h.counted = h.read
	}
	return n, err
}
