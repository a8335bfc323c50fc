package sabir

import (
	"fmt"
	"reflect"
	"unicode/utf8"
)

// History is where a topic's items are beyond the life of the process, so that
// who was there before a restart goes on where he was. For each params value
// its methods are called one at a time; they hold up the topic meanwhile, and must
// not use it, as a log would that is published there.
type History[T, P any] interface {
	// Past returns what was kept for params. It is asked when somebody begins to
	// listen or to publish, and again after a minute in which nobody did.
	Past(params P) (Past[T], error)
	// Keep stores an item before anybody hears of it. With an error it is not
	// published.
	Keep(params P, seq int64, item T) error
}

// Past is what is known of a topic with some params from earlier.
type Past[T any] struct {
	Epoch string // names the sequence: 1 to 32 bytes; another one, if Seq begins anew
	Seq   int64  // that of the newest item; 0: there was none
	Items []T    // the newest ones, the oldest first, without gaps; more than a ring holds are cut
}

// Remembers has a topic keep its items in h, with or without listeners, and go
// on from there. spec [S15]
func Remembers[T, P any](h History[T, P]) MemberOption {
	return func(m *member) error { m.history = h; return nil }
}

// remember takes the history out of the declaration.
func (t *Topic[T, P]) remember() {
	if t.feeds.m.history == nil {
		return
	}
	h, ok := t.feeds.m.history.(History[T, P])
	if !ok {
		panic(fmt.Sprintf("sabir: %s.%s: its history is %T, not that of a topic of %v with %v",
			t.feeds.m.service.desc.Name, t.feeds.m.desc.Name, t.feeds.m.history, reflect.TypeFor[T](), reflect.TypeFor[P]()))
	}
	t.history = h
}

// ring makes the ring of params, with what is known from earlier.
func (t *Topic[T, P]) ring(params reflect.Value) (source, error) {
	r := newRing()
	if t.history == nil {
		return r, nil
	}
	past, err := t.history.Past(params.Interface().(P))
	switch {
	case err != nil:
		return nil, err
	case past.Epoch == "" || len(past.Epoch) > maxEpoch || !utf8.ValidString(past.Epoch):
		return nil, fmt.Errorf("sabir: history of %s: epoch %q, expected 1 to %d bytes of UTF-8", t.feeds.m.desc.Name, past.Epoch, maxEpoch)
	case past.Seq < int64(len(past.Items)):
		return nil, fmt.Errorf("sabir: history of %s: the newest of %d items cannot be number %d", t.feeds.m.desc.Name, len(past.Items), past.Seq)
	}
	items := past.Items[max(0, len(past.Items)-ringItems):]
	r.epoch, r.head = past.Epoch, past.Seq-int64(len(items))
	for i := range items {
		e, err := t.feeds.encode(&items[i], "")
		if err != nil {
			return nil, err
		}
		r.push(e)
	}
	return r, nil
}

// record publishes and keeps.
func (t *Topic[T, P]) record(params P, item func(seq int64) T) (seq int64, err error) {
	f, err := t.feeds.enter(reflect.ValueOf(&params).Elem())
	if err != nil {
		return 0, err
	}
	defer t.feeds.exit(f)
	return f.source.(*ring).publish(func(seq int64) (encoded, error) {
		v := item(seq)
		e, err := t.feeds.encode(&v, "")
		if err == nil {
			err = t.history.Keep(params, seq, v)
		}
		return e, err
	})
}
