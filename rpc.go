package sabir

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// Describer is what a Handler is that can say which services it offers. One that is
// written around another passes that on, as by embedding the *Service itself: what is not
// described can be called, but no command, console or Remote knows of it.
type Describer interface{ Describe() []*idl.Service }

// root is what a connection serves: the service rpc, and all others by the
// program's own Handler. spec/methods.md
type root struct {
	app     Handler
	takes   bool // takesFrame(app)
	rpc     *Service
	opts    ServeOptions
	stats   *stats
	started time.Time
	listen  []string // addresses over TCP

	mu    sync.Mutex // guards what follows: what a hub offers changes
	all   []*idl.Service
	hash  string // of all
	found []byte // the OpenRPC document of all; nil: nobody asked
}

type (
	describeParams struct {
		Service *string `doc:"Only this one."`
		Hash    *string `doc:"The hash of the description that the caller has."`
	}
	describeResult struct {
		Hash     string
		Services []idl.Service `sabir:",optional" doc:"Left out if the hash is the caller's."`
	}
	discoverResult struct {
		Openrpc    string
		Info       wire.Value
		Methods    []wire.Value
		Components wire.Value
	}
	infoResult struct {
		Protocol int `doc:"The version of the protocol, 1."`
		Features []string
		Product  string
		Version  string
		Services []serviceInfo
		Limits   map[string]int
		You      you      `doc:"Who the caller is, as verified."`
		Next     *string  `doc:"The SHA-256 of the certificate that will follow."`
		Listen   []string `sabir:",optional" doc:"Where the server listens over TCP; told to admins."`
	}
	serviceInfo struct {
		Name    string
		Version string
		Doc     string `sabir:",optional" doc:"The first line of its doc."`
	}
	you struct {
		Name      string `sabir:",optional"`
		Transport string
		Level     string
		Only      []string `sabir:",optional"`
		Via       []string `sabir:",optional" doc:"The hubs in between, the first one first."`
		Expires   *time.Time
		Uid       *uint32
		Pid       *int
	}
	statsResult struct {
		Connections   int
		Calls         int
		Failed        int
		InFlight      int
		Subscriptions int
		Items         int
		Lost          int
		BytesIn       int
		BytesOut      int
		Uptime        float64 `unit:"s"`
	}
)

func newRoot(app Handler, opts *ServeOptions, st *stats) *root {
	r := &root{app: app, takes: takesFrame(app), stats: st, started: time.Now()}
	if opts != nil {
		r.opts = *opts
	}
	r.hash = describeHash(nil)
	r.described()
	r.rpc = newService("rpc", "1", "What every Sabir service answers.")
	Method(r.rpc, "describe", r.describe, Readonly, Doc("What the services here say of themselves."))
	Method(r.rpc, "discover", r.discover, Readonly, Doc("What the services here say of themselves, as an OpenRPC document."))
	Method(r.rpc, "info", r.info, Readonly, Doc("What is here, and who the caller is."))
	Method(r.rpc, "ping", r.ping, Readonly, Doc("Answers."))
	Method(r.rpc, "auth", r.authenticate, Needs(AccessRead), Doc("Prove who the caller is, over TCP."))
	Method(r.rpc, "pair", r.pair, Needs(AccessRead), Doc("Trade a pairing token for a credential."))
	Method(r.rpc, "export", r.export, Needs(AccessRead), Errors(Taken{}), Doc("Offer a service to the callers here."))
	Method(r.rpc, "withdraw", r.withdraw, Needs(AccessRead), Doc("End an offer."))
	Method(r.rpc, "stats", r.counters, Readonly, Doc("What the server has done since it started."))
	return r
}

// own returns what the program itself offers.
func (r *root) own() []*idl.Service {
	if d, ok := r.app.(Describer); ok {
		return d.Describe()
	}
	return nil
}

// described returns what is offered now, and its hash.
func (r *root) described() ([]*idl.Service, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.own()
	if r.opts.Exports != nil {
		all = slices.Concat(all, r.opts.Exports.Describe())
	}
	if !slices.Equal(all, r.all) {
		r.all, r.hash, r.found = all, describeHash(all), nil
	}
	return r.all, r.hash
}

