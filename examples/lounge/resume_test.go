//go:build unix

package lounge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
)

// eachEncoding runs what only connections can show.
func eachEncoding(t *testing.T, f func(t *testing.T, l *lounge.Lounge, opts *sabir.DialOptions)) {
	for _, cbor := range []bool{false, true} {
		t.Run(fmt.Sprint("CBOR=", cbor), func(t *testing.T) {
			l, _ := newLounge(t)
			f(t, l, &sabir.DialOptions{CBOR: cbor})
		})
	}
}

func TestMembershipOutlivesTheConnection(t *testing.T) {
	eachEncoding(t, func(t *testing.T, l *lounge.Lounge, opts *sabir.DialOptions) {
		socket := serve(t, l.Service())
		first := dial(t, socket, opts)
		ann := caller{t: t, ctx: within(t), h: first}
		_, err := ann.join("dev", "ann")
		ann.must(err)
		first.Close()

		again := caller{t: t, ctx: within(t), h: dial(t, socket, opts)}
		_, err = again.join("dev", "ann")
		refused(t, err, lounge.NameTaken{Room: "dev", Name: "ann"}, `"ann" is in "dev" already`)
		_, err = again.say("dev", "ann", "still here")
		again.must(err)
		again.must(again.leave("dev", "ann"))
	})
}

func TestResumeWhereItWas(t *testing.T) {
	eachEncoding(t, func(t *testing.T, l *lounge.Lounge, opts *sabir.DialOptions) {
		socket := serve(t, l.Service())
		bob := caller{t: t, ctx: within(t), h: dial(t, socket, opts)}
		_, err := bob.join("dev", "bob")
		bob.must(err)
		first := dial(t, socket, opts)
		ann := caller{t: t, ctx: within(t), h: first}
		at := &sabir.Position{}
		for e, err := range ann.messages("dev", &sabir.WatchOptions{Once: true}) {
			ann.must(err)
			if e.Kind == sabir.Changed {
				at.Seq = e.Seq
				break
			}
			at.Epoch = e.Epoch
			_, err = bob.say("dev", "bob", "one")
			bob.must(err)
		}
		first.Close()
		for _, text := range []string{"two", "three"} {
			_, err := bob.say("dev", "bob", text)
			bob.must(err)
		}

		ann.h = dial(t, socket, opts)
		heard := ""
		for e, err := range ann.messages("dev", &sabir.WatchOptions{Since: at}) {
			ann.must(err)
			if e.Kind == sabir.Up {
				break
			}
			heard += fmt.Sprint(e.Seq, " ", e.Value.Text, " ", e.Lost, "; ")
		}
		if heard != "2 two 0; 3 three 0; " {
			t.Error(heard)
		}
		since := sabir.HandlerFunc(func(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
			call.Since = at
			return ann.h.Handle(ctx, call, sink)
		})
		later, err := sabir.Do[struct {
			Epoch     string
			Seq, Lost int
			Items     []lounge.Message
		}](ann.ctx, since, "lounge.message", p{"room": "dev"})
		if err != nil || later.Epoch != at.Epoch || later.Seq != 3 || len(later.Items) != 2 || later.Items[1].Text != "three" {
			t.Errorf("a plain request since there: %+v %v", later, err)
		}
	})
}

// A watch goes on by itself when the daemon's connections are gone and come back.
func TestWatchGoesOn(t *testing.T) {
	eachEncoding(t, func(t *testing.T, l *lounge.Lounge, opts *sabir.DialOptions) {
		bob := caller{t: t, ctx: within(t), h: l.Service()}
		_, err := bob.join("dev", "bob")
		bob.must(err)
		socket := serve(t, l.Service()) // for its folder
		socket = filepath.Join(filepath.Dir(socket), "again.sock")
		stop := listen(t, l.Service(), socket, nil)
		ann := caller{t: t, ctx: within(t), h: dial(t, socket, opts)}
		heard, again := "", false
		for e, err := range ann.messages("dev", nil) {
			ann.must(err)
			switch e.Kind {
			case sabir.Up:
				heard += "up "
				if !again {
					_, err = bob.say("dev", "bob", "one")
				}
			case sabir.Down:
				heard += "down "
				_, err = bob.say("dev", "bob", "two")
				t.Cleanup(listen(t, l.Service(), socket, nil))
				again = true
			case sabir.Changed:
				heard += fmt.Sprint(e.Value.Text, e.Lost, " ")
				if !again {
					stop()
				}
			}
			bob.must(err)
			if again && e.Kind == sabir.Up {
				break
			}
		}
		if heard != "up one0 down two0 up " {
			t.Error(heard)
		}
	})
}
