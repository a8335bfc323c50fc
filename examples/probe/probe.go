// Package probe is the service that the vectors talk to. Each of its members
// does one thing, at once and always the same: vectors/probe.sabir.
package probe

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
)

type (
	Number struct{ N int }
	Colour string
	Circle struct {
		Radius float64 `min:"0"`
	}
	Square struct {
		Side float64 `min:"0"`
	}
	Shape struct {
		sabir.Union
		Circle *Circle
		Square *Square
	}
	// All has a field of every type.
	All struct {
		Bool     bool
		Int      int
		Int64    int64
		Uint64   uint64
		Float    float64
		String   string
		Bytes    []byte
		Time     time.Time
		Any      any
		List     []int
		Map      map[string]int
		Struct   Number
		Enum     Colour
		Union    Shape
		Pattern  string `pattern:"[a-z]{1,3}"`
		Optional *string
	}
	How     string
	TooMuch struct{ Most int }
)

// Results, for those who call it.
type (
	Echoed struct {
		Text string
		N    *int
	}
	Typed    struct{ V All }
	Released struct{ Released bool }
)

func (Colour) Cases() []string  { return []string{"red", "green"} }
func (How) Cases() []string     { return []string{"declared", "undeclared", "panic", "busy"} }
func (e TooMuch) Error() string { return fmt.Sprintf("more than %d", e.Most) }

type (
	echo struct {
		Text string `max:"10"`
		N    *int   `min:"0" max:"99"`
	}
	name   struct{ Name string }
	waited struct{ Waited int }
	fail   struct{ How How }
	length struct {
		N int `min:"0"`
	}
	text  struct{ Text string }
	until struct {
		To int `min:"0"`
	}
	publish struct {
		Name  string
		Times int `min:"1"`
	}
	place struct{ Seq int }
	set   struct {
		Name string
		N    int
	}
	put struct {
		Name string
		Key  string
		N    int
	}
	fill struct {
		Name string
		Rows int `min:"0"`
	}
	drop struct {
		Name string
		Key  string
	}
)

// probe is what the members share.
type probe struct {
	mu      sync.Mutex
	waiting map[string][]chan struct{}
	last    map[string]int // numbers published

	tick  *sabir.Topic[Number, name]
	value *sabir.State[Number, name]
	rows  *sabir.Table[Number, name]
}

// New makes a probe with nothing in it.
func New() *sabir.Service {
	p := &probe{waiting: make(map[string][]chan struct{}), last: make(map[string]int)}
	s := sabir.NewService("probe", "1.0", "What the vectors talk to: each member does one thing, at once and always the same.")
	sabir.Method(s, "echo", func(_ context.Context, in echo) (Echoed, error) { return Echoed(in), nil },
		sabir.Readonly, sabir.Doc("Answers with its params."))
	sabir.Method(s, "types", func(_ context.Context, in Typed) (Typed, error) { return in, nil },
		sabir.Idempotent, sabir.Doc("Answers with a value that has every type."))
	sabir.Method(s, "nothing", nothing, sabir.Doc("Takes nothing and has no result."))
	sabir.Method(s, "wait", p.wait, sabir.Doc("Ends when it is released or cancelled."))
	sabir.Method(s, "release", p.release, sabir.Doc("Lets all go on that wait under a name."))
	sabir.Method(s, "fail", p.fail, sabir.Errors(TooMuch{}), sabir.Doc("Fails in the way asked for."))
	sabir.Method(s, "letters", letters, sabir.Doc("Answers with that many letters."))
	sabir.Method(s, "rule", nothing, sabir.Needs(sabir.AccessAdmin), sabir.Doc("For administrators."))
	sabir.Stream(s, "count", count, sabir.Readonly, sabir.Doc("Counts from 1."))
	sabir.Stream(s, "bytes", pieces, sabir.Readonly, sabir.Doc("Gives that many bytes in pieces of at most 65536."))
	p.tick = sabir.NewTopic[Number, name](s, "tick", sabir.Doc("What publish publishes."))
	sabir.Method(s, "publish", p.publish, sabir.Doc("Publishes the next numbers and tells the place of the last."))
	p.value = sabir.NewState[Number, name](s, "value", sabir.Errors(TooMuch{}), sabir.Accept(refuseNone),
		sabir.Doc("What set sets. The name \"none\" is refused."))
	sabir.Method(s, "set", p.set, sabir.Doc("Changes a value."))
	p.rows = sabir.NewTable[Number, name](s, "rows", sabir.Doc("What put puts and drop drops."))
	sabir.Method(s, "put", p.put, sabir.Doc("Puts a row into a table."))
	sabir.Method(s, "fill", p.fill, sabir.Doc("Puts that many rows, with the keys k0, k1, …."))
	sabir.Method(s, "drop", p.drop, sabir.Doc("Takes a row out of a table."))
	return s
}

