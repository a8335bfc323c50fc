package sabir_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

type roomParams struct{ Room string }

type said struct {
	Seq  int
	Text string
}

// The hook hears the params that somebody listens to, whatever became of the value by
// which they were first published, or of what it was given before.
func TestListenersOfParamsThatChanged(t *testing.T) {
	type tagged struct{ Tags []string }
	var heard []string
	s := sabir.NewService("s", "1", "")
	state := sabir.NewState[number, tagged](s, "state", sabir.OnListeners(func(p tagged, on bool) {
		heard = append(heard, fmt.Sprint(p.Tags, on))
		p.Tags[0] = "the hook's"
	}))
	tags := []string{"a"}
	if err := state.Set(tagged{tags}, number{1}); err != nil {
		t.Fatal(err)
	}
	tags[0] = "b"
	for range sabir.Watch[number](t.Context(), s, "s.state", tagged{[]string{"a"}}, nil) {
		break
	}
	if want := []string{"[a] true", "[a] false"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

// A publisher knows who listens, and pays nothing for what nobody hears.
func TestListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		svc := sabir.NewService("chat", "1", "")
		topic := sabir.NewTopic[said, roomParams](svc, "said", sabir.OnListeners(func(p roomParams, on bool) {
			told = append(told, fmt.Sprint(p.Room, on))
		}))
		c := sabir.InProcess(svc, &sabir.DialOptions{Log: quiet})
		defer c.Close()
		dev := roomParams{"dev"}

		if n := testing.AllocsPerRun(100, func() { topic.Publish(dev, said{}) }); n > 0 {
			t.Errorf("publishing to nobody takes %v allocations", n)
		}
		made := false
		if seq, _ := topic.PublishSeq(dev, func(int64) said { made = true; return said{} }); seq != 0 || made {
			t.Errorf("an item was made for nobody")
		}
		ctx, cancel := context.WithCancel(t.Context())
		up := make(chan struct{})
		ended := make(chan error)
		for range 2 {
			go func() {
				for e, err := range sabir.Watch[said](ctx, c, "chat.said", dev, nil) {
					if err != nil {
						ended <- err
						return
					}
					if e.Kind == sabir.Up {
						up <- struct{}{}
					}
				}
			}()
			<-up
		}
		if n := topic.Listeners(dev); n != 2 || topic.Listeners(roomParams{"ops"}) != 0 {
			t.Errorf("%d listeners", n)
		}
		cancel()
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		time.Sleep(10 * time.Millisecond) // nobody reads but by the clock now
		synctest.Wait()
		if n := topic.Listeners(dev); n != 0 {
			t.Errorf("%d listeners are left", n)
		}
		if got := strings.Join(told, " "); got != "devtrue devfalse" {
			t.Errorf("told %q", got)
		}
	})
}

// Interest outlasts the last subscriber by a minute; then the epoch ends.
// clause: S15
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc := sabir.NewService("chat", "1", "")
		topic := sabir.NewTopic[said, roomParams](svc, "said")
		c := sabir.InProcess(svc, &sabir.DialOptions{Log: quiet})
		defer c.Close()
		dev := roomParams{"dev"}
		at := func(since *sabir.Position) (p sabir.Position, lost int64, got int) {
			for e, err := range sabir.Watch[said](t.Context(), c, "chat.said", dev, &sabir.WatchOptions{Since: since}) {
				if err != nil {
					t.Fatal(err)
				}
				lost += e.Lost
				if e.Kind == sabir.Up {
					p = sabir.Position{Epoch: e.Epoch, Seq: e.Seq}
					break
				}
				got++
			}
			synctest.Wait()
			return
		}
		first, _, _ := at(nil)
		time.Sleep(59 * time.Second)
		topic.Publish(dev, said{})
		again, lost, got := at(&first)
		if again.Epoch != first.Epoch || again.Seq != 1 || lost != 0 || got != 1 {
			t.Errorf("within a minute: %v then %v, lost %d, got %d", first, again, lost, got)
		}
		time.Sleep(61 * time.Second)
		if seq, _ := topic.PublishSeq(dev, func(int64) said { return said{} }); seq != 0 {
			t.Errorf("published as %d to nobody", seq)
		}
		last, lost, _ := at(&again)
		if last.Epoch == first.Epoch || lost != -1 {
			t.Errorf("after a minute: %v then %v, lost %d", again, last, lost)
		}
		if err := topic.Keep(dev); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if seq, _ := topic.PublishSeq(dev, func(int64) said { return said{} }); seq != 1 {
			t.Errorf("kept, but published as %d", seq)
		}
		topic.Forget(dev)
	})
}

