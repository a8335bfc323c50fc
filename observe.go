package sabir

import (
	"github.com/sabir-ipc/sabir/wire"
)

// Observed returns a Sink that passes on to s, and has item and live called with
// what it has passed. It is as fast as s: batches stay batches, and credit goes
// where it went. The functions must not keep the values of items.
func Observed(s Sink, item func(Item), live func(Live)) Sink { return &observed{s, item, live} }

type observed struct {
	Sink
	item func(Item)
	live func(Live)
}

func (o *observed) Item(it Item) error {
	if err := o.Sink.Item(it); err != nil {
		return err
	}
	o.item(it)
	return nil
}

func (o *observed) Live(l Live) error {
	if err := o.Sink.Live(l); err != nil {
		return err
	}
	o.live(l)
	return nil
}

// The powers that a Sink may have beyond its own are those of the one behind.

func (o *observed) Encoding() wire.Encoding { return encodingOf(o.Sink) }

func (o *observed) passCredit(f func(int64)) bool {
	from, ok := o.Sink.(interface{ passCredit(func(int64)) bool })
	return ok && from.passCredit(f)
}

func (o *observed) Room() int {
	if many, ok := o.Sink.(batcher); ok {
		return many.Room()
	}
	return 1
}

func (o *observed) Items(items []Item) error {
	many, ok := o.Sink.(batcher)
	if ok {
		if err := many.Items(items); err != nil {
			return err
		}
	}
	for _, it := range items {
		if !ok {
			if err := o.Sink.Item(it); err != nil {
				return err
			}
		}
		o.item(it)
	}
	return nil
}

// Watcher is told of a call that is passed on. It may put a sink in place of the
// one that there is, if there is one, as [Observed] makes it, and what it returns
// is told how the call ended; the body lasts as long as that takes.
type Watcher func(call *Call, sink Sink) (instead Sink, done func(Body, error))

// Watch has f told of each call to an offered service whose caller may make it.
// It is set before anything is offered, and must not wait.
func (x *Exports) Watch(f Watcher) { x.watch = f }
