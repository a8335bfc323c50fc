package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/web"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

// target is a member that the command line names, at the other end of a
// connection.
type target struct {
	client  *sabir.Client
	close   func()       // when the client has served
	address string       // without what is secret in it
	method  string       // "lounge.say"
	service *idl.Service // nil: a stranger, which does not describe itself
	member  *idl.Member  // nil: a stranger's
	since   *sabir.Position
	hash    string // of the description
	old     bool   // the description is one that was kept, and may be another by now
}

// open connects to the service of a member and asks what it says of itself.
func (a *app) open(ctx context.Context, method string) (*target, error) {
	service, member, dotted := strings.Cut(method, ".")
	address := a.addressOf(service)
	switch {
	case address == service && (strings.HasPrefix(method, "/") || strings.HasPrefix(method, "./") || strings.HasPrefix(method, "../")):
		return nil, &usage{method + " is an address, not SERVICE.MEMBER", "sabir -a " + method + " call SERVICE.MEMBER"}
	case dotted && (service == "" || member == ""):
		return nil, &usage{method + " is not SERVICE.MEMBER", "sabir ls lists the services, sabir describe SERVICE its members"}
	case !dotted && address == service && isSocket(service):
		return nil, &usage{method + " is a service, not SERVICE.MEMBER", "sabir describe " + method}
	case !dotted && address == service:
		return nil, &usage{method + " is not SERVICE.MEMBER", "sabir ls lists the services, sabir describe SERVICE its members"}
	case address == service && strings.Contains(service, "-"):
		return nil, &usage{service + " is an address, not a service", "sabir -a " + service + " call SERVICE." + member}
	case address == "rpc":
		return nil, &usage{"every service offers rpc; say which one is meant", "sabir -a NAME call " + method}
	}
	client, hangUp, err := a.reach(ctx, address)
	if err != nil {
		return nil, err
	}
	t := &target{client: client, close: hangUp, address: public(address), method: method}
	if dotted {
		err = a.describeTarget(ctx, t, service, member)
	}
	if err != nil {
		t.close()
		return nil, regarding(method, silent(address, err))
	}
	return t, nil
}

// addressOf says where a service is: where we are told, else under its own name.
func (a *app) addressOf(service string) string {
	if a.address != "" {
		return a.address
	}
	if address := a.getenv("SABIR_ADDRESS"); address != "" {
		return address
	}
	return service
}

func (a *app) dial(ctx context.Context, address string, cbor bool) (*sabir.Client, error) {
	o := a.dialling(slog.New(slog.DiscardHandler))
	o.CBOR, o.Direct = cbor, a.direct
	return sabir.Dial(ctx, address, &o)
}

// dialling is how any connection is made, to all kinds of addresses.
func (a *app) dialling(log *slog.Logger) sabir.DialOptions {
	return sabir.DialOptions{Stderr: a.errout, Log: log, Web: web.Dial}
}

// directFlag gives a command the flag --direct, which dial heeds.
func (a *app) directFlag(c *cobra.Command) {
	c.Flags().BoolVar(&a.direct, "direct", a.direct, "go past the hub at -a to a service that listens itself, where that can be")
}

// hasten goes over to a connection that speaks CBOR, where that costs no more
// than another socket and the service can. Bytes travel at twice the speed
// without base64.
func (a *app) hasten(ctx context.Context, t *target) {
	at, err := transport.Parse(t.address)
	if err != nil || at.Scheme != "name" && at.Scheme != "unix" {
		return
	}
	info, err := sabir.Do[struct{ Features []string }](ctx, t.client, "rpc.info", nil)
	if err != nil || !slices.Contains(info.Features, "cbor") {
		return
	}
	if client, err := a.dial(ctx, t.address, true); err == nil {
		t.close()
		t.client, t.close = client, func() { client.Close() }
	}
}

// describeTarget finds the member of a target, in what was kept of the service
// if it has it.
func (a *app) describeTarget(ctx context.Context, t *target, service, member string) error {
	if k := a.remembered(t.address, service); k != nil && k.Services[0].Member(member) != nil {
		t.service, t.hash, t.old = &k.Services[0], k.Hash, true
		t.member = t.service.Member(member)
		return nil
	}
	_, err := a.askTarget(ctx, t)
	return err
}

// askTarget asks the service of a target what it says of itself, and reports
// whether that is something else than the target has.
func (a *app) askTarget(ctx context.Context, t *target) (news bool, err error) {
	service, member, _ := strings.Cut(t.method, ".")
	d, err := describe(ctx, t.client, service, t.hash)
	switch {
	case isStranger(err):
		news = t.service != nil
		t.service, t.member = nil, nil
		return news, nil // plain JSON-RPC: whatever is wrong, the call will tell
	case errors.Is(err, sabir.ErrMethodNotFound):
		return false, noService(service, t.address, err)
	case err != nil:
		return false, err
	case t.hash != "" && d.hash == t.hash && d.services == nil:
		t.old = false
		return false, nil
	}
	i := slices.IndexFunc(d.services, func(s idl.Service) bool { return s.Name == service })
	if i < 0 {
		return false, noService(service, t.address, nil)
	}
	t.service, t.hash, t.old = &d.services[i], d.hash, false
	a.remember(&kept{t.address, service, d.hash, d.services[i : i+1]})
	if t.member = t.service.Member(member); t.member == nil {
		return true, noMember(service, member, memberNames(t.service))
	}
	return true, nil
}

