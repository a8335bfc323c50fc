package sabir

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Table is many values by key, for each params value. It may be used by any
// number of goroutines.
type Table[T, P any] struct{ feeds *feeds }

// minBacklog is how many keys may wait for a reader whatever the number of
// rows. spec [S18]
const minBacklog = 1024

// NewTable declares a table with rows of type T and params of type P (None for
// none).
func NewTable[T, P any](s *Service, name string, opts ...MemberOption) *Table[T, P] {
	fs := newFeeds(s, idl.Table, name, reflect.TypeFor[T](), reflect.TypeFor[P](), opts, func(reflect.Value) (source, error) { return newRows(), nil })
	fs.m.handle = func(ctx context.Context, call *Call, sink Sink) (Body, error) {
		f, err := fs.join(ctx, call)
		if err != nil {
			return Body{}, err
		}
		defer fs.leave(f)
		r := f.source.(*rows)
		if call.Window == NoWindow {
			return r.list()
		}
		return Body{}, r.serve(ctx, sink, fs.encoding(sink))
	}
	s.finish(fs.m)
	return &Table[T, P]{fs}
}

// Set puts a row into the table or changes it. Setting what it is already is no
// change. An error means that the row cannot be written, or is too large; the old
// one then stays. The row is written at once, and may be changed after.
func (t *Table[T, P]) Set(params P, key string, row T) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("sabir: key %q is not UTF-8", key)
	}
	e, err := t.feeds.encode(&row, key)
	if err != nil {
		return err
	}
	for {
		f, err := t.feeds.hold(reflect.ValueOf(&params).Elem())
		if err != nil {
			return err
		}
		if f.source.(*rows).set(key, e) {
			return nil
		} // else somebody deleted the last row meanwhile
	}
}

// Delete takes a row out of the table; ok tells whether it was there.
func (t *Table[T, P]) Delete(params P, key string) (ok bool) {
	v := reflect.ValueOf(&params).Elem()
	f, _ := t.feeds.find(v)
	if f == nil {
		return false
	}
	ok, last := f.source.(*rows).delete(key)
	if last {
		t.feeds.drop(v)
	}
	return ok
}

// Len returns the number of rows.
func (t *Table[T, P]) Len(params P) int {
	f, _ := t.feeds.find(reflect.ValueOf(&params).Elem())
	if f == nil {
		return 0
	}
	r := f.source.(*rows)
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// Listeners returns how many listen to params now.
func (t *Table[T, P]) Listeners(params P) int {
	return t.feeds.audience(reflect.ValueOf(&params).Elem())
}

// rows are the rows of a table and who reads them.
type rows struct {
	mu      sync.Mutex
	all     map[string]*encoded
	readers map[*backlog]struct{}
	over    bool // they are forgotten, and take no row any more
	bytes   int  // that keys and rows take
}

func newRows() *rows {
	return &rows{all: make(map[string]*encoded), readers: make(map[*backlog]struct{})}
}

func (r *rows) end() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = len(r.all) == 0
	return r.over
}

// set reports whether the row is in the table now.
func (r *rows) set(key string, e encoded) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	old := r.all[key]
	if old != nil {
		r.bytes -= len(key) + old.size() // before it is written anew, to be compared
		if old.same(&e) {
			r.bytes += len(key) + old.size()
			return true
		}
	}
	r.all[key] = &e
	r.bytes += len(key) + e.size()
	r.changed(key)
	return true
}

// in is the value of a row, with r.mu held.
func (r *rows) in(e *encoded, enc wire.Encoding) Body {
	before := e.size()
	body := e.in(enc)
	r.bytes += e.size() - before
	return body
}

// taken is how many bytes the rows take.
func (r *rows) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes
}

func (r *rows) delete(key string) (ok, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var old *encoded
	if old, ok = r.all[key]; ok {
		delete(r.all, key)
		r.bytes -= len(key) + old.size()
		r.changed(key)
	}
	return ok, len(r.all) == 0
}

func (r *rows) keys() map[string]struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]struct{}, len(r.all))
	for key := range r.all {
		all[key] = struct{}{}
	}
	return all
}

func (r *rows) changed(key string) {
	most := max(minBacklog, len(r.all))
	for b := range r.readers {
		b.add(key, most)
	}
}

// list answers a plain request.
func (r *rows) list() (Body, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var l listBody
	for _, key := range slices.Sorted(maps.Keys(r.all)) {
		row, _ := r.in(r.all[key], wire.JSON).Value()
		entry, err := BodyOf(&rowResult{key, row})
		if err == nil {
			err = l.add(entry)
		}
		if err != nil {
			return Body{}, err
		}
	}
	return l.body(), nil
}

type rowResult struct {
	Key   string
	Value wire.Value
}

// backlog is what one reader has not been sent yet: keys, the longest waiting
// first, each once. Keeping keys instead of changes is what makes a slow reader
// get the newest of each and a busy key unable to starve a quiet one. It is
// guarded by the mutex of its rows.
type backlog struct {
	keys     []string
	waiting  map[string]struct{}
	snapshot int  // how many of keys, from the first, belong to the snapshot
	reset    bool // too much waited: begin again
	wake     chan struct{}
}

func (b *backlog) add(key string, most int) {
	if _, ok := b.waiting[key]; ok || b.reset {
		return
	}
	if len(b.keys) >= most+b.snapshot {
		b.reset = true
		b.keys, b.snapshot = nil, 0
		clear(b.waiting)
	} else {
		b.keys = append(b.keys, key)
		b.waiting[key] = struct{}{}
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// fill makes the backlog a snapshot of all rows, in the order of their keys.
func (b *backlog) fill(all map[string]*encoded) {
	b.keys = slices.Sorted(maps.Keys(all))
	b.waiting = make(map[string]struct{}, len(b.keys))
	for _, k := range b.keys {
		b.waiting[k] = struct{}{}
	}
	b.snapshot, b.reset = len(b.keys), false
}

// next takes what goes to the reader next; ok is false if that is nothing.
func (r *rows) next(b *backlog, enc wire.Encoding) (it Item, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.reset {
		b.fill(r.all)
		return Item{Reset: true}, true
	}
	for len(b.keys) > 0 {
		key := b.keys[0]
		b.keys = b.keys[1:]
		delete(b.waiting, key)
		inSnapshot := b.snapshot > 0
		if inSnapshot {
			b.snapshot--
		}
		if row := r.all[key]; row != nil {
			return Item{Key: key, Keyed: true, Value: r.in(row, enc)}, true
		}
		if !inSnapshot {
			return Item{Key: key, Keyed: true, Gone: true}, true
		}
	}
	return Item{}, false
}

func (r *rows) complete(b *backlog) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return b.snapshot == 0 && !b.reset
}

// serve is one subscription.
func (r *rows) serve(ctx context.Context, sink Sink, enc wire.Encoding) error {
	b := &backlog{wake: make(chan struct{}, 1)}
	r.mu.Lock()
	b.fill(r.all)
	r.readers[b] = struct{}{}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.readers, b)
	}()
	for live := false; ; {
		if !live && r.complete(b) {
			if err := sink.Live(Live{}); err != nil {
				return err
			}
			live = true
		}
		if err := sink.Ready(ctx); err != nil {
			return err
		}
		it, ok := r.next(b, enc)
		if !ok {
			if !live {
				continue // the rest of the snapshot was deleted meanwhile
			}
			select {
			case <-b.wake:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if it.Reset {
			live = false // spec [S18]: another rpc.live follows
		}
		if err := sink.Item(it); err != nil {
			return err
		}
	}
}
