package sabir

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/wire"
)

// A client of a hub may go to a service that listens itself: DialOptions.Direct.
// It asks the hub where, on the first call to each service and now and then, and
// goes by way of the hub wherever it cannot go there. spec [U11], [U12]

const (
	// directPatience is how long a first call waits for the way to be found.
	directPatience = time.Second
	// directAgain is after how long the hub is asked again.
	directAgain = 30 * time.Second
	// directAfterLoss is that where a service was reached and is not any more.
	directAfterLoss = 2 * time.Second
	// maxDirect bounds the services, and of each the members, of which something
	// is remembered: names are up to whoever calls.
	maxDirect = 1024
)

// shortcuts are the ways past a hub that a client has found.
type shortcuts struct {
	hub    *Client
	opts   DialOptions
	ctx    context.Context // ends with the client
	cancel context.CancelFunc
	all    sync.WaitGroup // those who look for ways

	mu       sync.Mutex
	closed   bool
	services map[string]*shortcut
}

// shortcut is what is known of one service.
type shortcut struct {
	way     *way            // nil: by way of the hub
	again   time.Time       // when the hub is asked next
	looking chan struct{}   // closed when that is over; nil: it is
	refused map[string]bool // methods that the service refuses where the hub may not
}

// way is a connection to a service. It is not made again: another process may be
// there by then.
type way struct {
	to      *Client
	theirs  string // the name that the service has there
	address string
	pid     int // of the process at a socket
	uses    int // calls under way; under shortcuts.mu
	left    bool
}

func newShortcuts(hub *Client) *shortcuts {
	d := &shortcuts{hub: hub, opts: hub.opts, services: make(map[string]*shortcut)}
	d.opts.Direct = false
	// What somebody is asked about is the hub: its word is not enough to ask for a
	// secret of another server.
	d.opts.Secret = nil
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// close ends all ways.
func (d *shortcuts) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.all.Wait()
	for _, s := range d.services { // nobody finds one any more
		if s.way != nil {
			s.way.to.Close()
		}
	}
}

// do makes a call by the direct way; done is false if it has not run that way.
func (d *shortcuts) do(ctx context.Context, call *Call, sink Sink, result func(wire.Value, *[]byte) error) (done bool, err error) {
	service, member, _ := strings.Cut(call.Method, ".")
	if service == "rpc" || service == hubService {
		return false, nil
	}
	w := d.enter(ctx, service, call.Method)
	if w == nil {
		return false, nil
	}
	defer d.exit(w)
	onward := *call
	onward.Method = w.theirs + "." + member
	err = w.to.do(ctx, &onward, sink, result)
	if err == nil || ctx.Err() != nil {
		return true, err
	}
	var lost *Unanswered
	switch {
	case errors.As(err, &lost) && lost.Sent && (call.Window != NoWindow || !d.hub.repeatable(ctx, call.Method)):
		d.lose(service, w)
		return true, err
	case lost != nil, errors.Is(err, ErrDraining):
		d.lose(service, w)
	case errors.Is(err, ErrDenied), errors.Is(err, ErrMethodNotFound):
		d.refuse(service, call.Method)
	case !errors.Is(err, ErrUnavailable):
		return true, err
	}
	return false, nil
}

// hubService is the name by which every hub offers itself.
const hubService = "hub"

// enter returns the way to a service, which exit gives back; nil: there is none.
func (d *shortcuts) enter(ctx context.Context, service, method string) *way {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.shortcut(service)
	if s == nil {
		return nil
	}
	if looking := s.looking; looking != nil && s.again.IsZero() { // nothing is known yet
		d.mu.Unlock()
		patience := time.NewTimer(directPatience)
		select {
		case <-looking:
		case <-patience.C:
		case <-ctx.Done():
		}
		patience.Stop()
		d.mu.Lock()
	}
	if s.way == nil || s.refused[method] || d.closed {
		return nil
	}
	s.way.uses++
	return s.way
}

