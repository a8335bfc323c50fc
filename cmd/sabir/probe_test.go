package main

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/sabir-ipc/sabir"
)

// The probe is a service with something of each kind, for the scripts: "exec
// probe NAME". What a hostile peer would say is in nasty.
const (
	nastyText = "red \x1b[31m, c1 \u009b31m, bidi \u202e, del \x7f, bell \a"
	nastyDoc  = "Says \x1b[2J.\nTwice."
)

type (
	Point  struct{ X, Y int }
	Hue    string
	Number struct{ N int }
	Broken struct{ At int }
	Nasty  struct{ Text string }
	all    struct {
		Flag  *bool
		Count *int
		Big   *int64
		Huge  *uint64
		Ratio *float64
		Text  *string
		Data  []byte `sabir:",optional"`
		At    *time.Time
		Any   any            `sabir:",optional"`
		List  []int          `sabir:",optional"`
		Words []string       `sabir:",optional"`
		Spots []Point        `sabir:",optional"`
		Map   map[string]int `sabir:",optional"`
		Spot  *Point
		Hue   *Hue
	}
	byName struct{ Name string }
	times  struct {
		Name  string
		Times int
	}
	upTo struct {
		To int `min:"0"`
	}
	pieces struct {
		N     int
		Pause *int // ms before each
	}
	said struct{ Text string }
	blob struct {
		Data []byte
		Note string
	}
)

func (Hue) Cases() []string    { return []string{"red", "green"} }
func (e Broken) Error() string { return fmt.Sprintf("broken at %d", e.At) }
func (e Nasty) Error() string  { return "says " + e.Text }
func newProbe() *sabir.Service {
	s := sabir.NewService("probe", "1.0", "Something of each kind.")
	sabir.Method(s, "types", func(_ context.Context, in all) (all, error) { return in, nil }, sabir.Doc("Answers with its params."))
	sabir.Method(s, "nasty", func(context.Context, sabir.None) (said, error) { return said{nastyText}, nil },
		sabir.Readonly, sabir.Doc(nastyDoc))
	sabir.Method(s, "refuse", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, Nasty{nastyText} },
		sabir.Errors(Nasty{}))
	sabir.Method(s, "busy", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, sabir.ErrBusy })
	sabir.Method(s, "crash", func(context.Context, sabir.None) (sabir.None, error) { os.Exit(9); return sabir.None{}, nil })
	sabir.Method(s, "wait", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		<-ctx.Done()
		return sabir.None{}, ctx.Err()
	})
	sabir.Method(s, "blob", func(_ context.Context, in said) (blob, error) { return blob{[]byte(in.Text), "a note"}, nil }, sabir.Readonly)
	sabir.Method(s, "picture", func(context.Context, sabir.None) (blob, error) { return blob{[]byte{0, 1, 2, 255}, ""}, nil }, sabir.Readonly)
	sabir.Stream(s, "count", count, sabir.Readonly, sabir.Errors(Broken{}))
	sabir.Stream(s, "zeros", zeros, sabir.Readonly)
	sabir.Stream(s, "text", func(_ context.Context, in said) (iter.Seq2[[]byte, error], error) {
		return func(yield func([]byte, error) bool) { // a byte an item, so that characters are cut
			for _, b := range []byte(in.Text) {
				if !yield([]byte{b}, nil) {
					return
				}
			}
		}, nil
	}, sabir.Readonly)
	tick := sabir.NewTopic[Number, byName](s, "tick", sabir.Doc("What publish publishes."))
	sabir.Method(s, "publish", func(_ context.Context, in times) (sabir.None, error) {
		for range in.Times {
			if _, err := tick.PublishSeq(byName{in.Name}, func(seq int64) Number { return Number{int(seq)} }); err != nil {
				return sabir.None{}, err
			}
		}
		return sabir.None{}, nil
	})
	sabir.Method(s, "keep", func(_ context.Context, in byName) (sabir.None, error) { return sabir.None{}, tick.Keep(in) })
	level := sabir.NewState[Number, byName](s, "level")
	sabir.Method(s, "set", func(_ context.Context, in times) (sabir.None, error) {
		return sabir.None{}, level.Set(byName{in.Name}, Number{in.Times})
	})
	photo := sabir.NewState[[]byte, sabir.None](s, "photo")
	rows := sabir.NewTable[Point, byName](s, "rows")
	sabir.Method(s, "put", func(_ context.Context, in struct {
		Name, Key string
		X, Y      int
	}) (sabir.None, error) {
		return sabir.None{}, rows.Set(byName{in.Name}, in.Key, Point{in.X, in.Y})
	})
	sabir.Method(s, "drop", func(_ context.Context, in struct{ Name, Key string }) (sabir.None, error) {
		rows.Delete(byName{in.Name}, in.Key)
		return sabir.None{}, nil
	})
	if err := photo.Set(sabir.None{}, []byte{0xFF, 0xD8, 0}); err != nil {
		panic(err)
	}
	return s
}

// count counts up to a Number; to 13 it never comes.
func count(_ context.Context, in upTo) (iter.Seq2[Number, error], error) {
	return func(yield func(Number, error) bool) {
		for n := 1; n <= in.To; n++ {
			if in.To == 13 && n == 3 {
				yield(Number{}, Broken{n})
				return
			}
			if !yield(Number{n}, nil) {
				return
			}
		}
	}, nil
}

func zeros(_ context.Context, in pieces) (iter.Seq2[[]byte, error], error) {
	return func(yield func([]byte, error) bool) {
		piece := bytes.Repeat([]byte{0}, 64<<10)
		for left := in.N; left > 0; left -= len(piece) {
			if in.Pause != nil {
				time.Sleep(time.Duration(*in.Pause) * time.Millisecond)
			}
			if !yield(piece[:min(left, len(piece))], nil) {
				return
			}
		}
	}, nil
}

func probeMain() {
	opts := &sabir.ServeOptions{Log: slog.New(slog.DiscardHandler), Grace: 100 * time.Millisecond}
	ctx, _ := interruptible()
	if err := sabir.ListenAndServe(ctx, os.Args[1], newProbe(), opts); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}
