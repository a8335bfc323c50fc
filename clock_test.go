package sabir

import (
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/transport"
)

// A subscription whose first item goes out at the moment at which its time is up goes on.
//
// clause: M9
func TestFirstItemInTime(t *testing.T) {
	near, far := transport.Pipe()
	defer near.Close()
	c := newConn(far, connConfig{})
	in := &inbound{c: c}
	c.mu.Lock()
	in.deadline = time.Now().Add(time.Millisecond)
	in.startClock(time.Millisecond)
	time.Sleep(20 * time.Millisecond) // until the timer waits for the lock
	in.begun()
	c.mu.Unlock()
	time.Sleep(20 * time.Millisecond) // until it has had it
	if err := in.Err(); err != nil {
		t.Error(err)
	}
	c.close()
	c.wait()
}
