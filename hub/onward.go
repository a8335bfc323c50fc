package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
)

// onward is all that is at a hub, as it is offered to another one.
type onward struct {
	*hub
	*sabir.Exports // so calls are passed on as at the hub's own sockets, without a goroutine for each
	at             string
	changes        chan struct{} // has one in it, if something came or went
}

// firstWait and lastWait are between tries where nobody has answered yet.
const firstWait, lastWait = 500 * time.Millisecond, 15 * time.Second

// changed has the others told that something came or went, and shows what came.
func (h *hub) changed() {
	var come []Service
	h.admitted.Lock()
	gone := h.left
	h.left = nil
	if h.missed == nil || len(h.missed) > maxMissed {
		h.missed = make(map[string]bool)
	}
	for _, row := range gone {
		h.missed[row.name] = true
	}
	for name, row := range h.rows {
		if h.exported(name) != nil {
			delete(h.rows, name)
			h.services.Set(sabir.None{}, name, row)
			if h.missed[name] {
				delete(h.missed, name)
				come = append(come, row)
			}
		}
	}
	h.admitted.Unlock()
	h.tellOf("hub: a service is offered no more", gone)
	h.tellOf("hub: a service is offered again", come)
	for _, w := range h.onward {
		select {
		case w.changes <- struct{}{}:
		default: // it is about to look anyway
		}
	}
}

// maxMissed bounds the names that a service may make up.
const maxMissed = 4096

// tellOf has services that went or came back in the log, with who offered them; the
// end of the hub is the end of all.
func (h *hub) tellOf(what string, all []Service) {
	for _, row := range all {
		by := row.By
		if by == "" && row.UID != nil {
			by = fmt.Sprint("uid ", *row.UID)
		}
		if h.ctx.Err() == nil {
			h.opts.Serve.Log.Info(what, "service", row.name, "by", by)
		}
	}
}

// run offers until ctx ends. The other one may come later than this one.
func (w *onward) run(ctx context.Context) {
	log, to := w.opts.Serve.Log, public(w.at)
	o := sabir.ExportOptions{
		DialOptions: w.opts.Dial, Changes: w.changes, Via: w.exports.Via, At: w.elsewhere,
		Offered: func() {
			if w.opts.Told != nil {
				w.opts.Told(w.at)
			}
		},
		Refused: func(service string, err error) {
			log.Warn("hub: a service is not offered elsewhere", "service", service, "to", to, "err", err)
		},
	}
	if o.Log == nil {
		o.Log = log
	}
	said := ""
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := sabir.Export(ctx, w.at, w, &o)
		if ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			said = text
			log.Warn("hub: nothing is offered there yet, trying again", "to", to, "err", err)
		}
		if errors.Is(err, sabir.ErrDenied) { // a login that is refused costs all of this machine: spec [K4]
			wait = lastWait
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// public is an address as it may be logged: it may have a token.
func public(address string) string {
	if a, err := transport.Parse(address); err == nil && a.Rest != "" {
		return a.WithoutSecret().String()
	}
	return address
}

// elsewhere says where a service listens that other machines reach.
func (w *onward) elsewhere(service string) []string {
	where, _ := w.exports.Where(service)
	return where.Elsewhere().Addresses
}

// Describe returns all that is here but the hub itself.
func (w *onward) Describe() []*idl.Service { return w.described() }

// Handle passes a call on that came from there.
func (w *onward) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	if service, _, _ := strings.Cut(call.Method, "."); service != Name && w.units.find(service) != nil {
		return w.units.Handle(ctx, call, sink)
	}
	return w.exports.Handle(ctx, call, sink)
}