// Where no place is left, that of the topic to which nobody has listened for the longest
// is taken: who comes and goes with ever other params shuts nobody out.
// clause: S15
func TestPlacesOfTheSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc := sabir.NewService("chat", "1", "")
		sabir.NewTopic[said, roomParams](svc, "said")
		c := sabir.InProcess(svc, &sabir.DialOptions{Log: quiet})
		defer c.Close()
		epoch := func(room int) string {
			for e, err := range sabir.Watch[said](t.Context(), c, "chat.said", roomParams{fmt.Sprint(room)}, nil) {
				if err != nil {
					t.Fatal(room, err)
				}
				if e.Kind == sabir.Up {
					return e.Epoch
				}
			}
			return ""
		}
		const places = 1024
		var epochs []string
		for room := range places + 10 {
			epochs = append(epochs, epoch(room))
			synctest.Wait()
			time.Sleep(time.Millisecond)
		}
		if epoch(places) != epochs[places] {
			t.Error("one of the last has lost its place")
		}
		if epoch(0) == epochs[0] {
			t.Error("the first has kept its place")
		}
	})
}

// More keys than rows wait for a reader: it begins again.
// clause: S18
func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc := sabir.NewService("chat", "1", "")
		table := sabir.NewTable[int, sabir.None](svc, "rows")
		s := serveBubble(svc, nil)
		table.Set(sabir.None{}, "stays", 0)
		s.say(t, `{"id":1,"method":"chat.rows","window":1}`)
		s.hear(t) // stays
		s.hear(t) // live
		for i := range 1100 {
			key := fmt.Sprint("k", i)
			table.Set(sabir.None{}, key, i)
			table.Delete(sabir.None{}, key)
		}
		s.say(t, `{"method":"rpc.more","params":{"id":1,"n":5}}`)
		for _, want := range []string{
			`{"method":"rpc.item","params":{"id":1,"reset":true}}`,
			`{"method":"rpc.item","params":{"id":1,"key":"stays","value":0}}`,
			`{"method":"rpc.live","params":{"id":1}}`,
		} {
			if got := s.hear(t); got != want {
				t.Errorf("expected %s, got %s", want, got)
			}
		}
		s.end(t)
	})
}

// The number of params values that subscribers alone keep alive is limited, to what the
// program says.
// clause: B3
func TestRings(t *testing.T) {
	t.Run("default", func(t *testing.T) { fillRings(t, 1024) })
	t.Run("less", func(t *testing.T) { fillRings(t, 3, sabir.Rings(3)) })
	t.Run("more", func(t *testing.T) { fillRings(t, 1500, sabir.Rings(1500)) })
}

func fillRings(t *testing.T, places int, opts ...sabir.MemberOption) {
	synctest.Test(t, func(t *testing.T) {
		svc := sabir.NewService("chat", "1", "")
		sabir.NewTopic[said, roomParams](svc, "said", opts...)
		up := make(chan error)
		subscribe := func(ctx context.Context, c *sabir.Client, room int) error {
			go func() {
				for e, err := range sabir.Watch[said](ctx, c, "chat.said", roomParams{fmt.Sprint(room)}, nil) {
					if ctx.Err() == nil && (err != nil || e.Kind == sabir.Up) {
						up <- err
					}
				}
			}()
			return <-up
		}
		const each = 256
		ctx, leave := context.WithCancel(t.Context())
		var clients []*sabir.Client
		for room := range places {
			if room%each == 0 {
				clients = append(clients, sabir.InProcess(svc, &sabir.DialOptions{Log: quiet}))
			}
			if err := subscribe(ctx, clients[len(clients)-1], room); err != nil {
				t.Fatal(room, err)
			}
		}
		c := sabir.InProcess(svc, &sabir.DialOptions{Log: quiet})
		clients = append(clients, c)
		if err := subscribe(t.Context(), c, places); !errors.Is(err, sabir.ErrBusy) {
			t.Errorf("one more: %v", err)
		}
		if err := subscribe(t.Context(), c, places-1); err != nil {
			t.Error(err)
		}
		leave()
		time.Sleep(time.Second) // of the bubble: who has left reads what comes after that only at the next tick
		synctest.Wait()
		if err := subscribe(t.Context(), c, places); err != nil {
			t.Errorf("one more, after the others have left: %v", err)
		}
		for _, c := range clients {
			c.Close()
		}
	})
}

