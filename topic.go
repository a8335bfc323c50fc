package sabir

import (
	"context"
	"crypto/rand"
	"reflect"
	"sync"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// Topic publishes things that happen. It may be used by any number of
// goroutines. Each params value is a sequence of its own.
type Topic[T, P any] struct {
	feeds   *feeds
	history History[T, P] // nil: none
}

// The ring of a topic. spec [S10], spec/limits.md
const (
	ringItems = 1024
	ringBytes = 1 << 20
)

// NewTopic declares a topic with items of type T and params of type P (None for
// none).
func NewTopic[T, P any](s *Service, name string, opts ...MemberOption) *Topic[T, P] {
	t := new(Topic[T, P])
	t.feeds = newFeeds(s, idl.Topic, name, reflect.TypeFor[T](), reflect.TypeFor[P](), opts, t.ring)
	fs := t.feeds
	fs.linger = lingerTime
	t.remember()
	fs.m.handle = func(ctx context.Context, call *Call, sink Sink) (Body, error) {
		f, err := fs.join(ctx, call)
		if err != nil {
			return Body{}, err
		}
		defer fs.leave(f)
		r := f.source.(*ring)
		if call.Window == NoWindow {
			return r.poll(ctx, call.Since)
		}
		return Body{}, r.serve(ctx, call.Since, sink, fs.encoding(sink))
	}
	s.finish(fs.m)
	return t
}

// Publish sends an item to all who listen to params. Where nobody does, and nobody
// did a minute ago, it does nothing, unless the topic [Remembers]. The item is
// written at once, and may be changed after. An error means that it cannot be written
// (a string that is not UTF-8, a number out of range) or is too large.
func (t *Topic[T, P]) Publish(params P, item T) error {
	if t.history == nil && t.feeds.count.Load() == 0 {
		return nil
	}
	_, err := t.PublishSeq(params, func(int64) T { return item })
	return err
}

// PublishSeq is Publish of an item that holds its own place in the sequence. It
// returns that place, which is 0 where nobody listens and item is not called.
// The function is called with the topic locked: it must not publish.
func (t *Topic[T, P]) PublishSeq(params P, item func(seq int64) T) (seq int64, err error) {
	if t.history != nil {
		return t.record(params, item)
	}
	f, err := t.feeds.find(reflect.ValueOf(&params).Elem())
	if f == nil {
		return 0, err
	}
	return f.source.(*ring).publish(func(seq int64) (encoded, error) {
		v := item(seq)
		return t.feeds.encode(&v, "")
	})
}

// Listeners returns how many listen to params now.
func (t *Topic[T, P]) Listeners(params P) int {
	return t.feeds.audience(reflect.ValueOf(&params).Elem())
}

// Keep holds the sequence of params, with or without listeners, so that what
// was published can be asked for later. Let it go with Forget.
func (t *Topic[T, P]) Keep(params P) error {
	_, err := t.feeds.hold(reflect.ValueOf(&params).Elem())
	return err
}

// Forget ends what Keep began: the sequence now lasts as long as interest in it.
func (t *Topic[T, P]) Forget(params P) { t.feeds.drop(reflect.ValueOf(&params).Elem()) }

// ring is the queue of a topic and of all its subscribers: each is a position
// in it, so a slow one costs neither memory nor the others' time.
type ring struct {
	mu      sync.Mutex
	epoch   string
	head    int64 // seq of the newest item
	items   [ringItems]encoded
	n       int // items that are there: head-n+1 … head
	bytes   int
	waiting waiters
}

func newRing() *ring { return &ring{epoch: rand.Text()[:maxEpoch/4]} }

// maxEpoch is how long the name of an epoch may be, in bytes. spec [S9]
const maxEpoch = 32

func (r *ring) end() bool { return true }

func (r *ring) publish(item func(seq int64) (encoded, error)) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := item(r.head + 1)
	if err != nil {
		return 0, err
	}
	r.push(e)
	return r.head, nil
}

// relay publishes what has its place already. If others were lost before it, so
// is what is here: to a reader all of that is one gap. false: its place is taken.
func (r *ring) relay(seq int64, e encoded) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq <= r.head {
		return false
	}
	if seq != r.head+1 {
		for r.n > 0 {
			r.evict()
		}
		r.head = seq - 1
	}
	r.push(e)
	return true
}

// has reports whether nothing after a position is lost.
func (r *ring) has(p *Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.Epoch == r.epoch && p.Seq <= r.head && p.Seq >= r.head-int64(r.n)
}

// push puts an item in the next place, with r.mu held.
func (r *ring) push(e encoded) {
	if r.n == ringItems {
		r.evict()
	}
	r.head++
	r.items[r.head%ringItems] = e
	r.n++
	r.bytes += e.size()
	for r.bytes > ringBytes && r.n > 1 {
		r.evict()
	}
	r.waiting.wake()
}

// evict overwrites the oldest item.
func (r *ring) evict() {
	oldest := &r.items[(r.head-int64(r.n)+1)%ringItems]
	r.bytes -= oldest.size()
	*oldest = encoded{}
	r.n--
}

