package sabir

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// Client is a connection to a service, made again when it is lost. It is a
// Handler: calls to it go to the other side. Any number of goroutines may share
// one.
//
// A call that is refused because too many others of the client are under way waits
// for one of them to be answered and is sent again: a thousand goroutines may call at
// once. A call that cannot be sent because the connection is gone is sent on a new
// one. A call that was sent and not answered is repeated only if the member is
// readonly or idempotent. spec [M10]
type Client struct {
	address transport.Address
	opts    DialOptions
	redial  bool
	direct  *shortcuts // past the hub at the address; nil: no call goes there

	// last is the connection that calls try first, dead or alive: its own lock
	// tells. Without it all callers would meet at mu, and twice at the connection.
	last atomic.Pointer[conn]

	mu      sync.Mutex
	cur     *conn
	old     []*conn       // lost, their goroutines not waited for
	dialing chan struct{} // closed when the dial under way is over; nil: none
	closed  bool
	safe    map[string]bool // members that may be called twice
}

// DialOptions are the rare wishes of a client; nil and zero mean the default.
type DialOptions struct {
	CBOR    bool          // speak CBOR instead of JSON
	Handler Handler       // answers the calls that the other side makes; default: none
	Env     transport.Env // where names are looked up; default: the environment
	Stderr  io.Writer     // of exec: and ssh: children; default: os.Stderr
	Log     *slog.Logger  // default: slog.Default
	Hub     string        // the id of the hub that the client is part of: each call says on whose behalf it is, by Call.Caller. spec [U1]
	Direct  bool          // the address is a hub's: what listens itself is called there where it can be, by whom it knows the client as; not together with Hub. spec [U12]
	Limits  Limits        // of Message for both ways, the others for what Handler serves; zero fields mean the defaults

	// Over TCP, and so over HTTP:
	KnownHosts          *transport.KnownHosts // default: KnownHostsFile in Env.ClientDir
	Certificate         *tls.Certificate      // by which the server knows us, instead of a secret
	PlainBeyondLoopback bool                  // tcp:, ws: and http: addresses other than loopback: everyone in between reads and changes everything
	// Secret finds what to say to a server, as by asking a person. Default: what
	// is in the address, else in SecretsFile in Env.ClientDir.
	Secret func(hostPort string) (id string, secret auth.Secret, err error)

	// Web makes the WebSockets that ws:, wss:, http: and https: addresses are:
	// web.Dial of package web, with which net/http is linked. Default: none, and
	// such addresses are refused.
	Web func(ctx context.Context, u *Upgrade) (io.ReadWriteCloser, error)
}

// Unanswered is the failure of a call that nobody answered. If Sent, it may
// have run: errors.Is(err, ErrOutcomeUnknown). If not, it surely has not:
// errors.Is(err, ErrUnavailable). spec [O7]
type Unanswered struct {
	Sent bool
	Err  error

	final bool // nobody ever will: there is no connection, and none is made
}

func (e *Unanswered) Error() string {
	if e.Sent {
		return "no answer, outcome unknown: " + e.Err.Error()
	}
	return "nobody answers: " + e.Err.Error()
}

func (e *Unanswered) Unwrap() error { return e.Err }

// Is makes errors.Is work with ErrOutcomeUnknown and ErrUnavailable.
func (e *Unanswered) Is(target error) bool {
	return target == error(ErrOutcomeUnknown) && e.Sent || target == error(ErrUnavailable) && !e.Sent
}

// Dial connects to an address as in spec/addresses.md: a name, a path of a
// socket, exec:…, ssh:…, sabir://…, and wss://… with DialOptions.Web.
func Dial(ctx context.Context, address string, opts *DialOptions) (*Client, error) {
	a, err := transport.Parse(address)
	if err != nil {
		return nil, err
	}
	c := &Client{address: a, redial: true}
	if opts != nil {
		c.opts = *opts
	}
	if c.opts.Direct && c.opts.Hub != "" {
		return nil, errors.New("sabir: who calls for others does not go past a hub that judges them")
	}
	if _, err := c.conn(ctx); err != nil {
		return nil, err
	}
	if c.opts.Direct {
		c.direct = newShortcuts(c)
	}
	return c, nil
}