func describeHash(all []*idl.Service) string {
	h := sha256.New()
	for _, s := range all {
		raw, err := codec.AppendAny(nil, wire.JSON, s)
		if err != nil {
			panic("sabir: description of " + s.Name + ": " + err.Error())
		}
		h.Write(raw)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Handle answers a call to rpc itself or passes it on.
func (r *root) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	if !strings.HasPrefix(call.Method, "rpc.") {
		if x := r.opts.Exports; x != nil {
			if e := x.find(call.Method); e != nil {
				return x.handle(ctx, e, call, sink)
			}
		}
		if !r.takes {
			call.frame = nil
		}
		body, err := r.app.Handle(ctx, call, sink)
		if x := r.opts.Exports; x != nil && errors.Is(err, ErrMethodNotFound) {
			err = cmp.Or(x.missed(call, r.own()), err)
		}
		return body, err
	}
	if asksOfItself(call.Method) && call.Caller.Level == NoAccess {
		// Whoever got this far may ask who he is, and become somebody.
		mayRead := *call
		mayRead.Caller.Level = AccessRead
		call = &mayRead
	}
	return r.rpc.Handle(ctx, call, sink)
}

// route is that of a service that somebody offers here.
func (r *root) route(method string, caller *Caller) (to route, ok bool) {
	if x := r.opts.Exports; x != nil {
		return x.route(method, caller)
	}
	if app, ok := r.app.(router); ok {
		return app.route(method, caller)
	}
	return to, false
}

func asksOfItself(method string) bool {
	switch method {
	case "rpc.info", "rpc.ping", methodAuth, "rpc.pair":
		return true
	}
	return false
}

func (r *root) describe(ctx context.Context, p describeParams) (describeResult, error) {
	all, hash := r.described()
	out := describeResult{Hash: hash}
	if p.Service != nil && *p.Service == "rpc" {
		out.Services = []idl.Service{*r.rpc.Describe()[0]}
		return out, nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
		if p.Service == nil || *p.Service == s.Name {
			out.Services = append(out.Services, *s)
		}
	}
	if p.Service != nil && out.Services == nil {
		return out, notFound(*p.Service, *p.Service, names)
	}
	if p.Hash != nil && *p.Hash == hash {
		out.Services = nil
	}
	return out, nil
}

// discover answers in the words of OpenRPC. spec [R5]
func (r *root) discover(context.Context, None) (out discoverResult, err error) {
	r.described()
	r.mu.Lock()
	if r.found == nil {
		r.found = idl.OpenRPC(r.opts.Product, r.opts.Version, r.all)
	}
	document := r.found
	r.mu.Unlock()
	err = RawBody(wire.Value{Enc: wire.JSON, Raw: document}).Decode(&out)
	return out, err
}

func (r *root) info(ctx context.Context, _ None) (infoResult, error) {
	l := r.opts.Limits.filled()
	out := infoResult{
		Protocol: 1, Features: r.features(), Product: r.opts.Product, Version: r.opts.Version,
		Limits: map[string]int{
			"message": l.Message, "depth": wire.MaxDepth, "id": wire.MaxID, "in_flight": l.InFlight,
			"subscriptions": l.Subscriptions, "window": maxWindow, "connections": l.Connections,
			"queue": l.busyQueue(), "ring": ringItems, "rings": maxFeeds, "key": maxKey, "faults": codec.MaxFaults,
		},
	}
	all, _ := r.described()
	for _, s := range all {
		first, _, _ := strings.Cut(s.Doc, "\n")
		out.Services = append(out.Services, serviceInfo{s.Name, s.Version, first})
		if out.Product == "" {
			out.Product, out.Version = s.Name, s.Version
		}
	}
	caller := CallerOf(ctx)
	out.You = youOf(caller)
	if id := r.opts.Identity; id != nil && id.Next() != (transport.Fingerprint{}) {
		next := id.Next().String()
		out.Next = &next
	}
	if r.opts.HTTP != nil {
		out.Features = append(out.Features, "http")
	}
	if caller.Level.Allows(AccessAdmin) {
		out.Listen = r.listen
	}
	return out, nil
}

func (r *root) features() []string {
	if r.opts.Exports != nil {
		return []string{"cbor", "export"}
	}
	return []string{"cbor"}
}

func youOf(c Caller) you {
	y := you{Name: c.Name, Transport: c.Peer.Transport, Level: string(c.Level), Via: c.Via}
	if y.Level == "" {
		y.Level = "none"
	}
	for _, g := range c.Only {
		y.Only = append(y.Only, string(g))
	}
	if !c.Expires.IsZero() {
		y.Expires = &c.Expires
	}
	if c.Peer.Known {
		y.Uid = &c.Peer.UID
		if c.Peer.PID > 0 {
			y.Pid = &c.Peer.PID
		}
	}
	return y
}

func (r *root) ping(context.Context, None) (None, error) { return None{}, nil }

func (r *root) counters(context.Context, None) (statsResult, error) {
	s := r.stats
	return statsResult{
		Connections: count(&s.connections), Calls: count(&s.calls), Failed: count(&s.failed),
		InFlight: count(&s.inFlight), Subscriptions: count(&s.subscriptions),
		Items: count(&s.items), Lost: count(&s.lost),
		BytesIn: count(&s.bytesIn), BytesOut: count(&s.bytesOut),
		Uptime: time.Since(r.started).Seconds(),
	}, nil
}

// count is as much of a counter as an int can say.
func count(n *atomic.Int64) int { return int(min(n.Load(), math.MaxInt)) }
