package sabir

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir/transport"
)

// Where is where an offered service listens itself, besides being offered: what
// a hub answers to hub.resolve. spec [U11]
type Where struct {
	Service   string   `doc:"The name that it has there."`
	Addresses []string `doc:"The best first; none: it is reached here alone."`
	Pid       *int     `doc:"The process that offers it, which is the one at an address unix:."`
}

// maxWhere is how many addresses a service may have. spec [U11]
const maxWhere = 8

// Where returns where a service listens itself, for a caller on this machine;
// false: nobody offers it. Who decides whether it may be offered is told already.
func (x *Exports) Where(service string) (w Where, ok bool) {
	x.mu.RLock()
	e := x.byName[service]
	x.mu.RUnlock()
	if e == nil {
		return w, false
	}
	w = Where{Service: e.theirs, Addresses: slices.Clone(e.at)}
	if peer := e.c.t.Peer(); peer.Transport == "unix" && peer.PID > 0 {
		w.Pid = &peer.PID
	}
	return w, true
}

// Elsewhere is what of it counts on other machines.
func (w Where) Elsewhere() Where {
	w.Addresses = slices.DeleteFunc(slices.Clone(w.Addresses), isSocketAddress)
	w.Pid = nil
	return w
}

// isSocketAddress reports whether an address is of this machine alone.
func isSocketAddress(at string) bool { return !strings.HasPrefix(at, "sabir:") }

// whereAddress reads an address as it may be offered, and dialled by who did not
// choose it: of no program, with a certificate to know the server by, and
// without a secret. spec [U11]
func whereAddress(text string) (a transport.Address, err error) {
	if a, err = transport.Parse(text); err != nil {
		return a, err
	}
	switch a.Scheme {
	case "unix":
		if filepath.IsAbs(a.Path) {
			return a, nil
		}
	case "sabir":
		p, err := a.Pairing()
		if err == nil && p.Pin != (transport.Fingerprint{}) && p.ID == "" {
			return a, nil
		}
	}
	return a, fmt.Errorf("expected unix:/PATH or sabir://HOST/#fp=…")
}
