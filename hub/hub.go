package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
)

// Name is the name that a hub has if it is given none.
const Name = "hub"

// Options are the rare wishes of a hub; nil and zero mean the default.
type Options struct {
	Address string // default: Name
	// Allow says who may offer what. Default: the admins, anything.
	Allow func(c sabir.Caller, s *idl.Service) error
	Units []string // directories of units, see Unit; default: none
	// To are the addresses of other hubs, and of daemons that take plugins, where
	// all that is here is offered as well, as [sabir.Export] does. Default: none.
	To    []string
	Dial  sabir.DialOptions  // to them
	Told  func(at string)    // each time that what is here is offered there; default: nobody is told
	Serve sabir.ServeOptions // of the hub and of the sockets of its services; Exports is the hub's own
}

// hub is where services are offered, and found under one address.
type hub struct {
	opts     Options
	exports  *sabir.Exports
	services *sabir.Table[Service, sabir.None]
	units    *units
	clients  clients
	traffic  traffic
	onward   []*onward
	monitors monitors

	admitted sync.Mutex         // guards rows and left
	rows     map[string]Service // of services that are let in and cannot be called yet
	left     []Service          // those that are gone, and the log has not
	missed   map[string]bool    // those that are gone, and the log has

	dir  string          // of its socket
	path bool            // that is its address, and so the others are beside it
	ctx  context.Context // ends with the hub
	all  sync.WaitGroup  // servers of the services' own sockets, and what runs for units
}

// Service is a row of hub.services.
type Service struct {
	Version string
	Doc     string    `sabir:",optional" doc:"The first line of its doc."`
	Members int       `doc:"How many it has; none: it says nothing of itself, and is for admins."`
	Since   time.Time `doc:"When it was offered."`
	By      string    `sabir:",optional" doc:"The name of who offers it."`
	UID     *uint32   `doc:"The user who does."`
	PID     *int      `doc:"The process that does; of a unit, where it runs now."`
	Unit    *string   `doc:"The file by which the hub starts it when it is called."`
	Socket  *string   `doc:"The socket of its own, mostly made by the hub, so that clients need not know of that."`
	At      []string  `sabir:",optional" doc:"Where it listens itself that other machines reach."`

	name string
}

// Serve runs a hub until ctx ends, and returns when the last of its servers
// has ended: those who connect offer services by rpc.export, and whoever
// connects calls them. Each service has a socket of its own name as well, where
// none is in the way. Errors are those of [sabir.ListenAndServe].
func Serve(ctx context.Context, opts *Options) error {
	h := &hub{rows: make(map[string]Service)}
	if opts != nil {
		h.opts = *opts
	}
	if h.opts.Address == "" {
		h.opts.Address = Name
	}
	if a, err := transport.Parse(h.opts.Address); err != nil {
		return err
	} else if h.path = a.Scheme == "unix"; !h.path && a.Scheme != "name" {
		return fmt.Errorf("hub: %s: expected a name or the path of a socket, beside which those of the services are; Serve.Listen is for the network", a)
	}
	if h.opts.Serve.Log == nil {
		h.opts.Serve.Log = slog.Default()
	}
	if h.opts.Allow == nil {
		h.opts.Allow = adminsOnly
	}
	if h.opts.Serve.Product == "" {
		h.opts.Serve.Product = "sabir hub"
	}
	var cancel context.CancelFunc
	h.ctx, cancel = context.WithCancel(ctx)
	defer h.all.Wait()
	defer cancel()
	h.exports = sabir.NewExports(h.admit)
	h.exports.Watch(h.watch)
	h.exports.Changed(h.changed)
	for _, at := range h.opts.To {
		if _, err := transport.Parse(at); err != nil {
			return err
		}
		h.onward = append(h.onward, &onward{hub: h, Exports: h.exports, at: at, changes: make(chan struct{}, 1)})
	}
	h.monitors.all = make(map[*monitor]struct{})
	h.units = &units{hub: h, dirs: h.opts.Units, byName: make(map[string]*unitEntry)}
	defer h.units.close()
	o := h.opts.Serve
	o.Exports, o.Connected = h.exports, h.clients.connected
	o.Ready = func(all []transport.Address) {
		h.dir = filepath.Dir(all[0].Path)
		sweep(h.dir)
		h.units.describe() // and so looked for
		if len(h.units.dirs) > 0 {
			h.all.Go(h.units.watch)
		}
		for _, w := range h.onward {
			h.all.Go(func() { w.run(ctx) })
		}
		if h.opts.Serve.Ready != nil {
			h.opts.Serve.Ready(all)
		}
	}
	return sabir.ListenAndServe(ctx, h.opts.Address, &front{h, h.service()}, &o)
}

// front is what the hub itself answers, beside what is offered.
type front struct {
	*hub
	own *sabir.Service
}

func (f *front) Describe() []*idl.Service { return append(f.own.Describe(), f.units.describe()...) }

func (f *front) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	service, _, _ := strings.Cut(call.Method, ".")
	switch {
	case service == Name:
		return f.watched(ctx, call, sink, f.own)
	case f.units.find(service) != nil:
		return f.units.Handle(ctx, call, sink)
	}
	return f.own.Handle(ctx, call, sink) // to be told what there is: names that callers make up are counted nowhere
}

// described is what can be called here, but the hub itself.
func (h *hub) described() []*idl.Service { return append(h.units.describe(), h.exports.Describe()...) }

func adminsOnly(c sabir.Caller, s *idl.Service) error {
	if c.Level.Allows(sabir.AccessAdmin) {
		return nil
	}
	return sabir.Denied(sabir.AccessAdmin, "only admins offer services here")
}

