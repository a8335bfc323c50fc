package sabir

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Services that those who connect offer to others who do. spec/hub.md

const (
	// maxDescribed is how deep a description may nest: what is around it in the answers of
	// rpc.describe and rpc.discover, which every caller gets, takes of the levels that there are.
	maxDescribed = 52
)

// Exports are the services that those who connect to a server offer: it takes
// them if it is given an Exports in [ServeOptions]. As a Handler it passes calls
// on to them, for several servers as well, and for a program that calls its own
// plugins. It may be used by any number of goroutines at once.
type Exports struct {
	id    string // as a hub
	allow func(Caller, *idl.Service) (release func(), err error)
	watch Watcher // nil: nobody watches
	told  func()  // of changes, at a hub
	began time.Time

	mu     sync.RWMutex
	byName map[string]*export
	order  []*idl.Service       // described under the names that they have here
	gone   map[string]time.Time // when those went that are not back; at most maxGone
}

const (
	// maxGone is how many services that are gone are remembered.
	maxGone = 256
	// backWithin is how long after its beginning it is not known yet what there is: who
	// offered something to the run before tries again within half a minute, and may have
	// to wait for a hub that does so too.
	backWithin = time.Minute
)

// NewExports makes an Exports without services. allow says who may offer what;
// the function that it returns, if not nil, is called when the service is gone.
// An error that is no answer like [Denied] is told nobody but the log.
func NewExports(allow func(c Caller, s *idl.Service) (release func(), err error)) *Exports {
	return &Exports{id: newHubID(), allow: allow, began: time.Now(), byName: make(map[string]*export), gone: make(map[string]time.Time)}
}

// Describe returns what is offered now.
func (x *Exports) Describe() []*idl.Service {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.order
}

// Handle passes a call on to who offers the service.
func (x *Exports) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	if e := x.find(call.Method); e != nil {
		return x.handle(ctx, e, call, sink)
	}
	if err := x.missed(call, nil); err != nil {
		return Body{}, err
	}
	service, _, _ := strings.Cut(call.Method, ".")
	return Body{}, notFound(call.Method, service, serviceNames(x.Describe()))
}

// missed is the answer where a service is called that was here and is not now; nil: none
// of that name was, or it is one of our own. Who subscribes to it tries again then, as
// where its own socket is gone. spec [U7]
//
// What was here before we began is not known. Callers come back to a hub that was
// restarted, often before the service does: of MethodNotFound they would think that it is
// for ever. At a daemon that takes plugins a name that is not there is mostly a wrong one,
// so who calls, and is there to read what he is told, hears that.
func (x *Exports) missed(call *Call, own []*idl.Service) error {
	service, _, _ := strings.Cut(call.Method, ".")
	x.mu.RLock()
	at, was := x.gone[service]
	x.mu.RUnlock()
	age := time.Since(x.began)
	switch {
	case was:
		return Unavailable("no service %s is here; it was until %s", service, at.Format(time.DateTime))
	case age > backWithin || call.Window == NoWindow && x.told == nil ||
		slices.ContainsFunc(own, func(s *idl.Service) bool { return s.Name == service }):
		return nil
	}
	hint := ""
	if near := codec.Nearest(service, serviceNames(slices.Concat(own, x.Describe()))); near != "" {
		hint = fmt.Sprintf(", did you mean %s?", near)
	}
	return Unavailable("no service %s is here yet, %v after the start%s", wire.Clip(service), age.Round(time.Second), hint)
}

