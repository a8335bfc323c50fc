package sabir_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

type sayIn struct {
	Room string
	Text string `min:"1" max:"10"`
}
type sayOut struct{ Seq int }
type roomP struct{ Room string }
type Msg struct {
	Seq  int
	Text string
}
type NoSuchRoom struct{ Room string }

func (e NoSuchRoom) Error() string { return fmt.Sprintf("no room %q", e.Room) }

type nP struct{ N int }

func smokeService() (*sabir.Service, *sabir.Topic[Msg, roomP], *sabir.State[int, sabir.None], *sabir.Table[Msg, roomP]) {
	s := sabir.NewService("lounge", "1.0", "Chat.")
	topic := sabir.NewTopic[Msg, roomP](s, "message", sabir.Common)
	state := sabir.NewState[int, sabir.None](s, "count")
	table := sabir.NewTable[Msg, roomP](s, "users")
	sabir.Method(s, "say", func(ctx context.Context, in sayIn) (sayOut, error) {
		if in.Room == "none" {
			return sayOut{}, NoSuchRoom{in.Room}
		}
		if in.Room == "slow" {
			select {
			case <-time.After(time.Hour):
			case <-ctx.Done():
				return sayOut{}, ctx.Err()
			}
		}
		seq, err := topic.PublishSeq(roomP{in.Room}, func(seq int64) Msg { return Msg{int(seq), in.Text} })
		return sayOut{int(seq)}, err
	}, sabir.Errors(NoSuchRoom{}), sabir.Doc("Say something."))
	sabir.Stream(s, "count_to", func(ctx context.Context, in nP) (iter.Seq2[Msg, error], error) {
		return func(yield func(Msg, error) bool) {
			for i := range in.N {
				if !yield(Msg{Seq: i}, nil) {
					return
				}
			}
		}, nil
	})
	return s, topic, state, table
}

func TestSmoke(t *testing.T) {
	for _, cbor := range []bool{false, true} {
		t.Run(fmt.Sprint(cbor), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			s, topic, state, table := smokeService()
			fmt.Println(s.Describe()[0])
			dir := t.TempDir()
			sctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- sabir.ListenAndServe(sctx, dir+"/l.sock", s, nil) }()
			time.Sleep(50 * time.Millisecond)
			c, err := sabir.Dial(ctx, dir+"/l.sock", &sabir.DialOptions{CBOR: cbor})
			if err != nil {
				t.Fatal(err)
			}
			out, err := sabir.Do[sayOut](ctx, c, "lounge.say", sayIn{"dev", "hi"})
			if err != nil || out.Seq != 0 {
				t.Fatal(out, err)
			}
			_, err = sabir.Do[sayOut](ctx, c, "lounge.say", sayIn{"none", "hi"})
			var nr NoSuchRoom
			if !errors.As(err, &nr) || nr.Room != "none" {
				t.Fatal(err)
			}
			_, err = sabir.Do[sayOut](ctx, c, "lounge.say", sayIn{"none", ""})
			t.Log(err)
			n := 0
			for m, err := range sabir.Items[Msg](ctx, c, "lounge.count_to", nP{1000}) {
				if err != nil || m.Seq != n {
					t.Fatal(err, m, n)
				}
				n++
			}
			if n != 1000 {
				t.Fatal(n)
			}
			for _, err := range sabir.Items[Msg](ctx, c, "lounge.count_to", nP{100000}) {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			got := 0
			for e, err := range sabir.Watch[Msg](ctx, c, "lounge.message", roomP{"dev"}, nil) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Kind == sabir.Up {
					for range 500 {
						if err := topic.Publish(roomP{"dev"}, Msg{Text: "x"}); err != nil {
							t.Fatal(err)
						}
					}
					continue
				}
				got++
				if got == 500 {
					break
				}
			}
			state.Set(sabir.None{}, 7)
			v, err := sabir.Do[int](ctx, c, "lounge.count", nil)
			if err != nil || v != 7 {
				t.Fatal(v, err)
			}
			table.Set(roomP{"dev"}, "ann", Msg{1, "a"})
			rows, err := sabir.Do[[]sabir.Row[Msg]](ctx, c, "lounge.users", roomP{"dev"})
			if err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
			short, cancel2 := context.WithTimeout(ctx, 50*time.Millisecond)
			_, err = sabir.Do[sayOut](short, c, "lounge.say", sayIn{"slow", "hi"})
			cancel2()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			c.Close()
			stop()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}
