package sabir

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
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
	router  router  // the handler, if it is one
	base    context.Context
	log     *slog.Logger
	stats   *stats
	limits  Limits
	hub     bool   // what the peer states as caller is believed
	as      string // the id of the hub that we are, which states callers; empty: we call for ourselves
	strict  bool   // speaks like a client: sends jsonrpc, says nothing about ports
	cuts    bool   // a write can be ended half way, and what is left written later

	goroutines *sync.WaitGroup // its own, or the server's
	round      *outbounds
	stated     atomic.Pointer[statement]
	burdens    burdens // of those for whom calls go out here

	mu      sync.Mutex // guards everything below
	enc     wire.Encoding
	caller  *Caller // who is on the other side; another one when he has become known, this one is never changed
	account *account

	end     error // why the connection is over; nil while it is not
	eof     bool  // the peer sends no more
	parting error // why it will be over once all is sent
	broken  error // nothing can be sent any more; what the peer sent may still be read

	out  output
	role role
	// Of those that wait in line, and of those that are passed on:
	moved  chan struct{} // closed when the next one begins; nil: nobody waits for it
	inVain bool          // he has, and none did
	vain   vain

	served    served                // those that can be cancelled
	notified  map[*inbound]struct{} // and those that nobody waits for
	timed     []*inbound            // and those that get a timer at the next tick, if they are still there
	running   int                   // handlers of calls that have not returned
	subs      int                   // and of requests with a window
	held      int                   // bytes that hold has counted
	draining  bool
	shut      bool  // nothing more is let in
	offers    bool  // services, with rpc.export
	leaving   bool  // only what was notified is left, and not for long
	goneAway  bool  // the peer sent rpc.goaway
	refused   error // what the peer said to no call in particular
	lossy     bool  // it was told that notifications were lost
	made      numbered[outbound]
	waiting   []*outbound // those whose caller is blocked, waiting
	turns     turns       // of those who wait until another is answered
	uploads   int         // bytes of large ones that are not answered
	late      int         // calls that were given up and are not answered
	lastID    int64
	onClose   func()
	visit     func(t *transport.Conn, first []byte) // takes what turns out to be HTTP; nil: nobody does
	handed    bool                                  // it was, so the transport is no longer ours
	stranger  *stranger                             // nil: the caller is known
	gone      func()                                // whom the server has told of the connection; nil: nobody
	versioned bool                                  // the peer sent jsonrpc, or we begin to
	methods   [4]string                             // the last that were called, the newest first
	behalf    believed
	load      load              // the peer's own
	loads     map[string]*load  // of other callers that it states, while they have calls under way
	notes     []carried         // notifications in out.buf
	noteEnd   int64             // where in the stream the last one ends
	behind    map[int64]carried // calls for them that nobody waits for, and that are not answered
	saying    saying
}

// connConfig is what a conn is made with.
type connConfig struct {
	handler Handler
	base    context.Context
	log     *slog.Logger
	caller  Caller
	hub     bool   // the peer is one
	as      string // and so are we, by that id
	account *account
	stats   *stats
	limits  Limits
	onClose func() // called once, when the connection is over

	// goroutines counts those of all connections of a server: one to wait for
	// each connection would be an eighth of what an idle one takes.
	goroutines *sync.WaitGroup
}

var errClosed = errors.New("connection closed")