// in is the value of an item, with r.mu held. It takes more when it has been asked for in
// both encodings, and is counted with what it takes.
func (r *ring) in(e *encoded, enc wire.Encoding) Body {
	before := e.size()
	body := e.in(enc)
	r.bytes += e.size() - before
	return body
}

// reader is a position in a ring.
type reader struct {
	seq  int64 // the last item sent or told lost
	lost int64 // lost and not told yet; -1: an unknown number
}

// begin finds the position to go on from. spec [S11], [S12]
func (r *ring) begin(since *Position) (at reader, head int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case since == nil:
		at.seq = r.head
	case since.Epoch != r.epoch || since.Seq > r.head:
		at.seq, at.lost = r.head-int64(r.n), -1
	default:
		at.seq = since.Seq
	}
	return at, r.head
}

// next takes the items after a position, as many as there is room for in both
// items and bytes, and moves on. If there is none, ch is woken when there is.
func (r *ring) next(at *reader, enc wire.Encoding, ch chan struct{}, items []Item) []Item {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skip(at)
	if at.seq == r.head {
		r.waiting.add(ch)
	}
	for bytes := 0; at.seq < r.head && len(items) < cap(items) && bytes < shortQueue/2; {
		at.seq++
		e := &r.items[at.seq%ringItems]
		items = items[:len(items)+1] // one whose other fields no reader of a ring ever sets
		it := &items[len(items)-1]
		it.Seq, it.Lost, it.Epoch, it.Value = at.seq, at.lost, "", r.in(e, enc)
		if at.lost < 0 {
			it.Epoch = r.epoch
		}
		bytes += e.size()
		at.lost = 0
	}
	return items
}

// skip tells a reader what was overwritten before it came.
func (r *ring) skip(at *reader) {
	if gap := r.head - int64(r.n) - at.seq; gap > 0 {
		at.seq += gap
		if at.lost >= 0 {
			at.lost += gap
		}
	}
}

// serve is one subscription.
func (r *ring) serve(ctx context.Context, since *Position, sink Sink, enc wire.Encoding) error {
	at, head := r.begin(since)
	ch := make(chan struct{}, 1)
	out, sent := newBatch(sink), 0
	for live := false; ; {
		if !live && at.seq >= head {
			if err := sink.Live(Live{r.epoch, at.seq, at.lost}); err != nil {
				return err
			}
			live, at.lost = true, 0
		}
		// Room first: what is newest then, and what was overwritten meanwhile,
		// is known only when the item can go.
		if err := sink.Ready(ctx); err != nil {
			return err
		}
		room := out.room(sent)
		if !live {
			room = min(room, int(head-at.seq)) // rpc.live comes right after them
		}
		items := r.next(&at, enc, ch, out.items[:0:room])
		for len(items) == 0 {
			if err := await(ctx, ch, &r.mu, &r.waiting); err != nil {
				return err
			}
			items = r.next(&at, enc, ch, items)
		}
		if err := out.send(items); err != nil {
			return err
		}
		sent = len(items)
	}
}

// batcher is a Sink that takes several items at once, for half the price each.
type batcher interface {
	Room() int
	Items([]Item) error
}

// toSink sends items to a sink, together where it can take them so.
type toSink struct {
	Sink
	many  batcher // nil: one at a time
	items []Item  // grows while there is more to send than it holds
}

func newBatch(sink Sink) *toSink {
	many, _ := sink.(batcher)
	return &toSink{Sink: sink, many: many, items: make([]Item, 1)}
}

// room returns how many items may be sent now, given that so many were before.
func (t *toSink) room(before int) int {
	if t.many == nil {
		return 1
	}
	if before == len(t.items) && before < maxBatch {
		t.items = make([]Item, 2*before)
	}
	return min(t.many.Room(), len(t.items))
}

// maxBatch is how many items go to a subscriber under one lock.
const maxBatch = 32

func (t *toSink) send(items []Item) error {
	if t.many != nil {
		return t.many.Items(items)
	}
	return t.Sink.Item(items[0])
}

// poll is a plain request. spec [S14]
func (r *ring) poll(ctx context.Context, since *Position) (Body, error) {
	at, _ := r.begin(since)
	ch := make(chan struct{}, 1)
	for {
		body, ok, err := r.rest(&at, ch)
		if ok || err != nil {
			return body, err
		}
		if err := await(ctx, ch, &r.mu, &r.waiting); err != nil {
			return Body{}, err
		}
	}
}

// rest takes all that comes after a position, if that is anything.
func (r *ring) rest(at *reader, ch chan struct{}) (body Body, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skip(at)
	if at.seq == r.head && at.lost == 0 {
		r.waiting.add(ch)
		return Body{}, false, nil
	}
	var items listBody
	for at.seq < r.head {
		at.seq++
		if err := items.add(r.in(&r.items[at.seq%ringItems], wire.JSON)); err != nil {
			return Body{}, false, err
		}
	}
	list, _ := items.body().Value()
	answer := pollResult{Epoch: r.epoch, Seq: at.seq, Lost: at.lost, Items: list}
	body, err = BodyOf(&answer)
	return body, err == nil, err
}

type pollResult struct {
	Epoch     string
	Seq, Lost any // an int64, which an int need not hold
	Items     wire.Value
}
