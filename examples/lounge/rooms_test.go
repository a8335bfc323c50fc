//go:build unix

package lounge_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
)

func TestConversation(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		if n, err := l.join("dev", "ann"); n != 1 || err != nil {
			t.Fatal("the first member counts itself:", n, err)
		}
		if n, err := l.join("dev", "Ørjan 🦆"); n != 2 || err != nil {
			t.Fatal("names are any text:", n, err)
		}
		_, err := l.join("dev", "ann")
		refused(t, err, lounge.NameTaken{Room: "dev", Name: "ann"}, `"ann" is in "dev" already`)
		if n, err := l.join("ops", "ann"); n != 1 || err != nil {
			t.Fatal("a name is taken in its room only:", n, err)
		}

		for want := 1; want <= 3; want++ {
			if seq, err := l.say("dev", "ann", "hi"); seq != want || err != nil {
				t.Fatal("with no listener there is a sequence:", seq, err)
			}
		}
		_, err = l.say("dev", "bob", "hi")
		refused(t, err, lounge.NotJoined{Room: "dev", Name: "bob"}, `"bob" is not in "dev"`)
		_, err = l.say("den", "bob", "hi")
		refused(t, err, lounge.NoSuchRoom{Room: "den"}, `no room "den"`)

		rows := l.users("dev")
		if len(rows) != 2 || rows[0].Key != "ann" || rows[0].Value.Said != 3 || rows[1].Value.Name != "Ørjan 🦆" || rows[1].Value.Said != 0 {
			t.Error("users:", rows)
		}
		if rows := l.users("den"); len(rows) != 0 {
			t.Error("nobody is in a room that is not there:", rows)
		}
		status, err := sabir.Do[lounge.Status](l.ctx, l.h, "lounge.status", nil)
		if err != nil || status.Rooms != 2 || status.Users != 3 || status.Messages != 3 || status.Started.IsZero() {
			t.Error("status:", status, err)
		}

		refused(t, l.leave("dev", "bob"), lounge.NotJoined{Room: "dev", Name: "bob"}, `"bob" is not in "dev"`)
		refused(t, l.leave("den", "bob"), lounge.NoSuchRoom{Room: "den"}, `no room "den"`)
		l.must(l.leave("dev", "ann"))
		l.must(l.leave("dev", "Ørjan 🦆"))
		refused(t, l.leave("dev", "ann"), lounge.NoSuchRoom{Room: "dev"}, `no room "dev"`)
		if n, err := l.join("dev", "ann"); n != 1 || err != nil {
			t.Error("a room is made again:", n, err)
		}
	})
}

func TestBounds(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		for _, bad := range []struct{ room, name string }{
			{"", "ann"}, {"Dev", "ann"}, {"a b", "ann"}, {strings.Repeat("a", 33), "ann"},
			{"dev", ""}, {"dev", strings.Repeat("ö", 33)},
		} {
			if _, err := l.join(bad.room, bad.name); !errors.Is(err, sabir.ErrInvalidParams) {
				t.Errorf("join %q %q: %v", bad.room, bad.name, err)
			}
		}
		name := strings.Repeat("🦆", 32)
		_, err := l.join(strings.Repeat("a", 32), name)
		l.must(err)
		_, err = l.say(strings.Repeat("a", 32), name, strings.Repeat("ö", 4096))
		l.must(err)
		for _, text := range []string{"", strings.Repeat("ö", 4097)} {
			if _, err = l.say(strings.Repeat("a", 32), name, text); !errors.Is(err, sabir.ErrInvalidParams) {
				t.Errorf("a text of %d bytes: %v", len(text), err)
			}
		}
	})
}

func TestSubscribeBeforeTheRoomIsThere(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		heard := 0
		for e, err := range l.messages("dev", nil) {
			l.must(err)
			if e.Kind == sabir.Changed {
				if heard++; e.Seq != int64(heard) || e.Value.Seq != heard || e.Value.Name != "ann" || e.Value.At.IsZero() {
					t.Fatalf("%+v", e)
				}
				l.must(l.leave("dev", "ann")) // the room ends, the subscription does not
			}
			if heard == 2 {
				break
			}
			_, err = l.join("dev", "ann")
			l.must(err)
			seq, err := l.say("dev", "ann", "hi")
			if seq != heard+1 || err != nil {
				t.Fatal(seq, err)
			}
		}
	})
}

