package hub

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sabir-ipc/sabir"
)

// Traffic is a row of hub.traffic: what passed to one service. Nothing of it
// goes back but the two gauges.
type Traffic struct {
	Calls         int
	Failed        int
	Items         int
	InFlight      int `doc:"Calls under way now."`
	Subscriptions int `doc:"Requests for items under way now."`
}

// Client is a row of hub.clients, by a number.
type Client struct {
	Name      string    `sabir:",optional" doc:"Of its credential."`
	Level     string    `doc:"What it may do."`
	Transport string    `doc:"How it came."`
	UID       *uint32   `doc:"The user it is of."`
	PID       *int      `doc:"The process it is."`
	Remote    string    `sabir:",optional" doc:"Where it comes from, over TCP."`
	Since     time.Time `doc:"When it came."`
}

// maxTraffic is how many services are counted for, beside those that are here: one
// that has gone may come again, and goes on from where it was.
const maxTraffic = 256

// traffic counts. Its methods may be called by many goroutines at once.
type traffic struct {
	table *sabir.Table[Traffic, sabir.None]

	services sync.RWMutex // guards byName
	byName   map[string]*counts

	mu   sync.Mutex
	stop func() // of who keeps the table up to date; nil: nobody looks
}

// counts are those of one service.
type counts struct {
	calls, failed, items, inFlight, subs atomic.Int64

	called, subscribed func(sabir.Body, error) // what done returns: made once, not for each call
	item               func(sabir.Item)
}

func newCounts() *counts {
	c := new(counts)
	c.called, c.subscribed = c.done(&c.inFlight), c.done(&c.subs)
	c.item = func(sabir.Item) { c.items.Add(1) }
	return c
}

// done returns what counts the end of a call.
func (c *counts) done(gauge *atomic.Int64) func(sabir.Body, error) {
	return func(_ sabir.Body, err error) {
		gauge.Add(-1)
		if err != nil {
			c.failed.Add(1)
		}
	}
}

// often is how often the table is brought up to date while somebody looks.
const often = time.Second

// begin counts a call; done is its end. The items that go to its sink are
// counted as well.
func (t *traffic) begin(call *sabir.Call, sink *sabir.Sink) (done func(sabir.Body, error)) {
	service, _, _ := strings.Cut(call.Method, ".")
	c := t.of(service)
	c.calls.Add(1)
	if *sink == nil {
		c.inFlight.Add(1)
		return c.called
	}
	c.subs.Add(1)
	*sink = sabir.Observed(*sink, c.item, func(sabir.Live) {})
	return c.subscribed
}

// of returns the counts of a service.
func (t *traffic) of(service string) *counts {
	t.services.RLock()
	c := t.byName[service]
	t.services.RUnlock()
	if c != nil {
		return c
	}
	t.services.Lock()
	defer t.services.Unlock()
	if c = t.byName[service]; c == nil {
		if t.byName == nil {
			t.byName = make(map[string]*counts)
		}
		c = newCounts()
		t.byName[strings.Clone(service)] = c
	}
	return c
}

// gone forgets a service that has ended, if there are many.
func (t *traffic) gone(service string) {
	t.services.Lock()
	defer t.services.Unlock()
	if len(t.byName) > maxTraffic {
		delete(t.byName, service)
		t.table.Delete(sabir.None{}, service)
	}
}

// watched begins and ends the keeping of the table.
func (t *traffic) watched(_ sabir.None, listening bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !listening {
		if t.stop != nil {
			t.stop()
			t.stop = nil
		}
		return
	}
	t.update()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(often)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				t.update()
			case <-ctx.Done():
				return
			}
		}
	}()
	t.stop = func() { cancel(); <-over }
}

func (t *traffic) update() {
	t.services.RLock()
	defer t.services.RUnlock()
	for name, c := range t.byName {
		t.table.Set(sabir.None{}, name, Traffic{
			Calls: int(c.calls.Load()), Failed: int(c.failed.Load()), Items: int(c.items.Load()),
			InFlight: int(c.inFlight.Load()), Subscriptions: int(c.subs.Load()),
		})
	}
}

// clients are those who are connected.
type clients struct {
	table *sabir.Table[Client, sabir.None]
	count atomic.Int64
}

// connected adds a caller; gone takes him out.
func (c *clients) connected(caller sabir.Caller) (gone func()) {
	row := Client{Name: caller.Name, Level: string(caller.Level), Transport: caller.Peer.Transport, Since: time.Now()}
	if row.Level == "" {
		row.Level = "none"
	}
	if caller.Peer.Known {
		row.UID = &caller.Peer.UID
		if caller.Peer.PID > 0 {
			row.PID = &caller.Peer.PID
		}
	}
	if caller.Peer.Remote.IsValid() {
		row.Remote = caller.Peer.Remote.String()
	}
	key := strconv.FormatInt(c.count.Add(1), 10)
	c.table.Set(sabir.None{}, key, row)
	return func() { c.table.Delete(sabir.None{}, key) }
}
