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
	"github.com/sabir-ipc/sabir/wire"
)

// target is a member that the command line names, at the other end of a
// connection.
type target struct {
	client  *sabir.Client
	address string
	method  string       // "lounge.say"
	service *idl.Service // nil: a stranger, which does not describe itself
	member  *idl.Member  // nil: a stranger's, or there is none of that name
}

// open connects to the service of a member and asks what it says of itself.
func (a *app) open(ctx context.Context, method string) (*target, error) {
	service, member, dotted := strings.Cut(method, ".")
	address := a.addressOf(service)
	switch {
	case dotted && (service == "" || member == ""):
		return nil, &usage{method + " is not SERVICE.METHOD", "sabir ls lists the services, sabir describe SERVICE its members"}
	case !dotted && address == service:
		return nil, &usage{method + " is a service, not SERVICE.METHOD", "sabir describe " + method}
	case address == service && strings.Contains(service, "-"):
		return nil, &usage{service + " is an address, not a service", "sabir -a " + service + " call SERVICE." + member}
	case address == "rpc":
		return nil, &usage{"every service offers rpc; say which one is meant", "sabir -a NAME call " + method}
	}
	client, err := a.dial(ctx, address, false)
	if err != nil {
		return nil, err
	}
	t := &target{client: client, address: address, method: method}
	if dotted {
		err = t.describe(ctx, service, member)
	}
	if err != nil {
		client.Close()
		return nil, regarding(method, err)
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
	return sabir.Dial(ctx, address, &sabir.DialOptions{CBOR: cbor, Stderr: a.errout, Log: slog.New(slog.DiscardHandler)})
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
		t.client.Close()
		t.client = client
	}
}

func (t *target) close() { t.client.Close() }

func (t *target) describe(ctx context.Context, service, member string) error {
	services, _, err := describe(ctx, t.client, service)
	switch {
	case isStranger(err):
		return nil // plain JSON-RPC: whatever is wrong, the call will tell
	case err != nil:
		return err
	}
	for i := range services {
		if services[i].Name == service {
			t.service = &services[i]
			t.member = t.service.Member(member)
		}
	}
	return nil
}

// describe asks for a description: as a tree, and each service as it came.
func describe(ctx context.Context, h sabir.Handler, service string) (services []idl.Service, raw []wire.Value, err error) {
	params := map[string]any{}
	if service != "" {
		params["service"] = service
	}
	body, err := sabir.Do[sabir.Body](ctx, h, "rpc.describe", params)
	if err != nil {
		return nil, nil, err
	}
	var answer struct {
		Services []idl.Service `sabir:",optional"`
	}
	if err := body.Decode(&answer); err != nil {
		return nil, nil, err
	}
	for i := range answer.Services {
		if err := checkService(&answer.Services[i]); err != nil {
			return nil, nil, err
		}
	}
	v, err := body.Value()
	if err != nil {
		return nil, nil, err
	}
	if list, ok := child(v, "services"); ok {
		c := list.Cursor()
		for it := c.Open(); c.More(&it); {
			raw = append(raw, c.Skip())
		}
	}
	return answer.Services, raw, nil
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
	body, err := t.client.Handle(ctx, &sabir.Call{Method: t.method, Params: params, Window: sabir.NoWindow}, nil)
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
	if errors.Is(err, sabir.ErrInvalidParams) && t.member != nil {
		f.hint = signature(t.member)
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
