package sabir

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// conn is one connection. Both ends are one: it serves calls if it has a
// Handler and makes calls for whoever asks.
//
// Goroutines: the role of reading belongs to one at a time (see read.go), each
// handler that outlives its reader has its own, and one flushes items while
// there are any. close waits for none of them; wait does.
type conn struct {
	t       *transport.Conn
	handler Handler // nil: it only makes calls
	base    context.Context
	log     *slog.Logger
	caller  Caller
	account *account
	stats   *stats
	strict  bool // speaks like a client: sends jsonrpc, says nothing about ports

	goroutines sync.WaitGroup

	mu     sync.Mutex // guards everything below
	enc    wire.Encoding
	end    error // why the connection is over; nil while it is not
	eof    bool  // the peer sends no more
	broken error // nothing can be sent any more; what the peer sent may still be read

	out  output
	role role

	served    map[wire.ID]*inbound // those that can be cancelled
	running   int                  // handlers of calls that have not returned
	subs      int                  // and of requests with a window
	draining  bool
	goneAway  bool  // the peer sent rpc.goaway
	left      bool  // and we went
	refused   error // what the peer said to no call in particular
	made      map[int64]*outbound
	waiting   []*outbound // those whose caller is blocked, waiting
	lastID    int64
	onClose   func()
	versioned bool // the peer sent jsonrpc, or we begin to
	methods   map[string]string
}

// connConfig is what a conn is made with.
type connConfig struct {
	handler Handler
	base    context.Context
	log     *slog.Logger
	caller  Caller
	account *account
	stats   *stats
	onClose func() // called once, when the connection is over
}

var errClosed = errors.New("connection closed")

func newConn(t *transport.Conn, cfg connConfig) *conn {
	c := &conn{
		t: t, handler: cfg.handler, base: cfg.base, log: cfg.log, caller: cfg.caller,
		account: cfg.account, stats: cfg.stats, onClose: cfg.onClose,
		served: make(map[wire.ID]*inbound), made: make(map[int64]*outbound),
	}
	if c.stats == nil {
		c.stats = new(stats)
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	c.role.init(c)
	return c
}

// start begins an accepted connection, whose first byte decides the framing.
func (c *conn) start() {
	c.goroutines.Add(1)
	go c.readOn(true)
}

// dial begins a connection of ours in the given encoding.
func (c *conn) dial(enc wire.Encoding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enc = enc
	c.role.reader.SetEncoding(enc)
	c.role.parser.Enc = enc
	c.strict = true
	if enc == wire.CBOR {
		c.out.buf = append(c.out.buf, wire.Magic[:]...)
	} else {
		c.versioned = true // spec [M5]: we may be talking to anybody
	}
	if c.handler != nil || !c.role.canLead {
		c.takeOver()
	} else {
		c.role.arm()
	}
}

// fail ends the connection, with c.mu held. It is the only place that does:
// whoever waits for something of it is told, and the transport is closed.
func (c *conn) fail(why error) {
	if c.end != nil {
		return
	}
	c.end = why
	for _, in := range c.served {
		in.abandon(context.Canceled)
	}
	clear(c.served)
	for id, o := range c.made {
		delete(c.made, id)
		o.lost(c.out.sent(o))
	}
	c.out.drop(c)
	c.role.stop()
	c.goroutines.Add(1)
	go func() {
		defer c.goroutines.Done()
		c.t.Close()
		if c.onClose != nil {
			c.onClose()
		}
	}()
}

// close ends the connection from our side.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(errClosed)
}

// wait returns when the last goroutine of the connection has.
func (c *conn) wait() { c.goroutines.Wait() }

// alive reports whether new calls may be made here.
func (c *conn) alive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end == nil && c.broken == nil && !c.eof && !c.goneAway
}

// settle closes the connection when nothing is left to do for a peer that sends
// no more, or when we drain and all is answered. c.mu is held. spec [O6], [O9]
func (c *conn) settle() {
	if c.end != nil || !c.eof && !c.draining {
		return
	}
	if c.running == 0 && c.subs == 0 && !c.out.busy() {
		c.fail(errClosed)
	}
}

// drain asks the peer to go elsewhere and ends the connection when its calls
// are answered. spec [O9]
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || c.end != nil {
		return
	}
	c.draining = true
	if c.role.first {
		c.out.buf = wire.AppendGoaway(c.out.buf, c.enc, c.versioned)
	}
	for _, in := range c.served {
		if in.live {
			in.cancel(context.Canceled)
		}
	}
	c.flushLater()
	c.settle()
}

// cancelAll ends what a drain has waited for long enough.
func (c *conn) cancelAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, in := range c.served {
		in.cancel(context.Canceled)
	}
	c.flushLater()
}

// stallCheck ends a connection on which nothing could be sent for too long; it
// returns when to look again, 0 for never. c.mu is held. spec [O5]
func (c *conn) stallCheck(now time.Time) time.Duration {
	o := &c.out
	if !o.flushing || c.end != nil {
		return 0
	}
	if p := o.progress.Load(); p != o.seenProgress || o.seenAt.IsZero() {
		o.seenProgress, o.seenAt = p, now
	}
	if now.Sub(o.seenAt) >= maxStall {
		c.log.Warn("sabir: peer does not read, connection closed", "peer", c.t.Peer(), "unsent", o.unsent())
		c.fail(errors.New("nothing could be sent for 10 s"))
		return 0
	}
	return maxStall / 20
}
