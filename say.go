package sabir

import (
	"context"
	"log/slog"
)

// Whoever writes a log may take his time, wait for ever, as for a pipe that nobody
// empties, or call the very service whose log it is, as one does who publishes it. So no
// lock is held meanwhile, and nobody is kept who looks after other connections: what a
// handler's failure leaves to say its own goroutine says, and what is found with the lock
// of a connection held waits for one that has nothing else to do.

// saying is what waits to be logged on a connection, guarded by its mutex.
type saying struct {
	lines []said
	more  int  // that there was no room for
	busy  bool // a goroutine is at it
}

type said struct {
	level slog.Level
	text  string
	attrs []any
}

// maxSaid is how many lines wait; of others that come meanwhile only the number is told.
const maxSaid = 64

// say has a line logged, with c.mu held.
func (c *conn) say(level slog.Level, text string, attrs ...any) {
	s := &c.saying
	if len(s.lines) == maxSaid {
		s.more++
		return
	}
	if s.more > 0 {
		attrs = append(attrs, "not_logged", s.more)
		s.more = 0
	}
	s.lines = append(s.lines, said{level, text, attrs})
	if s.busy {
		return
	}
	s.busy = true
	c.goroutines.Add(1)
	go c.sayAll()
}

func (c *conn) sayAll() {
	defer c.goroutines.Done()
	s := &c.saying
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(s.lines) > 0 {
		line := s.lines[0]
		s.lines = s.lines[1:]
		c.mu.Unlock()
		c.log.Log(context.Background(), line.level, line.text, line.attrs...)
		c.mu.Lock()
	}
	s.lines, s.busy = nil, false
}
