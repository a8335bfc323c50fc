package sabir

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sabir-ipc/sabir/idl"
)

// The names of offered services: who has one, from when on it is found, and when it is
// free again. spec [U6], [U7]

const (
	// maxExports is how many services one connection may offer, which may be a hub.
	maxExports = 1024
	// maxDescriptions is how many bytes their descriptions take together.
	maxDescriptions = 64 << 20
)

// takenPatience is how long a name is waited for that somebody else has: a program that
// is started again at once may be heard before the end of its last run is.
const takenPatience = 500 * time.Millisecond

// reserve takes the name, under which nothing is found yet.
func (x *Exports) reserve(ctx context.Context, e *export, own []*idl.Service) error {
	name := e.desc.Name
	if name == "rpc" || slices.ContainsFunc(own, func(s *idl.Service) bool { return s.Name == name }) {
		return Taken{name}
	}
	for end := time.Now().Add(takenPatience); ; {
		mine, err := x.claim(e)
		var taken Taken
		if !errors.As(err, &taken) || mine || len(e.via) > 0 || time.Now().After(end) {
			return err // another hub comes again by itself, and has more to offer meanwhile
		}
		select { // nobody tells when a connection is found to have ended
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// claim is one try of it; mine: it is the same connection that has the name.
func (x *Exports) claim(e *export) (mine bool, err error) {
	name := e.desc.Name
	if old := x.find(name + "."); old != nil && !old.c.alive() {
		x.remove(old.c, name) // its service is stopping, and this may be the next run of it
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if old := x.byName[name]; old != nil {
		return old.c == e.c && !old.leaving, Taken{name}
	}
	n, size := 1, e.size
	for _, other := range x.byName {
		if other.c == e.c {
			n++
			size += other.size
		}
	}
	if n > maxExports {
		return false, busy("exports", "over %d services of one connection", maxExports)
	}
	if size > maxDescriptions {
		return false, busy("exports", "over %d bytes of descriptions of one connection", maxDescriptions)
	}
	x.byName[name] = e
	return false, nil
}

// open has a service found.
func (x *Exports) open(e *export, release func()) {
	x.mu.Lock()
	e.release = release
	if e.leaving { // its connection ended meanwhile
		x.mu.Unlock()
		x.free(e)
		return
	}
	e.open = true
	delete(x.gone, e.desc.Name)
	x.order = append(slices.Clone(x.order), e.desc)
	x.mu.Unlock()
	x.changed()
}

// remove ends one export of a connection; false: it has none of that name.
func (x *Exports) remove(c *conn, name string) bool {
	x.mu.Lock()
	e := x.byName[name]
	if e == nil || e.c != c || e.leaving {
		x.mu.Unlock()
		return false
	}
	e.leaving = true
	if !e.open { // who is about to open it ends it
		x.mu.Unlock()
		return true
	}
	e.open = false
	x.miss(name)
	x.order = slices.DeleteFunc(slices.Clone(x.order), func(s *idl.Service) bool { return s == e.desc })
	x.mu.Unlock()
	x.free(e)
	return true
}

// free lets go of a name, after all that belongs to it: else the next of that name would
// find it in its way, and lose its own to the release of this one.
func (x *Exports) free(e *export) {
	if e.release != nil {
		e.release()
	}
	x.mu.Lock()
	delete(x.byName, e.desc.Name)
	x.mu.Unlock()
	x.changed()
}

// drop ends all exports of a connection. spec [U7]
func (x *Exports) drop(c *conn) {
	x.mu.RLock()
	var names []string
	for name, e := range x.byName {
		if e.c == c {
			names = append(names, name)
		}
	}
	x.mu.RUnlock()
	for _, name := range names {
		x.remove(c, name)
	}
}