// NewClient speaks over a connection that is there already and is not made again.
func NewClient(t *transport.Conn, opts *DialOptions) *Client {
	c := new(Client)
	if opts != nil {
		c.opts = *opts
	}
	c.cur = c.adopt(t, false)
	c.last.Store(c.cur)
	return c
}

// Close ends the connection and returns when its goroutines have. What [Notify] was asked
// to send is sent first, for a second at most. What DialOptions.Handler runs must not call
// it, for it would wait for itself, but may have another goroutine do so.
func (c *Client) Close() error {
	if c.direct != nil {
		c.direct.close()
	}
	c.mu.Lock()
	c.closed = true
	conns := c.old
	if c.cur != nil {
		conns = append(conns, c.cur)
	}
	c.cur, c.old = nil, nil
	c.last.Store(nil)
	c.mu.Unlock()
	for _, cn := range conns {
		cn.seeOff()
		cn.close()
		cn.wait()
	}
	return nil
}

// Handle makes the call. The items go to sink in the calling goroutine.
func (c *Client) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	var body Body
	err := c.do(ctx, call, sink, func(v wire.Value, frame *[]byte) error {
		body = kept(v, frame)
		return nil
	})
	return body, err
}

// maxTries is how often a call is sent on another connection, beside its turns.
const maxTries = 3

// do makes the call and hands the result to the function, for whose duration
// it lasts, and the frame that it may take (see ownFrame).
func (c *Client) do(ctx context.Context, call *Call, sink Sink, result func(v wire.Value, frame *[]byte) error) error {
	if c.direct != nil {
		if done, err := c.direct.do(ctx, call, sink, result); done {
			return err
		}
	}
	turns, inVain := 0, false
	for try := 0; ; try++ {
		cn := c.last.Load()
		if try > 0 || cn == nil {
			var err error
			if cn, err = c.conn(ctx); err != nil {
				return err
			}
		}
		err := cn.call(ctx, call, sink, result)
		if ended := ctx.Err(); err == nil || ended != nil {
			if err == errNotSent {
				err = ended
			}
			return err
		}
		again := try < maxTries && c.redial && !cn.mute()
		var lost *Unanswered
		switch {
		case call.Window == NoWindow && c.opts.Hub == "" && crowding(err):
			if inVain || turns == maxTurns {
				return err
			}
			turns++
			inVain = !cn.turn(ctx) // then once more: there may have been room before it waited
			if ctx.Err() != nil {
				return ctx.Err()
			}
			repeated := *call // theirs is not ours to change
			repeated.insists = inVain
			call = &repeated
			try--
		case errors.Is(err, errNotSent):
			if !again {
				return &Unanswered{Err: cn.why(), final: !c.redial}
			}
		case errors.Is(err, ErrDraining):
			if !again {
				return err
			}
			cn.leave()
		case errors.As(err, &lost):
			if !again || call.Window != NoWindow || !c.repeatable(ctx, call.Method) {
				return err
			}
		default:
			return err
		}
	}
}

// mute reports whether a program was started for this connection and said
// nothing: the next would not either, and might ask for a password again.
func (c *conn) mute() bool {
	kind := c.t.Peer().Transport
	return (kind == "exec" || kind == "ssh") && c.stats.bytesIn.Load() == 0
}

// leave gives up a connection whose service is stopping.
func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.goneAway = true
}

// conn returns a connection that takes calls. One caller dials, the others wait
// for it.
func (c *Client) conn(ctx context.Context) (*conn, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, &Unanswered{Err: errClosed, final: true}
		}
		if c.cur != nil && (c.cur.alive() || !c.redial) {
			cur := c.cur
			c.mu.Unlock()
			return cur, nil
		}
		if wait := c.dialing; wait != nil {
			c.mu.Unlock()
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		done := make(chan struct{})
		c.dialing = done
		c.mu.Unlock()

		cn, err := c.open(ctx)

		c.mu.Lock()
		c.dialing = nil
		close(done)
		if err != nil {
			c.mu.Unlock()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if !passingDial(err) {
				return nil, err
			}
			return nil, &Unanswered{Err: err}
		}
		if c.closed {
			c.mu.Unlock()
			cn.close()
			cn.wait()
			return nil, &Unanswered{Err: errClosed, final: true}
		}
		c.retire()
		c.cur = cn
		c.last.Store(c.cur)
		c.mu.Unlock()
	}
}

