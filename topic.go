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
type Topic[T, P any] struct{ feeds *feeds }

// The ring of a topic. spec [S10], spec/limits.md
const (
	ringItems = 1024
	ringBytes = 1 << 20
)

// NewTopic declares a topic with items of type T and params of type P (None for
// none).
func NewTopic[T, P any](s *Service, name string, opts ...MemberOption) *Topic[T, P] {
	fs := newFeeds(s, idl.Topic, name, reflect.TypeFor[T](), reflect.TypeFor[P](), opts, func() source { return newRing() })
	fs.linger = lingerTime
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
	return &Topic[T, P]{fs}
}

// Publish sends an item to all who listen to params. Where nobody does, and
// nobody did a minute ago, it does nothing. An error means that the item cannot
// be written (a string that is not UTF-8, a number out of range) or is too large.
func (t *Topic[T, P]) Publish(params P, item T) error {
	if t.feeds.count.Load() == 0 {
		return nil
	}
	_, err := t.PublishSeq(params, func(int64) T { return item })
	return err
}

// PublishSeq is Publish of an item that holds its own place in the sequence. It
// returns that place, which is 0 where nobody listens and item is not called.
// The function is called with the topic locked: it must not publish.
func (t *Topic[T, P]) PublishSeq(params P, item func(seq int64) T) (seq int64, err error) {
	f, err := t.feeds.find(reflect.ValueOf(&params).Elem())
	if f == nil {
		return 0, err
	}
	return f.source.(*ring).publish(func(seq int64) (encoded, error) {
		v := item(seq)
		return t.feeds.encode(&v)
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

func newRing() *ring { return &ring{epoch: rand.Text()[:8]} }

func (r *ring) empty() bool { return true }

func (r *ring) publish(item func(seq int64) (encoded, error)) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := item(r.head + 1)
	if err != nil {
		return 0, err
	}
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
	return r.head, nil
}

// evict overwrites the oldest item.
func (r *ring) evict() {
	oldest := &r.items[(r.head-int64(r.n)+1)%ringItems]
	r.bytes -= oldest.size()
	*oldest = encoded{}
	r.n--
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

// next takes the item after a position and moves on. If there is none, ch is
// woken when there is.
func (r *ring) next(at *reader, enc wire.Encoding, ch chan struct{}) (body Body, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skip(at)
	if at.seq == r.head {
		r.waiting.add(ch)
		return Body{}, false
	}
	at.seq++
	return r.items[at.seq%ringItems].in(enc), true
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
		body, ok := r.next(&at, enc, ch)
		for !ok {
			if err := await(ctx, ch, &r.mu, &r.waiting); err != nil {
				return err
			}
			body, ok = r.next(&at, enc, ch)
		}
		if err := sink.Item(Item{Seq: at.seq, Lost: at.lost, Value: body}); err != nil {
			return err
		}
		at.lost = 0
	}
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
		if err := items.add(r.items[at.seq%ringItems].in(wire.JSON)); err != nil {
			return Body{}, false, err
		}
	}
	list, _ := items.body().Value()
	answer := pollResult{Epoch: r.epoch, Seq: int(at.seq), Lost: int(at.lost), Items: list}
	body, err = BodyOf(&answer)
	return body, err == nil, err
}

type pollResult struct {
	Epoch string
	Seq   int
	Lost  int
	Items wire.Value
}