func newConn(t *transport.Conn, cfg connConfig) *conn {
	caller := cfg.caller // by itself, or all of cfg would be kept
	c := &conn{
		t: t, handler: cfg.handler, base: cfg.base, log: cfg.log, caller: &caller, hub: cfg.hub, as: cfg.as,
		account: cfg.account, stats: cfg.stats, limits: cfg.limits.filled(), onClose: cfg.onClose, goroutines: cfg.goroutines,
	}
	c.router, _ = cfg.handler.(router)
	if c.goroutines == nil {
		c.goroutines = new(sync.WaitGroup)
	}
	if c.stats == nil {
		c.stats = new(stats)
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	c.round = round(t)
	c.cuts = t.SetWriteDeadline(time.Time{}) == nil
	c.role.init(c)
	return c
}

// start begins an accepted connection, whose first byte decides the framing.
func (c *conn) start() {
	c.goroutines.Add(1)
	go c.attend(true)
}

// dial begins a connection of ours in the given encoding, whose magic was sent
// if it is begun.
func (c *conn) dial(enc wire.Encoding, begun bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enc = enc
	c.role.reader.SetEncoding(enc)
	c.role.parser.Enc = enc
	c.strict = true
	switch {
	case enc == wire.CBOR && begun:
	case enc == wire.CBOR:
		c.out.buf = append(c.out.buf, wire.Magic[:]...)
	default:
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
	for in := range c.served.all() {
		in.abandon(context.Canceled)
	}
	for in := range c.notified {
		in.abandon(context.Canceled)
	}
	c.served.clear()
	c.dismissLines()
	c.loseMade()
	c.out.drop(c)
	c.account.add(received, -c.held)
	c.held = 0
	c.role.stop()
	c.goroutines.Add(1)
	handed := c.handed
	go func() {
		defer c.goroutines.Done()
		if !handed {
			c.t.Close()
		}
		if c.onClose != nil {
			c.onClose()
		}
	}()
}

// depart is for a peer that is gone altogether, who waits for no answers. What it has
// notified is done all the same: nobody would have waited for that. The connection lasts
// until then, within leaveTime, and is counted. c.mu is held. spec [O7]
func (c *conn) depart(why error) {
	if len(c.notified) == 0 || c.offers || c.end != nil {
		c.fail(why)
		return
	}
	c.eof, c.broken = true, why
	for in := range c.served.all() {
		in.abandon(context.Canceled)
	}
	c.served.clear()
	c.loseMade()
	c.out.drop(c)
	c.settle()
}

// loseMade ends the calls that are not answered and will not be. c.mu is held.
func (c *conn) loseMade() {
	for _, o := range c.made.all() {
		c.unmake(o)
		o.lost(c.out.sent(o))
	}
	for len(c.turns.wanted) > 0 {
		c.turns.give()
	}
}

// unmake takes a call out of those that are not answered. c.mu is held.
func (c *conn) unmake(o *outbound) {
	c.made.remove(o.id)
	c.uploads -= o.uploads
}

// close ends the connection from our side.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(errClosed)
}

// closing reports that nothing new may be sent. c.mu is held.
func (c *conn) closing() bool { return c.end != nil || c.eof || c.goneAway || c.broken != nil }

// wait returns when the last goroutine of the connection has.
func (c *conn) wait() { c.goroutines.Wait() }

// spawn runs f in a goroutine of the connection; false: it is over.
func (c *conn) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil {
		return false
	}
	c.goroutines.Go(f)
	return true
}

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
	switch sent := c.broken != nil || !c.out.busy(); {
	case c.running == 0 && c.subs == 0 && sent:
		if !c.letNoneIn() {
			c.fail(errClosed)
		}
	case c.eof && !c.leaving && sent && c.served.none() && len(c.notified) > 0:
		c.leaving = true
		time.AfterFunc(leaveTime, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.fail(errClosed)
		})
	}
}

// letNoneIn closes a connection that drains to what its peer has not sent yet, so that
// what it has sent can be answered: of a call that nobody reads it would have to think
// that it may have run. It reports whether the end of all that is to be awaited. c.mu
// is held. spec [O9]
func (c *conn) letNoneIn() bool {
	if !c.draining || c.eof {
		return false
	}
	if !c.shut && c.t.CloseRead() == nil {
		c.shut = true
		time.AfterFunc(time.Second, c.close) // while notifications wait in line nobody reads
	}
	return c.shut
}

// leaveTime is how long what was notified may take where nothing else is left of a
// connection: a handler that waits for ever would keep it for ever. spec [O7]
const leaveTime = time.Minute

// drain asks the peer to go elsewhere and ends the connection when its calls
// are answered. spec [O9]
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || c.end != nil {
		return
	}
	c.draining = true
	if c.role.first && c.broken == nil {
		c.out.buf = wire.AppendGoaway(c.out.buf, c.enc, c.versioned)
	}
	for in := range c.served.all() {
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
	for in := range c.served.all() {
		in.cancel(context.Canceled)
	}
	for in := range c.notified {
		in.cancel(context.Canceled)
	}
	c.flushLater()
}

// stallCheck ends a connection on which nothing could be sent for too long; it
// reports whether to look again. c.mu is held. spec [O5]
func (c *conn) stallCheck(now time.Time) bool {
	o := &c.out
	if !o.flushing || c.end != nil {
		return false
	}
	if p := o.progress.Load(); p != o.seenProgress || o.seenAt.IsZero() {
		o.seenProgress, o.seenAt = p, now
	}
	if now.Sub(o.seenAt) >= maxStall {
		c.say(slog.LevelWarn, "sabir: peer does not read, connection closed", "peer", c.t.Peer().String(), "unsent", o.unsent())
		c.fail(errors.New("nothing could be sent for 10 s"))
		return false
	}
	return true
}