// byDescription does what goes by the description of a target. If it fails as it
// would with an old description, and there is a newer one, it does so again:
// what was refused for its name or its params has not run. spec [E2]
func (a *app) byDescription(ctx context.Context, t *target, do func() error) error {
	err := do()
	if !t.old || !outdated(err) {
		return err
	}
	news, failed := a.askTarget(ctx, t)
	switch {
	case failed != nil && errors.Is(failed, sabir.ErrMethodNotFound):
		return failed
	case failed != nil || !news:
		return err
	}
	return do()
}

// outdated reports whether an error may come of an old description.
func outdated(err error) bool {
	var wrong *usage
	return errors.As(err, &wrong) || errors.Is(err, sabir.ErrMethodNotFound) || errors.Is(err, sabir.ErrInvalidParams)
}

func memberNames(s *idl.Service) (names []string) {
	for _, m := range s.Members {
		names = append(names, m.Name)
	}
	return names
}

// answered is what was answered to rpc.describe: as trees, and each service as
// it came.
type answered struct {
	hash     string
	services []idl.Service // nil: it is the one that hash was of
	raw      []wire.Value
}

// describe asks for a description, unless it has the hash given.
func describe(ctx context.Context, h sabir.Handler, service, hash string) (d answered, err error) {
	params := map[string]any{}
	if service != "" {
		params["service"] = service
	}
	if hash != "" {
		params["hash"] = hash
	}
	body, err := sabir.Do[sabir.Body](ctx, h, "rpc.describe", params)
	if err != nil {
		return d, err
	}
	var answer struct {
		Hash     string        `sabir:",optional"`
		Services []idl.Service `sabir:",optional"`
	}
	if err := body.Decode(&answer); err != nil {
		return d, err
	}
	for i := range answer.Services {
		if err := checkService(&answer.Services[i]); err != nil {
			return d, err
		}
	}
	v, err := body.Value()
	if err != nil {
		return d, err
	}
	d.hash, d.services = answer.Hash, answer.Services
	if list, ok := child(v, "services"); ok {
		c := list.Cursor()
		for it := c.Open(); c.More(&it); {
			d.raw = append(d.raw, c.Skip())
		}
	}
	return d, nil
}

// isStranger reports whether rpc.describe was answered by somebody who has
// never heard of it.
func isStranger(err error) bool {
	var answer *sabir.Error
	if !errors.As(err, &answer) || !errors.Is(err, sabir.ErrMethodNotFound) {
		return false
	}
	var params struct {
		Method string `sabir:",optional"`
	}
	return answer.Name == "" || answer.Params.Decode(&params) == nil && params.Method == "rpc.describe"
}

// kind is the kind of the member; of a stranger's, a method.
func (t *target) kind() idl.MemberKind {
	if t.member == nil {
		return idl.Method
	}
	return t.member.Kind
}

// do makes a plain request.
func (t *target) do(ctx context.Context, params sabir.Body) (wire.Value, error) {
	body, err := t.client.Handle(ctx, &sabir.Call{Method: t.method, Params: params, Window: sabir.NoWindow, Since: t.since}, nil)
	if err != nil {
		return wire.Value{}, err
	}
	return body.Value()
}

// fail says of an error that it was this call's.
func (t *target) fail(err error) error {
	var said *failed
	if err == nil || errors.As(err, &said) {
		return err
	}
	f := &failed{what: t.method, err: err}
	switch {
	case errors.Is(err, sabir.ErrInvalidParams) && t.member != nil:
		f.hint = signature(t.member)
	case errors.Is(err, sabir.ErrMethodNotFound) && !strings.Contains(t.method, "."):
		f.hint = "members of a service are called SERVICE." + t.method + "; sabir -a " + t.address + " ls lists the services there"
	}
	return f
}

// signature is a member on one line.
func signature(m *idl.Member) string {
	bare := *m
	bare.Params, bare.Result = undocumented(m.Params), undocumented(m.Result)
	return strings.Join(strings.Fields(bare.Signature()), " ")
}

func undocumented(fields []idl.Field) []idl.Field {
	out := make([]idl.Field, len(fields))
	for i, f := range fields {
		f.Doc = ""
		out[i] = f
	}
	return out
}

// timed turns the end of our own --timeout into an error that says so.
func (a *app) timed(what string, err error) error {
	if a.timeout > 0 && errors.Is(err, context.DeadlineExceeded) {
		return &tooLate{what, a.timeout}
	}
	return err
}