// A room that has ended leaves nothing behind once nobody can want to resume.
func TestARoomIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := caller{t: t, ctx: t.Context(), h: lounge.New(nil).Service()}
		for range 2 {
			_, err := l.join("dev", "ann")
			l.must(err)
			if seq, err := l.say("dev", "ann", "hi"); seq != 1 || err != nil {
				t.Error("a new sequence begins with 1:", seq, err)
			}
			l.must(l.leave("dev", "ann"))
			time.Sleep(2 * time.Minute) // of the bubble
		}
	})
}

func TestUsersComeAndGo(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		_, err := l.join("dev", "ann")
		l.must(err)
		var seen []string
		for e, err := range sabir.Watch[lounge.User](l.ctx, l.h, "lounge.users", p{"room": "dev"}, nil) {
			l.must(err)
			switch e.Kind {
			case sabir.Up:
				seen = append(seen, "up")
				_, err = l.join("dev", "bob")
			case sabir.Gone:
				seen = append(seen, e.Key+" gone")
			default:
				seen = append(seen, fmt.Sprint(e.Key, " ", e.Value.Said))
				switch {
				case e.Key == "bob" && e.Value.Said == 0:
					_, err = l.say("dev", "bob", "hi")
				case e.Key == "bob":
					err = l.leave("dev", "bob")
				}
			}
			l.must(err)
			if e.Kind == sabir.Gone {
				break
			}
		}
		if got := strings.Join(seen, ", "); got != "ann 0, up, bob 0, bob 1, bob gone" {
			t.Error(got)
		}
	})
}

func TestStatusFollows(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		steps := []func() error{
			func() error { _, err := l.join("dev", "ann"); return err },
			func() error { _, err := l.join("dev", "bob"); return err },
			func() error { _, err := l.say("dev", "ann", "hi"); return err },
			func() error { return l.leave("dev", "ann") },
			func() error { return l.leave("dev", "bob") },
		}
		var seen []string
		for e, err := range sabir.Watch[lounge.Status](l.ctx, l.h, "lounge.status", nil, nil) {
			l.must(err)
			if e.Kind == sabir.Up {
				continue
			}
			seen = append(seen, fmt.Sprint(e.Value.Rooms, e.Value.Users, e.Value.Messages))
			if len(seen) > len(steps) {
				break
			}
			l.must(steps[len(seen)-1]())
		}
		if got := strings.Join(seen, ", "); got != "0 0 0, 1 1 0, 1 2 0, 1 2 1, 1 1 1, 0 0 1" {
			t.Error(got)
		}
	})
}

func TestEverybodyAtOnce(t *testing.T) {
	const people, each = 100, 5
	onEveryRoad(t, func(t *testing.T, l caller) {
		var mu sync.Mutex
		counts := make(map[int]bool)
		said := make(map[int]string)
		everybody := func() {
			var all sync.WaitGroup
			for i := range people {
				all.Go(func() {
					name := fmt.Sprint("n", i)
					n, err := l.join("dev", name)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					counts[n] = true
					mu.Unlock()
					for j := range each {
						text := fmt.Sprint(name, " says ", j)
						seq, err := l.say("dev", name, text)
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						said[seq] = text
						mu.Unlock()
					}
				})
			}
			all.Wait()
		}
		heard := make(map[int]string)
		done := make(chan struct{})
		for e, err := range l.messages("dev", nil) {
			l.must(err)
			if e.Kind == sabir.Up {
				go func() { defer close(done); everybody() }()
				continue
			}
			if e.Lost != 0 || e.Seq != int64(e.Value.Seq) || e.Seq != int64(len(heard)+1) {
				t.Fatalf("%+v after %d", e, len(heard))
			}
			heard[e.Value.Seq] = e.Value.Text
			if len(heard) == people*each {
				break
			}
		}
		<-done
		if len(counts) != people || !counts[1] || !counts[people] {
			t.Errorf("%d different counts of members, want %d", len(counts), people)
		}
		if len(said) != people*each {
			t.Errorf("%d different seqs, want %d", len(said), people*each)
		}
		for seq, text := range said {
			if heard[seq] != text {
				t.Errorf("%d: said %q, heard %q", seq, text, heard[seq])
			}
		}
		for _, row := range l.users("dev") {
			if row.Value.Said != each {
				t.Errorf("%s said %d, want %d", row.Key, row.Value.Said, each)
			}
		}
	})
}
