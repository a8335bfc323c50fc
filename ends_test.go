package sabir

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
)

// What is unsent when a connection ends is on no account any more.
// clause: B6, O5
func TestAccountOfEndedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as := &accounts{most: 10}
		a := as.open("me")
		near, far := transport.Pipe()
		svc := NewService("s", "1", "")
		Method(svc, "large", func(context.Context, None) (struct{ Data []byte }, error) {
			return struct{ Data []byte }{make([]byte, 2<<20)}, nil
		})
		st := new(stats)
		c := newConn(far, connConfig{handler: newRoot(svc, nil, st), base: t.Context(), stats: st, caller: Caller{Level: AccessWrite}, account: a})
		c.start()
		if _, err := io.WriteString(near, `{"id":1,"method":"s.large"}`+"\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a.taken[unsent].Load() < 2<<20 {
			t.Errorf("%d bytes are on the account while they wait", a.taken[unsent].Load())
		}
		c.close()
		c.wait()
		if n, all := a.taken[unsent].Load(), as.together[unsent].Load(); n != 0 || all != 0 {
			t.Errorf("%d bytes are left of the caller, %d of all", n, all)
		}
		near.Close()
	})
}

// A service whose connection ends while its offer is judged is not there afterwards.
// clause: U7
func TestOfferEndsWhileItIsJudged(t *testing.T) {
	judged, judge := make(chan struct{}), make(chan struct{})
	released := false
	x := NewExports(func(Caller, *idl.Service) (func(), error) {
		close(judged)
		<-judge
		return func() { released = true }, nil
	})
	near, far := transport.Pipe()
	defer near.Close()
	c := newConn(far, connConfig{base: t.Context()})
	svc := NewService("ghost", "1", "")
	done := make(chan error)
	go func() { done <- x.add(t.Context(), c, Caller{}, exportParams{Service: *svc.Describe()[0]}, nil) }()
	<-judged
	c.close()
	x.drop(c) // as a server does
	close(judge)
	<-done
	if len(x.Describe()) != 0 || x.find("ghost.m") != nil || !released {
		t.Errorf("described %d, found %v, released %v", len(x.Describe()), x.find("ghost.m") != nil, released)
	}
}

// turning is a client with two calls that are not answered, and how to wait for a turn
// there.
func turning(t *testing.T) (c *conn, far *transport.Conn, turn func(ctx context.Context) chan bool) {
	near, far := transport.Pipe()
	cl := NewClient(near, nil)
	c = cl.cur
	go io.Copy(io.Discard, far)
	for range 2 {
		go Do[None](t.Context(), cl, "x.other", nil)
	}
	synctest.Wait()
	return c, far, func(ctx context.Context) chan bool {
		answered := make(chan bool, 1)
		go func() { answered <- c.turn(ctx) }()
		synctest.Wait()
		return answered
	}
}

// A turn that comes to who has ended meanwhile is the next one's.
func TestTurnOfWhoHasEnded(t *testing.T) {
	for range 20 { // he may see either first
		synctest.Test(t, func(t *testing.T) {
			c, far, turn := turning(t)
			ctx, cancel := context.WithCancel(t.Context())
			first, second := turn(ctx), turn(t.Context())
			c.mu.Lock()
			cancel()
			c.turns.give()
			c.mu.Unlock()
			<-first
			begun := time.Now()
			if !<-second || time.Since(begun) > 0 {
				t.Errorf("the second waited %v", time.Since(begun))
			}
			c.close()
			far.Close()
			c.wait()
		})
	}
}

// Answers that are malformed, or that nobody waits for any more, make room as well.
func TestTurnAfterAnyAnswer(t *testing.T) {
	for _, answer := range []string{
		`{"id":1,"result":{},"error":{"code":1,"message":""}}`,
		`{"id":99,"result":{}}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			c, far, turn := turning(t)
			got := turn(t.Context())
			if _, err := io.WriteString(far, answer+"\n"); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if !<-got || time.Since(begun) > 0 {
				t.Errorf("after %s it waited %v", answer, time.Since(begun))
			}
			c.close()
			far.Close()
			c.wait()
		})
	}
}

// Who waits for room at a service that is stopping goes elsewhere at once.
// clause: O9
func TestRoomAtStoppingPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := transport.Pipe()
		c := NewClient(near, nil)
		for _, size := range []int{20_000, shortQueue} {
			go Notify(t.Context(), c, "x.y", struct{ S string }{string(make([]byte, size))})
			synctest.Wait()
		}
		done := make(chan error, 1)
		go func() {
			_, err := Do[None](t.Context(), c, "x.z", nil)
			done <- err
		}()
		synctest.Wait()
		begun := time.Now()
		if _, err := io.WriteString(far, `{"method":"rpc.goaway","params":{}}`+"\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, ErrUnavailable) || time.Since(begun) > time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		go io.Copy(io.Discard, far)
		c.Close()
		far.Close()
	})
}
