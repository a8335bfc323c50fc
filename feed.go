package sabir

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Topics, states and tables are feeds: each distinct params value has a source
// of its own (a ring, a cell, rows) and an audience. spec [S9]

const (
	// lingerTime is how long interest outlasts its last subscriber. spec [S15]
	lingerTime = 60 * time.Second
	// maxFeeds bounds the params values that subscribers alone keep alive, by default.
	maxFeeds = 1024
	// maxKey bounds params, in CBOR: each value in use is kept. spec/limits.md
	maxKey = 4 << 10
)

// feeds is all of one member's.
type feeds struct {
	m      *member
	most   int // params values that subscribers alone keep alive
	item   *codec.Codec
	fresh  func(params reflect.Value) (source, error)
	linger time.Duration
	listen func(params reflect.Value, listening bool) // told of first and last; may be nil

	count atomic.Int64 // of all, so that publishing to nobody costs no lock
	enc   atomic.Uint32

	mu   sync.RWMutex
	all  map[string]*feed
	idle int // feeds that only interest keeps alive: those not held
}

// source is what a feed publishes from.
type source interface {
	// end ends the source if nothing would be lost with it but history.
	end() bool
}

type feed struct {
	key    string // all there is of the params: those of who published first may have changed
	source source

	// turn is held while the listen hook runs, so that it hears things in order.
	turn sync.Mutex
	told bool // what it heard last

	// Under feeds.mu:
	audience int
	busy     int  // who is about to publish there
	held     bool // the program keeps it, with or without an audience
	heard    bool // it has had an audience
	timer    *time.Timer
	rested   time.Time // since when timer runs
}

// newFeeds declares a member with an audience.
func newFeeds(s *Service, kind idl.MemberKind, name string, item, params reflect.Type, opts []MemberOption, fresh func(reflect.Value) (source, error)) *feeds {
	m := declare(s, kind, name, params, opts)
	fs := &feeds{m: m, most: cmp.Or(m.rings, maxFeeds), fresh: fresh, all: make(map[string]*feed), listen: m.listen}
	fs.item = s.item(m, item)
	return fs
}

// OnListeners has f called when somebody begins to listen to a params value to
// which nobody listened, and when the last one leaves: a publisher can start
// and stop its work by it. For each params value the calls come one at a time
// and in order; the first comes before the subscriber gets anything. f may publish
// and set. Who asks for the member meanwhile, with the same params, waits for f: it
// must not do so itself.
func OnListeners[P any](f func(params P, listening bool)) MemberOption {
	return func(m *member) error {
		if f == nil {
			return nil
		}
		if t := reflect.TypeFor[P](); !m.desc.Kind.Subscribed() || t != m.ptype {
			return fmt.Errorf("OnListeners takes %v, not the params of a topic, state or table", t)
		}
		m.listen = func(p reflect.Value, on bool) { f(p.Interface().(P), on) }
		return nil
	}
}

// key writes params so that equal ones are equal. spec [S9]
func (fs *feeds) key(dst []byte, params reflect.Value) ([]byte, error) {
	return fs.m.params.AppendFrom(dst, wire.CBOR, params)
}

// find returns the feed of params, or nil.
func (fs *feeds) find(params reflect.Value) (*feed, error) {
	if fs.count.Load() == 0 {
		return nil, nil
	}
	var buf [128]byte
	key, err := fs.key(buf[:0], params)
	if err != nil {
		return nil, err
	}
	fs.mu.RLock()
	defer fs.mu.RUnlock()
	return fs.all[string(key)], nil
}