// A level below what a member needs is denied, before the params are looked at.
// clause: D4, A4, E4
func TestDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc, _ := slow()
		sabir.Method(svc, "rule", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil }, sabir.Needs(sabir.AccessAdmin))
		for _, c := range []struct {
			level        sabir.Access
			method, want string
		}{
			{sabir.AccessWrite, "slow.rule", `"name":"rpc.Denied","params":{"needs":"admin"}`},
			{sabir.AccessAdmin, "slow.rule", `"result":{}`},
			{sabir.AccessRead, "slow.text", `"name":"rpc.Denied","params":{"needs":"write"}`},
			{sabir.NoAccess, "rpc.stats", `"name":"rpc.Denied","params":{"needs":"read"}`},
			{sabir.NoAccess, "rpc.info", `"level":"none"`},
		} {
			ctx := sabir.WithCaller(t.Context(), sabir.Caller{Level: c.level})
			direct, err := sabir.Do[map[string]any](ctx, svc, c.method, nil)
			if strings.HasPrefix(c.method, "slow.") && (err == nil) != strings.Contains(c.want, "result") {
				t.Errorf("%s of %s in process: %v, %v", c.level, c.method, direct, err)
			}
			s := serveBubble(svc, &sabir.ServeOptions{Level: levelOf(c.level)})
			s.say(t, `{"id":1,"method":"`+c.method+`","params":{}}`)
			if got := s.hear(t); !strings.Contains(got, c.want) {
				t.Errorf("%s of %s: got %s, expected %s", c.level, c.method, got, c.want)
			}
			s.end(t)
		}
	})
}

func levelOf(a sabir.Access) func(transport.Peer) sabir.Access {
	return func(transport.Peer) sabir.Access { return a }
}

// A ring keeps a megabyte and no more, also where its items are asked for in both
// encodings.
//
// clause: S10
func TestRingOfBothEncodings(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	files := sabir.NewTopic[parcel, sabir.None](svc, "files")
	watch := func(cbor bool, opts *sabir.WatchOptions) (next func() (sabir.Event[parcel], error, bool)) {
		c := sabir.InProcess(svc, &sabir.DialOptions{CBOR: cbor})
		t.Cleanup(func() { c.Close() })
		next, stop := iter.Pull2(sabir.Watch[parcel](t.Context(), c, "s.files", nil, opts))
		t.Cleanup(stop)
		return next
	}
	json, cbor := watch(false, nil), watch(true, nil)
	json()
	cbor() // the last one: items are first written as it reads them
	for range 40 {
		if err := files.Publish(sabir.None{}, parcel{Data: make([]byte, 100<<10)}); err != nil {
			t.Fatal(err)
		}
		cbor()
		json()
	}
	kept := 0
	for next := watch(true, &sabir.WatchOptions{Since: &sabir.Position{Epoch: "another"}}); ; kept++ {
		e, err, _ := next()
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == sabir.Up {
			break
		}
	}
	if kept < 5 || kept > 10 {
		t.Errorf("%d items of 100 KiB are kept", kept)
	}
}

// Setting what is set already is no change, whoever has asked for another value in another
// encoding meanwhile.
func TestSameInAnotherEncoding(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	type value struct {
		F    float64
		Data []byte
		At   time.Time
		M    map[string]int
		A    any
	}
	same := value{0.1, []byte{1, 2}, time.Unix(1, 5).UTC(), map[string]int{"b": 1, "a": 2}, []any{"x", 1.0, int64(1), nil}}
	synctest.Test(t, func(t *testing.T) {
		state := sabir.NewState[value, number](svc, "state")
		var all sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		watch := func(cbor bool, n int) *[]float64 {
			c := sabir.InProcess(svc, &sabir.DialOptions{CBOR: cbor})
			told := new([]float64)
			all.Go(func() {
				defer c.Close()
				for e := range sabir.Watch[value](ctx, c, "s.state", number{n}, nil) {
					if e.Kind == sabir.Changed && ctx.Err() == nil {
						*told = append(*told, e.Value.F)
					}
				}
			})
			synctest.Wait()
			return told
		}
		set := func(v value) {
			if err := state.Set(number{1}, v); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		told := watch(false, 1)
		set(same)
		watch(true, 2) // the last one: values are first written as it reads them
		set(same)
		set(value{F: 2})
		if got := fmt.Sprint(*told); got != "[0.1 2]" {
			t.Errorf("told %s", got)
		}
		cancel()
		all.Wait()
	})
}

// A window beyond the limit is one at the limit: who counted on more would wait for items
// that the other side has no credit for.
//
// clause: S1
func TestWindowBeyondTheLimit(t *testing.T) {
	svc := sabir.NewService("s", "1", "")
	topic := sabir.NewTopic[number, sabir.None](svc, "topic")
	c := sabir.InProcess(svc, nil)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	const items = 5000
	n := 0
	for e, err := range sabir.Watch[number](ctx, c, "s.topic", nil, &sabir.WatchOptions{Window: 3000}) {
		switch {
		case err != nil:
			t.Fatalf("after %d items: %v", n, err)
		case e.Kind == sabir.Up:
			go func() {
				for i := range items {
					topic.Publish(sabir.None{}, number{i})
				}
			}()
		case e.Kind == sabir.Changed:
			n += 1 + int(e.Lost)
		}
		if n == items {
			break
		}
	}
}