func nothing(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil }

func (p *probe) wait(ctx context.Context, in name) (Released, error) {
	ch := make(chan struct{})
	p.mu.Lock()
	p.waiting[in.Name] = append(p.waiting[in.Name], ch)
	p.mu.Unlock()
	select {
	case <-ch:
		return Released{true}, nil
	case <-ctx.Done():
		return Released{}, ctx.Err()
	}
}

// release finds those whose calls came before it, though they may have to be
// waited for: on a busy machine a handler may begin after the next.
func (p *probe) release(ctx context.Context, in name) (waited, error) {
	for range 100 {
		if n := p.let(in.Name); n > 0 {
			return waited{n}, nil
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return waited{}, ctx.Err()
		}
	}
	return waited{}, nil
}

// let lets those go who wait, and tells how many.
func (p *probe) let(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.waiting[name])
	for _, ch := range p.waiting[name] {
		close(ch)
	}
	delete(p.waiting, name)
	return n
}

func (p *probe) fail(_ context.Context, in fail) (sabir.None, error) {
	switch in.How {
	case "declared":
		return sabir.None{}, TooMuch{7}
	case "busy":
		return sabir.None{}, sabir.ErrBusy
	case "panic":
		panic("asked to")
	}
	return sabir.None{}, errors.New("a secret of the service")
}

func letters(_ context.Context, in length) (text, error) { return text{strings.Repeat("x", in.N)}, nil }

func count(_ context.Context, in until) (iter.Seq2[Number, error], error) {
	return func(yield func(Number, error) bool) {
		for n := 1; n <= in.To && yield(Number{n}, nil); n++ {
		}
	}, nil
}

func pieces(_ context.Context, in length) (iter.Seq2[[]byte, error], error) {
	return func(yield func([]byte, error) bool) { yield(make([]byte, in.N), nil) }, nil
}

func (p *probe) publish(_ context.Context, in publish) (place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var seq int64
	for range in.Times {
		p.last[in.Name]++
		var err error
		if seq, err = p.tick.PublishSeq(name{in.Name}, func(int64) Number { return Number{p.last[in.Name]} }); err != nil {
			return place{}, err
		}
	}
	return place{int(seq)}, nil
}

func refuseNone(_ context.Context, in name) error {
	if in.Name == "none" {
		return TooMuch{0}
	}
	return nil
}

func (p *probe) set(_ context.Context, in set) (sabir.None, error) {
	return sabir.None{}, p.value.Set(name{in.Name}, Number{in.N})
}

func (p *probe) put(_ context.Context, in put) (sabir.None, error) {
	return sabir.None{}, p.rows.Set(name{in.Name}, in.Key, Number{in.N})
}

func (p *probe) fill(_ context.Context, in fill) (sabir.None, error) {
	for i := range in.Rows {
		if err := p.rows.Set(name{in.Name}, fmt.Sprintf("k%d", i), Number{i}); err != nil {
			return sabir.None{}, err
		}
	}
	return sabir.None{}, nil
}

func (p *probe) drop(_ context.Context, in drop) (sabir.None, error) {
	p.rows.Delete(name{in.Name}, in.Key)
	return sabir.None{}, nil
}
