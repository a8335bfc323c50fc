package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// feed is what a topic, state or table of a Program has for some params: a run
// of the command, whose lines go to all who listen, and the history of a topic,
// which outlasts the run.
type feed struct {
	p      *Program
	key    feedKey
	member *programMember
	topic  *source // of all runs, since it has the history; nil: it is no topic

	// Under Program.mu:
	run      *feedRun // nil: none
	audience int
	rested   time.Time   // when the last one left
	timer    *time.Timer // until interest ends
}

// feedKey says what is one feed: who calls matters where it is not common.
type feedKey struct {
	member, params string // in CBOR
	name           string
	level          sabir.Access
}

// feedRun is one run of the command for a feed.
type feedRun struct {
	source *source
	start  sabir.Position // of a topic: for whom it begins, nothing of it is lost
	ready  chan struct{}  // closed when there is something to listen to
	ctx    context.Context
	end    context.CancelCauseFunc // of ctx, when it is to end and when it has
	done   chan struct{}           // closed when the command is gone
}

const (
	// lingerTime is how long interest in a topic outlasts its last listener. spec [S15]
	lingerTime = time.Minute
	// maxFeeds bounds the histories that are kept while nobody listens.
	maxFeeds = 1024
	// maxKey bounds params, in CBOR. spec/limits.md
	maxKey = 4 << 10
)

var errEnded = errors.New("the command has ended, and was to go on as long as somebody listens")

// subscribe answers a call to a topic, state or table.
func (p *Program) subscribe(ctx context.Context, m *programMember, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	key, err := p.keyOf(m, call)
	if err != nil {
		return sabir.Body{}, err
	}
	f, r, first, err := p.join(m, key, call)
	if err != nil {
		return sabir.Body{}, err
	}
	defer p.leave(f)
	select {
	case <-r.ready:
	case <-ctx.Done():
		return sabir.Body{}, ctx.Err()
	case <-r.ctx.Done():
		select {
		case <-r.ready: // there was something, and a plain request gets it
		default:
			return sabir.Body{}, context.Cause(r.ctx)
		}
	}
	if !first || r.source.topic == nil || call.Since != nil {
		return r.serve(ctx, call, sink)
	}
	onward := *call
	onward.Since = &r.start
	if sink != nil {
		if err := sink.Live(sabir.Live{Epoch: r.start.Epoch, Seq: r.start.Seq}); err != nil {
			return sabir.Body{}, err
		}
		sink = lived{sink}
	}
	return r.serve(ctx, &onward, sink)
}

// lived is a sink that was told already that it is live.
type lived struct{ sabir.Sink }

func (lived) Live(sabir.Live) error { return nil }

// serve is one who listens, until he or the command ends.
func (r *feedRun) serve(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	bare := *call
	bare.Params = sabir.Body{} // they are those of the feed
	body, err := r.source.Handle(both, &bare, sink)
	if err != nil && r.ctx.Err() != nil && ctx.Err() == nil {
		err = context.Cause(r.ctx)
	}
	return body, err
}

// keyOf tells params that differ apart. spec [S9]
func (p *Program) keyOf(m *programMember, call *sabir.Call) (feedKey, error) {
	key := feedKey{member: m.Name, name: callerOf(call), level: call.Caller.Level}
	if m.Common {
		key.name, key.level = "", m.Needs()
	}
	v, err := call.Params.Value()
	if err != nil {
		return key, err
	}
	params, faults := m.params.Value(v, codec.Strict)
	if len(faults) > 0 {
		return key, sabir.InvalidParams(faults)
	}
	raw, faults, err := m.params.Append(nil, wire.CBOR, params)
	switch {
	case err != nil:
		return key, err
	case len(raw) > maxKey:
		faults = []sabir.Fault{{Reason: fmt.Sprintf("over %d bytes, which is too much for %s", maxKey, call.Method)}}
	}
	if len(faults) > 0 {
		return key, sabir.InvalidParams(faults)
	}
	key.params = string(raw)
	return key, nil
}