// hold returns the feed of params, made if need be, and keeps it until drop.
func (fs *feeds) hold(params reflect.Value) (*feed, error) {
	key, err := fs.key(nil, params)
	if err == nil && len(key) > maxKey {
		err = fmt.Errorf("sabir: %s.%s: params over %d bytes", fs.m.service.desc.Name, fs.m.desc.Name, maxKey)
	}
	if err != nil {
		return nil, err
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f, err := fs.get(string(key), params)
	if err == nil && !f.held {
		f.held = true
		fs.idle--
	}
	return f, err
}

// enter returns the feed of params, made if need be, which exit gives back: so
// long it is the one feed of those params.
func (fs *feeds) enter(params reflect.Value) (*feed, error) {
	key, err := fs.key(nil, params)
	if err != nil {
		return nil, err
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f, err := fs.get(string(key), params)
	if err == nil {
		f.busy++
		f.heard = true // as if somebody had listened: it lingers
	}
	return f, err
}

func (fs *feeds) exit(f *feed) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.busy--
	if f.timer != nil { // it lasts for a minute in which nobody publishes either
		f.timer.Reset(fs.linger)
		f.rested = time.Now()
	}
	fs.rest(f)
}

// drop ends what hold began.
func (fs *feeds) drop(params reflect.Value) {
	f, _ := fs.find(params)
	if f == nil {
		return
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.all[f.key] != f {
		return
	}
	if f.held {
		f.held = false
		fs.idle++
	}
	fs.rest(f)
}

// get returns the feed of params, made if need be, with fs.mu held.
func (fs *feeds) get(key string, params reflect.Value) (*feed, error) {
	if f := fs.all[key]; f != nil {
		return f, nil
	}
	source, err := fs.fresh(params)
	if err != nil {
		return nil, err
	}
	f := &feed{key: key, source: source}
	fs.all[key] = f
	fs.idle++
	fs.count.Add(1)
	return f, nil
}

// rest lets go of a feed that nobody listens to, at once or after the linger
// time, with fs.mu held.
func (fs *feeds) rest(f *feed) {
	if f.audience > 0 || f.busy > 0 || f.held || f.timer != nil {
		return
	}
	if fs.linger == 0 || !f.heard || fs.idle > fs.most {
		// No interest was ever there to outlast, or no room is left for it.
		if fs.linger > 0 || f.source.end() {
			fs.remove(f)
		}
		return
	}
	f.rested = time.Now()
	f.timer = time.AfterFunc(fs.linger, func() {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		f.timer = nil
		if f.audience == 0 && f.busy == 0 && !f.held && fs.all[f.key] == f {
			fs.remove(f)
		}
	})
}

// vacate lets go of the feed to which nobody has listened for the longest, with fs.mu
// held; false: somebody listens to each. spec [S15]
func (fs *feeds) vacate() bool {
	var oldest *feed
	for _, f := range fs.all {
		if f.timer != nil && f.busy == 0 && !f.held && (oldest == nil || f.rested.Before(oldest.rested)) {
			oldest = f
		}
	}
	if oldest == nil {
		return false
	}
	oldest.timer.Stop()
	fs.remove(oldest)
	return true
}

func (fs *feeds) remove(f *feed) {
	delete(fs.all, f.key)
	fs.idle--
	fs.count.Add(-1)
}

// join makes the caller part of an audience; leave ends it.
func (fs *feeds) join(ctx context.Context, call *Call) (*feed, error) {
	params := reflect.New(fs.m.ptype).Elem()
	v, err := call.Params.Value()
	if err != nil {
		return nil, invalidParams([]Fault{{Reason: err.Error()}})
	}
	if faults := fs.m.params.DecodeTo(v, params, codec.Strict); len(faults) > 0 {
		return nil, invalidParams(faults)
	}
	key, err := fs.key(nil, params)
	if err != nil {
		return nil, err
	}
	if len(key) > maxKey {
		return nil, invalidParams([]Fault{{Reason: fmt.Sprintf("over %d bytes, which is too much for %s", maxKey, call.Method)}})
	}
	if fs.m.accept != nil {
		if err := fs.m.accept(ctx, params); err != nil {
			return nil, err
		}
	}
	f, err := fs.seat(string(key), params, call.Method)
	if err != nil {
		return nil, err
	}
	stays := false
	defer func() {
		if !stays { // the hook has panicked
			fs.leave(f)
		}
	}()
	fs.tell(f)
	stays = true
	return f, nil
}

// seat is join for params that are judged.
func (fs *feeds) seat(key string, params reflect.Value, method string) (*feed, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.all[key] == nil && fs.idle >= fs.most && !fs.vacate() {
		return nil, busy("rings", "over %d params values of %s in use", fs.most, method)
	}
	f, err := fs.get(key, params)
	if err != nil {
		return nil, err
	}
	f.audience++
	f.heard = true
	if f.timer != nil {
		f.timer.Stop()
		f.timer = nil
	}
	return f, nil
}

func (fs *feeds) leave(f *feed) {
	fs.mu.Lock()
	f.audience--
	fs.rest(f)
	fs.mu.Unlock()
	fs.tell(f)
}

// tell runs the listen hook if there is news for it.
func (fs *feeds) tell(f *feed) {
	if fs.listen == nil {
		return
	}
	f.turn.Lock()
	defer f.turn.Unlock()
	fs.mu.RLock()
	now := f.audience
	fs.mu.RUnlock()
	if on := now > 0; on != f.told {
		f.told = on
		params := reflect.New(fs.m.ptype).Elem() // each time anew: they are the hook's own
		fs.m.params.DecodeTo(wire.Value{Enc: wire.CBOR, Raw: []byte(f.key)}, params, codec.Lenient)
		fs.listen(params, on)
	}
}

// audience returns how many listen to params.
func (fs *feeds) audience(params reflect.Value) int {
	f, _ := fs.find(params)
	if f == nil {
		return 0
	}
	fs.mu.RLock()
	defer fs.mu.RUnlock()
	return f.audience
}

// encode writes an item, or the row of a key, in the encoding that was last asked for.
func (fs *feeds) encode(ptr any, key string) (encoded, error) {
	enc := wire.Encoding(fs.enc.Load())
	scratch := scratches.Get().(*[]byte)
	defer scratches.Put(scratch)
	long, err := fs.item.Append((*scratch)[:0], enc, ptr)
	raw := slices.Clone(long)
	if cap(long) <= keepBuffer {
		*scratch = long
	}
	if err != nil {
		return encoded{}, fmt.Errorf("sabir: %s.%s: %w", fs.m.service.desc.Name, fs.m.desc.Name, err)
	}
	if !fits(wire.Value{Enc: enc, Raw: raw}, key) {
		return encoded{}, tooLarge(maxMessage, false)
	}
	var e encoded
	e.raw[enc] = raw
	return e, nil
}

// fits reports whether an item goes into a message in both encodings: who will ask for
// which is not known, and the one who publishes is to be told.
func fits(v wire.Value, key string) bool {
	const most = maxMessage - itemOverhead
	if (len(v.Raw)+len(key))*mostGrown <= most {
		return true
	}
	own, _ := wire.AppendString(nil, v.Enc, key)
	other, _ := wire.AppendString(nil, 1-v.Enc, key)
	if len(own)+len(v.Raw) > most {
		return false
	}
	other, err := v.Append(other, 1-v.Enc)
	return err == nil && len(other) <= most
}

// mostGrown is more times than a value takes in one encoding of what it takes in the
// other: a text of control characters is six times as long in JSON.
const mostGrown = 7

// scratches are where items are written before it is known how long they are:
// memory that grows for each took a fifth of a publisher's time.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// itemOverhead is more than an rpc.item takes beside its value and its key.
const itemOverhead = 512

// encoding returns the one that sink writes, and remembers it as the likely one.
func (fs *feeds) encoding(sink Sink) wire.Encoding {
	enc := encodingOf(sink)
	fs.enc.Store(uint32(enc))
	return enc
}

// encodingOf is what a sink writes, where it says so.
func encodingOf(sink Sink) wire.Encoding {
	if s, ok := sink.(interface{ Encoding() wire.Encoding }); ok {
		return s.Encoding()
	}
	return wire.JSON
}

// encoded is a value in as many encodings as somebody has asked for: it is
// encoded once, however many read it.
type encoded struct{ raw [2][]byte }

// in returns the value in enc; whoever calls holds the lock of its source.
func (e *encoded) in(enc wire.Encoding) Body {
	if e.raw[enc] == nil {
		other := wire.Value{Enc: 1 - enc, Raw: e.raw[1-enc]}
		raw, err := other.Append(nil, enc)
		if err != nil { // cannot be: the codec wrote it
			raw = wire.AppendNull(nil, enc)
		}
		e.raw[enc] = raw
	}
	return RawBody(wire.Value{Enc: enc, Raw: e.raw[enc]})
}

func (e *encoded) size() int { return max(len(e.raw[0]), len(e.raw[1])) }

// same reports whether both are the same value; whoever calls holds the lock of both
// sources. What was written in different encodings is compared as JSON, which both become
// without a loss.
func (e *encoded) same(o *encoded) bool {
	for enc := range e.raw {
		if e.raw[enc] != nil && o.raw[enc] != nil {
			return string(e.raw[enc]) == string(o.raw[enc])
		}
	}
	return string(e.in(wire.JSON).raw.Raw) == string(o.in(wire.JSON).raw.Raw)
}

// waiters are readers that have found nothing new. Whoever publishes wakes all,
// and they come back when they have found nothing again: a reader that is busy
// costs the publisher nothing.
type waiters struct{ list []chan struct{} }

func (w *waiters) add(ch chan struct{}) { w.list = append(w.list, ch) }

func (w *waiters) wake() {
	for i, ch := range w.list {
		select {
		case ch <- struct{}{}:
		default:
		}
		w.list[i] = nil
	}
	w.list = w.list[:0]
}

// await waits for a wake or the end of the call, which leaves the list.
func await(ctx context.Context, ch chan struct{}, mu *sync.Mutex, w *waiters) error {
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		mu.Lock()
		defer mu.Unlock()
		w.list = slices.DeleteFunc(w.list, func(o chan struct{}) bool { return o == ch })
		return ctx.Err()
	}
}