// open makes a connection to the client's address that is ready for calls.
func (c *Client) open(ctx context.Context) (*conn, error) {
	t, err := Connect(ctx, c.address, &c.opts)
	if err != nil {
		return nil, err
	}
	cn := c.adopt(t, true)
	shown, ok := t.Shown()
	if !ok {
		return cn, nil
	}
	// spec [K18]: what the server will show next
	var info struct {
		Next *string `sabir:",optional"`
	}
	err = cn.call(ctx, &Call{Method: "rpc.info", Window: NoWindow}, nil, func(v wire.Value, _ *[]byte) error { return RawBody(v).Decode(&info) })
	if err == nil {
		err = c.learn(shown, info.Next)
	}
	if err != nil {
		cn.close()
		cn.wait()
		return nil, err
	}
	return cn, nil
}

// learn keeps what a server announces as its next certificate, where that can be kept.
func (c *Client) learn(shown transport.Shown, announced *string) error {
	var next transport.Fingerprint
	if announced != nil {
		var err error
		if next, err = transport.ParseFingerprint(*announced); err != nil {
			return err
		}
	}
	known, err := c.opts.knownHosts()
	if err == nil {
		err = known.Learn(shown, next)
	}
	return c.opts.entered(shown, err)
}

// retire puts the lost connection aside. Calls may still be ending on it.
func (c *Client) retire() {
	kept := c.old[:0]
	for _, cn := range c.old {
		if !cn.over() {
			kept = append(kept, cn)
		}
	}
	c.old = kept
	if c.cur != nil {
		c.old = append(c.old, c.cur)
	}
}

// adopt makes a connection of a transport on which nothing was said but, if
// begun, the magic.
func (c *Client) adopt(t *transport.Conn, begun bool) *conn {
	cfg := connConfig{log: c.opts.Log, base: context.Background(), limits: c.opts.Limits, as: c.opts.Hub}
	if c.opts.Handler != nil {
		cfg.handler = newRoot(c.opts.Handler, nil, new(stats))
		cfg.caller = Caller{Level: AccessWrite, Peer: t.Peer()}
	}
	cn := newConn(t, cfg)
	enc := wire.JSON
	if c.opts.CBOR {
		enc = wire.CBOR
	}
	cn.dial(enc, begun)
	return cn
}

// repeatable asks the service whether a member may be called twice.
func (c *Client) repeatable(ctx context.Context, method string) bool {
	c.mu.Lock()
	safe, known := c.safe[method]
	c.mu.Unlock()
	if known {
		return safe
	}
	if strings.HasPrefix(method, "rpc.") {
		return true
	}
	service, _, _ := strings.Cut(method, ".")
	cn, err := c.conn(ctx)
	if err != nil {
		return false
	}
	params, err := BodyOf(&describeParams{Service: &service})
	if err != nil {
		return false
	}
	var answer describeResult
	err = cn.call(ctx, &Call{Method: "rpc.describe", Params: params, Window: NoWindow, Caller: Caller{Level: AccessRead}}, nil, func(v wire.Value, _ *[]byte) error {
		return RawBody(v).Decode(&answer)
	})
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.safe = make(map[string]bool)
	for _, s := range answer.Services {
		for _, m := range s.Members {
			c.safe[s.Name+"."+m.Name] = m.Readonly || m.Idempotent || m.Kind.Subscribed() && m.Kind != idl.Topic
		}
	}
	return c.safe[method]
}

// why says why the connection takes no calls.
func (c *conn) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.refused != nil:
		return c.refused
	case c.end != nil:
		return c.end
	}
	return fmt.Errorf("the service is stopping")
}

// over reports that the connection has ended and left no goroutine of note.
func (c *conn) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end != nil && c.running+c.subs == 0
}
