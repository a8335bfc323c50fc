// Package hub is what may stand between callers and services: a [Front], which
// lets the network in to a service of this machine.
//
// Whoever stands there checks who calls and what he may before anything is
// passed on, says in each call on whose behalf it is made, and does not look
// into the bodies of what it passes on. spec/hub.md
package hub

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
)

// FrontOptions are the rare wishes of a Front; nil and zero mean the default.
type FrontOptions struct {
	// Services are the descriptions of what is behind, for a service that does
	// not describe itself. Default: what it says in rpc.describe.
	Services []*idl.Service
	// NoCaller does not say on whose behalf calls are made, to a service that
	// does not know the member: to it everyone is the user of the Front.
	NoCaller bool
	Dial     sabir.DialOptions // to the service
	Log      *slog.Logger      // gets when the service is not there, and when it is again; default: nobody is told
}

// Front is one service, or several under one address, for callers whom it has
// not met: it is served with [sabir.ListenAndServe] over TCP, which finds out
// who they are. Each caller has a connection of its own to the service, so that
// none takes what the limits of the service leave to others. Its methods may be
// called by many goroutines at once.
type Front struct {
	address string
	opts    FrontOptions
	dial    sabir.DialOptions // of the callers' connections
	ctx     context.Context   // ends with Close
	cancel  context.CancelFunc
	asking  chan struct{} // has one in it while somebody asks for the description
	away    atomic.Bool   // the log has that the service is not there: calls have no lock for it

	mu     sync.Mutex
	lanes  map[string]*lane
	closed bool
	ending sync.WaitGroup // connections that are being made, or were idle for too long
	known  known
}

// known is the description of what is behind, guarded by Front.mu.
type known struct {
	hash     string
	services []*idl.Service
	members  map[string]*idl.Member // by service.member
	asked    time.Time
}

const (
	// idleLane is how long a connection to the service outlives its last call.
	idleLane = time.Minute
	// freshFor is how long a description is taken to be right: a service may be
	// replaced by one with other access levels.
	freshFor = 5 * time.Second
	// askAgain is how often callers who ask for what is not there may have it
	// looked up.
	askAgain = time.Second
)

// lane is the connection of one caller to the service.
type lane struct {
	ready  chan struct{} // closed when client or err is set
	client *sabir.Client
	err    error
	calls  int // guarded by Front.mu
	idle   *time.Timer
}