// service is what the hub says of itself.
func (h *hub) service() *sabir.Service {
	s := sabir.NewService(Name, "1", "Where services are offered, and found under one address.")
	h.services = sabir.NewTable[Service, sabir.None](s, "services", sabir.Common,
		sabir.Doc("What is offered here now, by name."))
	h.clients.table = sabir.NewTable[Client, sabir.None](s, "clients", sabir.Common, sabir.Doc("Who is connected now, by number."))
	h.traffic.table = sabir.NewTable[Traffic, sabir.None](s, "traffic", sabir.Common, sabir.OnListeners(h.traffic.watched),
		sabir.Doc("What passed here, by service, each second while somebody watches."))
	sabir.Method(s, "resolve", h.resolve, sabir.Readonly,
		sabir.Doc("Where a service listens itself, so that one may go there."))
	sabir.Stream(s, "monitor", h.monitor, sabir.Readonly,
		sabir.Doc("What passes here from now on, message by message.\nIt never holds anything up: who is too slow for it is told how much he missed."))
	return s
}

// admit takes in a service, or says why not.
func (h *hub) admit(c sabir.Caller, s *idl.Service) (release func(), err error) {
	if err := h.opts.Allow(c, s); err != nil {
		return nil, err
	}
	row := Service{Version: s.Version, Doc: firstLine(s.Doc), Members: len(s.Members), Since: time.Now(), By: c.Name, name: s.Name}
	if c.Peer.Known {
		row.UID = &c.Peer.UID
		if c.Peer.PID > 0 {
			row.PID = &c.Peer.PID
		}
	}
	where, _ := h.exports.Where(s.Name)
	row.At = where.Elsewhere().Addresses
	closeSocket := func() {}
	var taken *transport.InUseError
	if path, closer, err := h.listen(s.Name, h.exports.Only(s.Name)); errors.As(err, &taken) && slices.Contains(where.Addresses, "unix:"+taken.Path) {
		row.Socket = told(taken.Path) // by itself
	} else if err != nil {
		h.opts.Serve.Log.Warn("hub: service has no socket of its own", "service", s.Name, "err", err)
	} else {
		row.Socket, closeSocket = told(path), closer
	}
	h.admitted.Lock()
	defer h.admitted.Unlock()
	h.rows[s.Name] = row // shown by changed, when it can be called
	return func() {
		h.admitted.Lock()
		if _, never := h.rows[s.Name]; !never {
			h.left = append(h.left, row)
		}
		delete(h.rows, s.Name)
		h.services.Delete(sabir.None{}, s.Name)
		h.admitted.Unlock()
		h.traffic.gone(s.Name)
		closeSocket()
	}, nil
}

// told is a path as a text, which one of another encoding is not quite.
func told(path string) *string {
	path = strings.ToValidUTF8(path, "\uFFFD")
	return &path
}

// resolve is hub.resolve. spec [U11]
func (h *hub) resolve(ctx context.Context, in struct{ Service string }) (sabir.Where, error) {
	where, ok := h.exports.Where(in.Service)
	if !ok {
		if h.units.find(in.Service) == nil {
			return where, h.noService(in.Service)
		}
		where = sabir.Where{Service: in.Service} // it is where it was started
	}
	if sabir.CallerOf(ctx).Peer.Transport != "unix" {
		where = where.Elsewhere()
	}
	return where, nil
}

func (h *hub) noService(name string) error {
	var names []string
	for _, s := range h.described() {
		names = append(names, s.Name)
	}
	e := sabir.MethodNotFound(name, names)
	e.Message = "no service" + strings.TrimPrefix(e.Message, "no member") // which is what was asked for
	return e
}

// exported returns the description of a service that somebody offers.
func (h *hub) exported(name string) *idl.Service {
	for _, d := range h.exports.Describe() {
		if d.Name == name {
			return d
		}
	}
	return nil
}

func firstLine(doc string) string {
	first, _, _ := strings.Cut(doc, "\n")
	return first
}

// listen serves one service at a socket of its own name.
func (h *hub) listen(name string, of sabir.Handler) (path string, stop func(), err error) {
	at := transport.Address{Scheme: "name", Name: name}
	if h.path {
		at = transport.Address{Scheme: "unix", Path: filepath.Join(h.dir, name+".sock")}
	}
	o := h.opts.Serve
	ln, err := transport.Listen(at, &transport.ListenOptions{Env: o.Env, Mode: o.Mode, Group: o.Group})
	if err != nil {
		return "", nil, err
	}
	o.Product, o.Version, o.Listen, o.Ready = "", "", nil, nil
	o.Connected = h.clients.connected
	ctx, cancel := context.WithCancel(h.ctx)
	h.all.Go(func() {
		if err := sabir.Serve(ctx, ln, of, &o); err != nil {
			h.opts.Serve.Log.Error("hub: socket of a service", "service", name, "err", err)
		}
	})
	return ln.Address().Path, func() {
		cancel()
		ln.Close() // before the next of the name comes
	}, nil
}

// services are several, each called by its name.
type services interface {
	sabir.Handler
	sabir.Describer
}

// only is one of several services.
type only struct {
	services
	name string
}

func (o only) Describe() []*idl.Service {
	for _, s := range o.services.Describe() {
		if s.Name == o.name {
			return []*idl.Service{s}
		}
	}
	return nil
}

func (o only) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	if service, _, _ := strings.Cut(call.Method, "."); service != o.name {
		return sabir.Body{}, sabir.MethodNotFound(call.Method, []string{o.name})
	}
	return o.services.Handle(ctx, call, sink)
}
