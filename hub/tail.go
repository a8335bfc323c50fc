package hub

import (
	"bytes"
	"strings"
	"sync"
)

// tail keeps the end of what is written to it. It may be used by any number of
// goroutines.
type tail struct {
	most int
	mu   sync.Mutex
	buf  bytes.Buffer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if over := t.buf.Len() - t.most; over > 0 {
		t.buf.Next(over)
	}
	return len(b), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// lastLines is the end of a text that a person reads.
func lastLines(text string) string {
	text = strings.TrimSpace(text)
	lines := strings.Split(text, "\n")
	text = strings.Join(lines[max(0, len(lines)-saidLines):], "\n")
	return strings.ToValidUTF8(text[max(0, len(text)-maxSaid):], "?")
}
