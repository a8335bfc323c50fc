package sabir

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Describer is what a Handler is that can say which services it offers.
type Describer interface{ Describe() []*idl.Service }

// root is what a connection serves: the service rpc, and all others by the
// program's own Handler. spec/methods.md
type root struct {
	app     Handler
	rpc     *Service
	opts    ServeOptions
	stats   *stats
	started time.Time
	hash    string
	all     []*idl.Service
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
	infoResult struct {
		Protocol int `doc:"The version of the protocol, 1."`
		Features []string
		Product  string
		Version  string
		Services []serviceInfo
		Limits   map[string]int
		You      you `doc:"Who the caller is, as verified."`
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
	r := &root{app: app, stats: st, started: time.Now()}
	if opts != nil {
		r.opts = *opts
	}
	if d, ok := app.(Describer); ok {
		r.all = d.Describe()
	}
	r.hash = describeHash(r.all)
	r.rpc = newService("rpc", "1", "What every Sabir service answers.")
	Method(r.rpc, "describe", r.describe, Readonly, Doc("What the services here say of themselves."))
	Method(r.rpc, "info", r.info, Readonly, Doc("What is here, and who the caller is."))
	Method(r.rpc, "ping", r.ping, Readonly, Doc("Answers."))
	Method(r.rpc, "stats", r.counters, Readonly, Doc("What the server has done since it started."))
	return r
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
		return r.app.Handle(ctx, call, sink)
	}
	if (call.Method == "rpc.info" || call.Method == "rpc.ping") && call.Caller.Level == NoAccess {
		// Whoever got this far may ask who he is.
		mayRead := *call
		mayRead.Caller.Level = AccessRead
		call = &mayRead
	}
	return r.rpc.Handle(ctx, call, sink)
}

func (r *root) describe(ctx context.Context, p describeParams) (describeResult, error) {
	out := describeResult{Hash: r.hash}
	if p.Service != nil && *p.Service == "rpc" {
		out.Services = []idl.Service{*r.rpc.Describe()[0]}
		return out, nil
	}
	var names []string
	for _, s := range r.all {
		names = append(names, s.Name)
		if p.Service == nil || *p.Service == s.Name {
			out.Services = append(out.Services, *s)
		}
	}
	if p.Service != nil && out.Services == nil {
		return out, notFound(*p.Service, *p.Service, names)
	}
	if p.Hash != nil && *p.Hash == r.hash {
		out.Services = nil
	}
	return out, nil
}

func (r *root) info(ctx context.Context, _ None) (infoResult, error) {
	out := infoResult{
		Protocol: 1, Features: []string{"cbor"}, Product: r.opts.Product, Version: r.opts.Version,
		Limits: map[string]int{
			"message": maxMessage, "depth": wire.MaxDepth, "id": wire.MaxID, "in_flight": maxInFlight,
			"subscriptions": maxSubscriptions, "window": maxWindow, "connections": maxConnections,
			"queue": busyQueue, "ring": ringItems, "rings": maxFeeds, "key": maxKey, "faults": codec.MaxFaults,
		},
	}
	for _, s := range r.all {
		first, _, _ := strings.Cut(s.Doc, "\n")
		out.Services = append(out.Services, serviceInfo{s.Name, s.Version, first})
		if out.Product == "" {
			out.Product, out.Version = s.Name, s.Version
		}
	}
	caller := CallerOf(ctx)
	out.You = you{Name: caller.Name, Transport: caller.Peer.Transport, Level: string(caller.Level)}
	if out.You.Level == "" {
		out.You.Level = "none"
	}
	if caller.Peer.Known {
		out.You.Uid = &caller.Peer.UID
		if caller.Peer.PID > 0 {
			out.You.Pid = &caller.Peer.PID
		}
	}
	return out, nil
}

func (r *root) ping(context.Context, None) (None, error) { return None{}, nil }

func (r *root) counters(context.Context, None) (statsResult, error) {
	s := r.stats
	return statsResult{
		Connections: int(s.connections.Load()), Calls: int(s.calls.Load()), Failed: int(s.failed.Load()),
		InFlight: int(s.inFlight.Load()), Subscriptions: int(s.subscriptions.Load()),
		Items: int(s.items.Load()), Lost: int(s.lost.Load()),
		BytesIn: int(s.bytesIn.Load()), BytesOut: int(s.bytesOut.Load()),
		Uptime: time.Since(r.started).Seconds(),
	}, nil
}