// join makes the caller one who listens, the first if the command begins for him.
func (p *Program) join(m *programMember, key feedKey, call *sabir.Call) (f *feed, r *feedRun, first bool, err error) {
	params, err := call.Params.JSON()
	if err != nil {
		return nil, nil, false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, false, sabir.Unavailable("stopping")
	}
	f = p.feeds[key]
	if f == nil {
		if len(p.feeds) >= maxFeeds && !p.drop(p.longest(false), nil) {
			return nil, nil, false, sabir.Busy("rings", "over %d params values in use", maxFeeds)
		}
		f = &feed{p: p, key: key, member: m}
		if m.Kind == idl.Topic {
			f.topic = newSource(p.service, m.Member)
		}
		p.feeds[key] = f
	}
	f.audience++
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
	if first = f.run == nil; first {
		f.start(params)
	}
	return f, f.run, first, nil
}

// leave ends what join began. A topic is kept a while, and its command goes on.
func (p *Program) leave(f *feed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.audience--
	switch {
	case f.audience > 0 || p.feeds[f.key] != f:
		return
	case f.topic == nil:
		p.drop(f, context.Canceled)
		return
	}
	f.rested = time.Now()
	f.timer = time.AfterFunc(p.linger, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if f.audience == 0 && p.feeds[f.key] == f {
			p.drop(f, context.Canceled)
		}
	})
}

// drop ends a feed, for why, with p.mu held; false: there is none.
func (p *Program) drop(f *feed, why error) bool {
	if f == nil {
		return false
	}
	delete(p.feeds, f.key)
	if f.timer != nil {
		f.timer.Stop()
	}
	if f.run != nil {
		f.run.end(why)
	}
	return true
}

// longest returns the topic to which nobody has listened for the longest, of
// those that run or of all, with p.mu held; nil: there is none.
func (p *Program) longest(runs bool) (found *feed) {
	for _, f := range p.feeds {
		if f.audience == 0 && (f.run != nil || !runs) && (found == nil || f.rested.Before(found.rested)) {
			found = f
		}
	}
	return found
}

// evict ends a run for nobody, to have its place; nil: there is none.
func (p *Program) evict() *feedRun {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.longest(true)
	if f == nil {
		return nil
	}
	r := f.run
	p.drop(f, context.Canceled)
	return r
}

// Close ends the commands of topics, states and tables, and returns when they
// are gone. Others end with their calls.
func (p *Program) Close() error {
	p.mu.Lock()
	p.closed = true
	for _, f := range p.feeds {
		p.drop(f, sabir.Unavailable("stopping"))
	}
	p.mu.Unlock()
	p.all.Wait()
	return nil
}

// start has the command run, with Program.mu held.
func (f *feed) start(params []byte) {
	p := f.p
	r := &feedRun{source: f.topic, ready: make(chan struct{}), done: make(chan struct{})}
	if r.source == nil {
		r.source = newSource(p.service, f.member.Member)
	}
	r.start = r.source.at
	r.ctx, r.end = context.WithCancelCause(context.Background())
	f.run = r
	command := run{Program: p, member: f.member, name: f.key.name, level: f.key.level, params: params}
	p.all.Go(func() {
		defer close(r.done)
		err := p.take(r.ctx)
		if err == nil {
			_, err = command.run(r.ctx, func(out io.Reader) (sabir.Body, error) { return sabir.Body{}, r.read(&command, out) })
			<-p.slots
		}
		if err == nil {
			r.listed() // all that there was of it
			err = errEnded
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if f.run == r {
			f.run = nil
		}
		r.end(err)
	})
}

// read takes what the command prints, until it has ended.
func (r *feedRun) read(c *run, out io.Reader) error {
	switch c.member.Kind {
	case idl.Table:
		return eachLine(out, func(line []byte) error {
			if len(bytes.TrimSpace(line)) == 0 {
				r.listed()
				return nil
			}
			row, err := c.row(line)
			if err != nil {
				return err
			}
			return r.source.row(row)
		})
	case idl.Topic:
		r.up()
	}
	return c.items(out, func(b sabir.Body) error {
		v, err := b.Value()
		if err != nil {
			return err
		}
		if c.member.Kind == idl.Topic {
			return r.source.publish(v)
		}
		if err := r.source.state.Set(sabir.None{}, v); err != nil {
			return err
		}
		r.up()
		return nil
	})
}

// up lets those who wait begin.
func (r *feedRun) up() {
	select {
	case <-r.ready:
	default:
		close(r.ready)
	}
}

// listed ends a list of all rows of a table.
func (r *feedRun) listed() {
	if r.source.table != nil {
		r.source.list()
		r.up()
	}
}
