package sabir

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// ExportOptions are the rare wishes of Export; nil and zero mean the default.
type ExportOptions struct {
	DialOptions        // but for Handler, which is what is offered, and Hub
	Offered     func() // is called each time that the services, or some of them, are there; default: nobody is told

	// Changes has h describe itself again whenever something comes: what is new
	// then is offered, what has gone is withdrawn. A service that is refused is
	// left out and offered again from time to time, for its name may be free by
	// then. Default: what h describes is always the same, and what is refused
	// ends Export. It is not to be closed.
	Changes <-chan struct{}
	// Refused is told of such a service, once. Default: nobody is told.
	Refused func(service string, err error)
	// Via says which hubs a call to a service passes, as [Exports.Via] does.
	// Default: none. spec [U6]
	Via func(service string) []string
	// At says where a service listens itself, so that clients may go there
	// instead: addresses unix:/PATH, or sabir://HOST/#fp=… as [transport.Address]
	// writes it. Default: nowhere. spec [U11]
	At func(service string) []string
}

// Export offers the services of h by way of the server at address, a hub or a
// daemon that takes plugins, until ctx ends. It is to h what ListenAndServe is,
// where others listen: it returns after the last handler, and makes a lost
// connection again. h has to be a [Describer].
//
// What it is told of callers is believed: dial only whom you trust to know
// them. Errors are those of the first connection, as of [Dial] and as
// rpc.Denied or [Taken] says, and nil once ctx has ended.
func Export(ctx context.Context, address string, h Handler, opts *ExportOptions) error {
	a, err := transport.Parse(address)
	if err != nil {
		return err
	}
	d, ok := h.(Describer)
	if !ok {
		return errors.New("sabir: only what describes itself can be offered")
	}
	var o ExportOptions
	if opts != nil {
		o = *opts
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	up, said := false, ""
	for try := 0; ; try++ {
		err := offer(ctx, a, h, d, &o, func() {
			up, try, said = true, 0, ""
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case !up:
			return err
		}
		if text := err.Error(); text != said { // a hub may be away for a night
			said = text
			o.Log.Warn("sabir: services are offered no more, trying again", "at", a.WithoutSecret().String(), "err", err)
		}
		if errors.Is(err, ErrDenied) { // a login that is refused costs all of this machine: spec [K4]
			try = max(try, deniedTry)
		}
		if !pause(ctx, try, offerPause) {
			return nil
		}
	}
}

// deniedTry is as which try one counts whose login was refused: for half a minute
// somebody may want to log in anew.
const deniedTry = 8

// offer is Export for as long as one connection lasts.
func offer(ctx context.Context, a transport.Address, h Handler, d Describer, o *ExportOptions, up func()) error {
	t, err := Connect(ctx, a, &o.DialOptions)
	switch {
	case err != nil && passingDial(err):
		return &Unanswered{Err: err}
	case err != nil:
		return err
	}
	ended := make(chan struct{})
	st := new(stats)
	c := newConn(t, connConfig{
		handler: newRoot(h, nil, st), base: context.WithoutCancel(ctx), log: o.Log, stats: st, limits: o.Limits,
		caller: Caller{Level: AccessAdmin, Peer: t.Peer()}, hub: true, onClose: func() { close(ended) },
	})
	defer c.wait()
	defer c.close()
	enc := wire.JSON
	if o.CBOR {
		enc = wire.CBOR
	}
	c.dial(enc, true)
	l := offers{c: c, o: o, there: make(map[string]*idl.Service), refused: make(map[string]*idl.Service)}
	if err := l.update(ctx, d.Describe()); err != nil {
		return err
	}
	up()
	told := false
	for open := true; open; {
		if !told && o.Offered != nil && (len(l.there) > 0 || len(l.refused) == 0) { // all of it may have been refused
			told = true
			o.Offered()
		}
		var again <-chan time.Time
		if l.again {
			again = time.After(offerAgain)
		}
		select {
		case <-ended:
			return c.why()
		case <-ctx.Done():
			open = false
		case <-o.Changes:
			if err := l.update(ctx, d.Describe()); err != nil && ctx.Err() == nil {
				return err
			}
		case <-again:
			if err := l.update(ctx, d.Describe()); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	c.drain()
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		c.cancelAll()
	}
	return nil
}

// offerAgain is after how long what was refused is offered again.
const offerAgain = 2 * time.Second

// offers are the services that are offered on one connection.
type offers struct {
	c       *conn
	o       *ExportOptions
	there   map[string]*idl.Service
	refused map[string]*idl.Service
	again   bool // some of the refused may be taken later
}

// update withdraws what is not described any more, and offers what is new.
func (l *offers) update(ctx context.Context, now []*idl.Service) error {
	for name, s := range l.there {
		if slices.Contains(now, s) {
			continue
		}
		delete(l.there, name)
		if err := l.ask(ctx, "rpc.withdraw", &withdrawParams{name}); err != nil && lostOffer(err) {
			return fmt.Errorf("withdraw %s: %w", name, err)
		}
	}
	l.again = false
	for _, s := range now {
		if l.there[s.Name] == s {
			continue
		}
		p := exportParams{Service: *s}
		if l.o.Via != nil {
			p.Via = l.o.Via(s.Name)
		}
		if l.o.At != nil {
			p.At = l.o.At(s.Name)
		}
		err := l.ask(ctx, "rpc.export", &p)
		switch {
		case err == nil:
			l.there[s.Name] = s
			delete(l.refused, s.Name)
			continue
		case l.o.Changes == nil || lostOffer(err):
			return fmt.Errorf("offer %s: %w", s.Name, err)
		}
		if l.refused[s.Name] != s && l.o.Refused != nil {
			l.o.Refused(s.Name, err)
		}
		l.refused[s.Name], l.again = s, true
	}
	for name, s := range l.refused {
		if !slices.Contains(now, s) {
			delete(l.refused, name)
		}
	}
	return nil
}

// lostOffer reports whether it was not the peer who said no.
func lostOffer(err error) bool { return !errors.As(err, new(*Error)) }

func (l *offers) ask(ctx context.Context, method string, params any) error {
	body, err := BodyOf(params)
	if err != nil {
		return err
	}
	call := &Call{Method: method, Params: body, Window: NoWindow}
	err = l.c.call(ctx, call, nil, func(wire.Value, *[]byte) error { return nil })
	if errors.Is(err, errNotSent) {
		err = &Unanswered{Err: l.c.why()}
	}
	return err
}