// NewFront connects to the service at an address as in spec/addresses.md, and
// learns what it offers. Errors are those of [sabir.Dial], and an error that
// says so if the service takes nobody's word on whom a call is for. Close ends
// its connections.
func NewFront(ctx context.Context, address string, opts *FrontOptions) (*Front, error) {
	f := &Front{address: address, lanes: make(map[string]*lane), asking: make(chan struct{}, 1)}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	if opts != nil {
		f.opts = *opts
	}
	f.dial = f.opts.Dial
	if !f.opts.NoCaller {
		f.dial.Hub = newID()
	}
	if f.opts.Services != nil {
		f.learn("", f.opts.Services)
	}
	self := sabir.Caller{Level: sabir.AccessAdmin}
	if err := f.through(ctx, self, f.tryCaller); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.refresh(ctx, freshFor); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// newID names one run of a hub. spec [U1]
func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// tryCaller finds out whether the service believes whom we name.
func (f *Front) tryCaller(ctx context.Context, c *sabir.Client) error {
	_, err := sabir.Do[sabir.None](sabir.WithCaller(ctx, sabir.Caller{Level: sabir.AccessRead}), c, "rpc.ping", nil)
	switch {
	case errors.Is(err, sabir.ErrMethodNotFound): // a plain JSON-RPC server, which takes everything
		return nil
	case errors.Is(err, sabir.ErrInvalidRequest) && !f.opts.NoCaller:
		return fmt.Errorf("%s does not take the word of this user on who calls: %w", public(f.address), err)
	}
	return err
}

// Describe returns what is behind.
func (f *Front) Describe() []*idl.Service {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known.services
}

// Handle passes a call on, if its caller may make it. spec [U4]
func (f *Front) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (body sabir.Body, err error) {
	if err := f.permit(ctx, call); err != nil {
		return sabir.Body{}, err
	}
	onward := *call
	if onward.Window == 0 {
		// No credit here, where the caller's connection is the window; upstream
		// what waits has to have a bound.
		onward.Window = window
	}
	err = f.through(ctx, call.Caller, func(ctx context.Context, c *sabir.Client) error {
		body, err = c.Handle(ctx, &onward, sink)
		return err
	})
	f.tell(ctx, err)
	return body, passed(err)
}

// tell has in the log that the service has gone, and why, which callers are not told,
// and that it is back.
func (f *Front) tell(ctx context.Context, err error) {
	var lost *sabir.Unanswered
	gone := errors.As(err, &lost)
	switch {
	case f.opts.Log == nil || gone == f.away.Load() || ctx.Err() != nil || f.ctx.Err() != nil || !f.away.CompareAndSwap(!gone, gone):
	case gone:
		f.opts.Log.Warn("front: the service is not there", "at", public(f.address), "err", lost.Err)
	default:
		f.opts.Log.Info("front: the service is there again", "at", public(f.address))
	}
}

// window is how many items are on their way to a caller that does not count.
const window = 256

// passed makes an answer of the failure to get one. spec [U5]
func passed(err error) error {
	var lost *sabir.Unanswered
	switch {
	case !errors.As(err, &lost):
		return err
	case lost.Sent:
		return &sabir.Error{Code: sabir.ErrOutcomeUnknown.Code, Name: sabir.ErrOutcomeUnknown.Name, Message: "the service went away before it answered"}
	}
	return errNotThere
}

var (
	errNotThere = sabir.Unavailable("the service is not there")
	errStopping = sabir.Unavailable("stopping")
)

// permit judges a call by the description. spec [U4]
func (f *Front) permit(ctx context.Context, call *sabir.Call) error {
	if err := f.refresh(ctx, freshFor); err != nil && len(f.Describe()) == 0 {
		return passed(err)
	}
	m, names := f.member(call.Method)
	if m == nil {
		if err := f.refresh(ctx, askAgain); err != nil {
			return passed(err)
		}
		m, names = f.member(call.Method)
	}
	if m == nil && len(names) > 0 {
		return sabir.MethodNotFound(call.Method, names)
	}
	if m == nil {
		m = &idl.Member{Access: idl.Admin}
	}
	return call.Caller.Permit(call.Method, m)
}

// member finds what is called, and all that could be.
func (f *Front) member(method string) (*idl.Member, []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.known.members[method]; m != nil {
		return m, nil
	}
	names := make([]string, 0, len(f.known.members))
	for name := range f.known.members {
		names = append(names, name)
	}
	slices.Sort(names)
	return nil, names
}

// answer is that of rpc.describe.
type answer struct {
	Hash     string
	Services []idl.Service `sabir:",optional"`
}

// refresh asks the service what it offers, if that was longer ago than age.
func (f *Front) refresh(ctx context.Context, age time.Duration) error {
	if f.opts.Services != nil {
		return nil
	}
	select { // a service that hangs leaves each caller his own time
	case f.asking <- struct{}{}:
		defer func() { <-f.asking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	f.mu.Lock()
	hash, asked := f.known.hash, f.known.asked
	f.mu.Unlock()
	if time.Since(asked) < age {
		return nil
	}
	var a answer
	err := f.through(ctx, sabir.Caller{Level: sabir.AccessAdmin}, func(ctx context.Context, c *sabir.Client) (err error) {
		params := map[string]any{}
		if hash != "" {
			params["hash"] = hash
		}
		ctx = sabir.WithCaller(ctx, sabir.Caller{Level: sabir.AccessRead})
		a, err = sabir.Do[answer](ctx, c, "rpc.describe", params)
		return err
	})
	if errors.Is(err, sabir.ErrMethodNotFound) {
		err = nil // it says nothing: all that it has is for admins
	}
	if err != nil {
		return err
	}
	var services []*idl.Service
	for i := range a.Services {
		services = append(services, &a.Services[i])
	}
	f.learn(a.Hash, services)
	return nil
}

// learn takes in what the service says. If its hash is the one before, nothing
// has changed and nothing was said.
func (f *Front) learn(hash string, services []*idl.Service) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known.asked = time.Now()
	if hash == f.known.hash && f.known.hash != "" {
		return
	}
	f.known.hash, f.known.services = hash, services
	f.known.members = make(map[string]*idl.Member)
	for _, s := range services {
		for i := range s.Members {
			f.known.members[s.Name+"."+s.Members[i].Name] = &s.Members[i]
		}
	}
}

// through calls do with the connection of a caller.
func (f *Front) through(ctx context.Context, caller sabir.Caller, do func(context.Context, *sabir.Client) error) error {
	l, err := f.take(ctx, laneOf(caller))
	if err != nil {
		return err
	}
	defer f.give(laneOf(caller), l)
	return do(ctx, l.client)
}

// laneOf is what the callers of one connection have in common.
func laneOf(c sabir.Caller) string {
	return strings.Join(append([]string{c.Credential, c.Name, fmt.Sprint(c.Peer.Known, c.Peer.UID)}, c.Via...), "\x00")
}

// take returns the caller's connection, which it makes if there is none.
func (f *Front) take(ctx context.Context, key string) (*lane, error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, errStopping
	}
	l := f.lanes[key]
	if l == nil {
		l = &lane{ready: make(chan struct{})}
		f.lanes[key] = l
		f.ending.Go(func() { f.open(context.WithoutCancel(ctx), key, l) })
	}
	l.calls++
	if l.idle != nil {
		l.idle.Stop()
	}
	f.mu.Unlock()
	select {
	case <-l.ready:
	case <-ctx.Done():
		f.give(key, l)
		return nil, ctx.Err()
	}
	if l.err != nil {
		f.give(key, l)
		return nil, l.err
	}
	return l, nil
}

// open makes a connection. Others may wait for it, so it does not end with the call that
// is the first.
func (f *Front) open(ctx context.Context, key string, l *lane) {
	defer close(l.ready)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	l.client, l.err = sabir.Dial(ctx, f.address, &f.dial)
	if l.err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lanes[key] == l {
		delete(f.lanes, key) // the next caller tries again
	}
}

// give ends a use of a connection.
func (f *Front) give(key string, l *lane) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.calls--; l.calls > 0 || f.closed || f.lanes[key] != l {
		return
	}
	l.idle = time.AfterFunc(idleLane, func() {
		f.mu.Lock()
		gone := l.calls == 0 && f.lanes[key] == l
		if gone {
			delete(f.lanes, key)
			f.ending.Add(1)
		}
		f.mu.Unlock()
		if !gone {
			return
		}
		defer f.ending.Done()
		if <-l.ready; l.client != nil { // whoever wanted it may have given up before it was there
			l.client.Close()
		}
	})
}

// Close ends the connections to the service; the calls on them fail.
func (f *Front) Close() error {
	f.mu.Lock()
	f.closed = true
	lanes := f.lanes
	f.lanes = nil
	f.mu.Unlock()
	f.cancel()
	var errs []error
	for _, l := range lanes {
		<-l.ready
		if l.idle != nil {
			l.idle.Stop()
		}
		if l.client != nil {
			errs = append(errs, l.client.Close())
		}
	}
	f.ending.Wait()
	return errors.Join(errs...)
}