// shortcut returns what is known of a service, for which the hub is asked again
// if that is due; nil: it is not to be kept. d.mu is held.
func (d *shortcuts) shortcut(service string) *shortcut {
	s := d.services[service]
	switch {
	case d.closed, s == nil && len(d.services) >= maxDirect:
		return nil
	case s == nil:
		s = &shortcut{refused: make(map[string]bool)}
		d.services[service] = s
	}
	if s.looking == nil && !time.Now().Before(s.again) {
		s.looking = make(chan struct{})
		d.all.Go(func() { d.look(service, s) })
	}
	return s
}

func (d *shortcuts) exit(w *way) {
	d.mu.Lock()
	w.uses--
	over := w.left && w.uses == 0
	d.mu.Unlock()
	if over {
		w.to.Close()
	}
}

// leave has a way closed after its last call. d.mu is held.
func (d *shortcuts) leave(w *way) {
	if w.left = true; w.uses == 0 {
		d.all.Go(func() { w.to.Close() })
	}
}

// lose gives a way up that leads nowhere.
func (d *shortcuts) lose(service string, w *way) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.services[service]; s != nil && s.way == w {
		s.way, s.again = nil, time.Now().Add(directAfterLoss)
		w.left = true // whoever lost it is on it still
	}
}

func (d *shortcuts) refuse(service, method string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.services[service]; s != nil && len(s.refused) < maxDirect {
		s.refused[method] = true
	}
}

// look asks the hub where a service is, and goes there.
func (d *shortcuts) look(service string, s *shortcut) {
	ctx, cancel := context.WithTimeout(d.ctx, loginTime)
	defer cancel()
	where, err := Do[Where](ctx, d.hub, hubService+".resolve", &struct{ Service string }{service})
	d.mu.Lock()
	old := s.way
	d.mu.Unlock()
	next := old
	if err == nil && !old.leads(&where) {
		next = d.find(ctx, &where)
	} else if errors.As(err, new(*Error)) {
		next = nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.way != old { // it was lost meanwhile
		old = nil
	}
	s.way, s.again = next, time.Now().Add(directAgain)
	clear(s.refused)
	if old != nil && old != next {
		d.leave(old)
	}
	close(s.looking)
	s.looking = nil
}

// leads reports whether a way is to where a service is.
func (w *way) leads(where *Where) bool {
	return w != nil && w.theirs == where.Service && slices.Contains(where.Addresses, w.address) &&
		(w.pid == 0 || where.Pid != nil && w.pid == *where.Pid)
}

// find goes to the first address that leads to the service; nil: none does.
func (d *shortcuts) find(ctx context.Context, where *Where) *way {
	if !serviceName.MatchString(where.Service) {
		return nil
	}
	for _, address := range where.Addresses[:min(len(where.Addresses), maxWhere)] {
		w := &way{theirs: where.Service, address: address}
		a, err := whereAddress(address)
		if err == nil && a.Scheme == "unix" {
			if where.Pid == nil || *where.Pid <= 0 {
				continue
			}
			w.pid = *where.Pid
		}
		if err == nil {
			w.to, err = d.dial(ctx, a, w.pid)
		}
		if err == nil {
			return w
		}
		if d.opts.Log != nil {
			d.opts.Log.Debug("sabir: a service is not reached directly", "service", where.Service, "at", address, "err", err)
		}
	}
	return nil
}

// dial connects, to that process if pid is not 0.
func (d *shortcuts) dial(ctx context.Context, a transport.Address, pid int) (*Client, error) {
	t, err := Connect(ctx, a, &d.opts)
	if err != nil {
		return nil, err
	}
	if there := t.Peer(); pid != 0 && (!there.Known || there.PID != pid) {
		t.Close()
		return nil, fmt.Errorf("process %d is there, not %d", there.PID, pid)
	}
	c := &Client{address: a, opts: d.opts}
	c.cur = c.adopt(t, true)
	c.last.Store(c.cur)
	return c, nil
}