func serviceNames(all []*idl.Service) (names []string) {
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

// miss remembers a service that is gone, in place of one of those that went before
// it if they are too many. x.mu is held.
func (x *Exports) miss(name string) {
	if len(x.gone) >= maxGone {
		for other := range x.gone {
			delete(x.gone, other)
			break
		}
	}
	x.gone[name] = time.Now()
}

// Only is one of the services alone, as a Handler that describes it.
func (x *Exports) Only(service string) Handler { return onlyExport{x, service} }

type onlyExport struct {
	x       *Exports
	service string
}

func (o onlyExport) Describe() []*idl.Service {
	for _, s := range o.x.Describe() {
		if s.Name == o.service {
			return []*idl.Service{s}
		}
	}
	return nil
}

func (o onlyExport) has(method string) bool {
	service, _, _ := strings.Cut(method, ".")
	return service == o.service
}

func (o onlyExport) Handle(ctx context.Context, call *Call, sink Sink) (Body, error) {
	if !o.has(call.Method) {
		return Body{}, MethodNotFound(call.Method, []string{o.service})
	}
	return o.x.Handle(ctx, call, sink)
}

func (o onlyExport) route(method string, caller *Caller) (r route, ok bool) {
	if !o.has(method) {
		return r, false
	}
	return o.x.route(method, caller)
}

// export is one service that a connection offers.
type export struct {
	c       *conn
	theirs  string // the name that it has there
	desc    *idl.Service
	members map[string]exported // by the full name that they have here
	via     []string            // the hubs between here and the service
	at      []string            // where it listens itself
	size    int                 // of its description, in bytes
	open    bool                // it is found
	leaving bool                // it ends, and its name is free when that is done
	release func()              // nil: nobody has to be told
}

// exported is one member of such a service.
type exported struct {
	*idl.Member
	merger *merger // nil: subscriptions are not merged
}

type (
	exportParams struct {
		Service idl.Service `doc:"What is offered."`
		As      *string     `doc:"The name to offer it under, if not its own."`
		Via     []string    `sabir:",optional" doc:"The ids of the hubs that a call to it passes, that at the service first."`
		At      []string    `sabir:",optional" doc:"Where it listens itself."`
	}
	withdrawParams struct {
		Service string `doc:"The name that it was offered under."`
	}
)

// Taken is what rpc.export answers if somebody else has the name.
type Taken struct{ Service string }

// Doc is for the description.
func (Taken) Doc() string { return "Somebody else has the name." }

func (e Taken) Error() string { return fmt.Sprintf("a service %s is here already", e.Service) }

// add puts a service of a connection in its place. spec [U6]
func (x *Exports) add(ctx context.Context, c *conn, caller Caller, p exportParams, own []*idl.Service) error {
	desc := p.Service
	size, faults := p.faults()
	if faults != nil {
		return invalidParams(faults)
	}
	e := &export{c: c, theirs: desc.Name, desc: &desc, size: size, members: make(map[string]exported)}
	if p.As != nil {
		desc.Name = *p.As
	}
	if err := x.passable(p.Via); err != nil {
		return err
	}
	for _, at := range p.At {
		if !isSocketAddress(at) || caller.Peer.Transport == "unix" {
			e.at = append(e.at, at)
		}
	}
	e.via = p.Via
	for i := range desc.Members {
		m := &desc.Members[i]
		member := exported{Member: m}
		if merges(m) {
			member.merger = newMerger(peer{c}, m, c.spawn)
		}
		e.members[desc.Name+"."+m.Name] = member
	}
	if err := x.reserve(ctx, e, own); err != nil {
		return err
	}
	judged := false
	defer func() {
		if !judged { // allow has panicked
			x.free(e)
		}
	}()
	release, err := x.allow(caller, e.desc)
	judged = true
	if err != nil {
		x.free(e)
		return err
	}
	x.open(e, release)
	if !c.alive() { // it ended before it could be found here
		x.drop(c)
	}
	return nil
}

// faults says what is wrong with an offer but for the description, which the
// types say, and how long that is. spec [U6], [U11]
func (p *exportParams) faults() (size int, faults []Fault) {
	fault := func(path, format string, args ...any) {
		faults = append(faults, Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
	}
	raw, err := codec.AppendAny(nil, wire.JSON, &p.Service)
	if err != nil || (wire.Value{Enc: wire.JSON, Raw: raw}).Depth() > maxDescribed {
		fault("service", "nested over %d levels", maxDescribed)
	}
	const noName = "%q is no name for a service, [a-z][a-z0-9_]*"
	if !serviceName.MatchString(p.Service.Name) {
		fault("service.name", noName, p.Service.Name)
	}
	if p.As != nil && !serviceName.MatchString(*p.As) {
		fault("as", noName, *p.As)
	}
	for i, id := range p.Via {
		if !validID(id) {
			fault(fmt.Sprintf("via[%d]", i), "%q is no id of a hub", id)
		}
	}
	if len(p.At) > maxWhere {
		fault("at", "over %d addresses", maxWhere)
		return 0, faults
	}
	for i, at := range p.At {
		if _, err := whereAddress(at); err != nil {
			fault(fmt.Sprintf("at[%d]", i), "%v", err)
		}
	}
	return len(raw), faults
}

// passable refuses what comes from here, or from too far away. spec [U6]
func (x *Exports) passable(via []string) error {
	member := "via"
	switch {
	case slices.Contains(via, x.id):
		return newError(wire.InvalidRequest, &requestParams{&member}, `member "via": it comes from here`)
	case len(via) >= maxVia:
		return newError(wire.InvalidRequest, &requestParams{&member}, `member "via": %d hubs already`, len(via))
	}
	return nil
}

// Via returns the ids of the hubs that a call to a service passes from here on,
// this one's the last: what [ExportOptions] needs to offer it elsewhere.
func (x *Exports) Via(service string) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var via []string
	if e := x.byName[service]; e != nil {
		via = e.via
	}
	return append(slices.Clone(via), x.id)
}

// Changed has f called after a service has come or gone; it must not wait. It is
// set before anything is offered.
func (x *Exports) Changed(f func()) { x.told = f }

// changed is called without a lock.
func (x *Exports) changed() {
	if x.told != nil {
		x.told()
	}
}

// find returns who serves a method, nil if nobody who connected does.
func (x *Exports) find(method string) *export {
	service, _, _ := strings.Cut(method, ".")
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e := x.byName[service]; e != nil && e.open {
		return e
	}
	return nil
}

// handle passes a call on to who offers the service. spec [U4], [U5]
func (x *Exports) handle(ctx context.Context, e *export, call *Call, sink Sink) (body Body, err error) {
	m, ok := e.members[call.Method]
	if !ok && len(e.members) > 0 {
		names := make([]string, 0, len(e.members))
		for name := range e.members {
			names = append(names, name)
		}
		slices.Sort(names)
		return Body{}, notFound(call.Method, call.Method, names)
	}
	if !ok {
		m.Member = &idl.Member{Access: idl.Admin}
	}
	if err := call.Caller.Permit(call.Method, m.Member); err != nil {
		return Body{}, err
	}
	if x.watch != nil {
		var done func(Body, error)
		sink, done = x.watch(call, sink)
		defer func() { done(body, err) }()
	}
	onward := *call
	onward.hub, onward.Method = x.id, e.there(call.Method)
	if m.merger != nil {
		return m.merger.Handle(ctx, &onward, sink)
	}
	return peer{e.c}.Handle(ctx, &onward, sink)
}

// there is the name of a method where the service is.
func (e *export) there(method string) string {
	if e.theirs == e.desc.Name {
		return method
	}
	return e.theirs + strings.TrimPrefix(method, e.desc.Name)
}

// export is rpc.export. spec [U6]
func (r *root) export(ctx context.Context, p exportParams) (None, error) {
	c, _ := ctx.Value(peerKey{}).(*conn)
	if c == nil || r.opts.Exports == nil {
		return None{}, Denied(AccessAdmin, "services of others are not taken here")
	}
	c.mu.Lock()
	c.offers = true
	c.mu.Unlock()
	return None{}, r.opts.Exports.add(ctx, c, CallerOf(ctx), p, r.own())
}

// withdraw is rpc.withdraw. spec [U7]
func (r *root) withdraw(ctx context.Context, p withdrawParams) (None, error) {
	c, _ := ctx.Value(peerKey{}).(*conn)
	if c == nil || r.opts.Exports == nil || !r.opts.Exports.remove(c, p.Service) {
		return None{}, notFound(p.Service, p.Service, nil)
	}
	return None{}, nil
}
