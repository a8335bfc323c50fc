package sabir_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// tidings is a service with one common member of each kind, and one that is not.
type tidings struct {
	*sabir.Service
	news      *sabir.Topic[number, number]
	own       *sabir.Topic[number, sabir.None]
	mood      *sabir.State[number, sabir.None]
	rows      *sabir.Table[number, sabir.None]
	listening chan bool // of news
}

func newTidings() *tidings {
	s := sabir.NewService("tidings", "1.0", "")
	d := &tidings{Service: s, listening: make(chan bool, 1024)}
	d.news = sabir.NewTopic[number, number](s, "news", sabir.Common, sabir.OnListeners(func(_ number, on bool) { d.listening <- on }),
		sabir.Accept(func(ctx context.Context, p number) error {
			if p.N < 0 {
				return sabir.Unavailable("no news of that")
			}
			return nil
		}))
	d.own = sabir.NewTopic[number, sabir.None](s, "own")
	d.mood = sabir.NewState[number, sabir.None](s, "mood", sabir.Common)
	d.rows = sabir.NewTable[number, sabir.None](s, "rows", sabir.Common)
	return d
}

// watcher is a subscriber whose events are read one by one.
type watcher struct {
	t    *testing.T
	next func() (sabir.Event[number], error)
	stop func()
}

func watchNumbers(t *testing.T, c sabir.Handler, member string, params any, opts *sabir.WatchOptions) *watcher {
	ctx, cancel := context.WithCancel(t.Context())
	events, left := make(chan any), make(chan struct{})
	go func() {
		defer close(left)
		defer close(events)
		for e, err := range sabir.Watch[number](ctx, c, member, params, opts) {
			var x any = e
			if err != nil {
				x = err
			}
			select {
			case events <- x:
			case <-ctx.Done():
				return
			}
		}
	}()
	w := &watcher{t: t, next: func() (e sabir.Event[number], err error) {
		select {
		case x := <-events:
			if err, ok := x.(error); ok {
				return e, err
			}
			e, _ = x.(sabir.Event[number])
			return e, nil
		case <-time.After(20 * time.Second):
			return e, errors.New("nothing came in 20 s")
		}
	}}
	w.stop = sync.OnceFunc(func() { cancel(); <-left })
	t.Cleanup(w.stop)
	return w
}

// expect reads the next events and compares them by what matters.
func (w *watcher) expect(want ...string) {
	w.t.Helper()
	for _, text := range want {
		e, err := w.next()
		if got := heard(e, err); got != text {
			w.t.Fatalf("got %s, expected %s", got, text)
		}
	}
}

func heard(e sabir.Event[number], err error) string {
	switch {
	case err != nil:
		return "error: " + err.Error()
	case e.Kind == sabir.Up:
		return fmt.Sprintf("up at %d, lost %d", e.Seq, e.Lost)
	case e.Kind == sabir.Gone:
		return "gone " + e.Key
	case e.Kind != sabir.Changed:
		return fmt.Sprint("kind ", e.Kind)
	case e.Key != "":
		return fmt.Sprintf("%s=%d", e.Key, e.Value.N)
	case e.Lost != 0:
		return fmt.Sprintf("%d after %d lost", e.Value.N, e.Lost)
	}
	return fmt.Sprint(e.Value.N)
}

// However many subscribe, the service has one listener; who comes later has his
// snapshot from the copy; the last one ends it.
//
// clause: U9
func TestMergeIsOneSubscription(t *testing.T) {
	encodings(t, func(t *testing.T, cbor bool) {
		path, d := exchange(t), newTidings()
		offered(t, path, d)
		d.mood.Set(sabir.None{}, number{1})
		d.rows.Set(sabir.None{}, "a", number{1})
		d.rows.Set(sabir.None{}, "b", number{2})
		var news, moods, rows []*watcher
		for range 5 {
			c := dial(t, path, sabir.DialOptions{CBOR: cbor})
			w := watchNumbers(t, c, "tidings.news", number{7}, nil)
			w.expect("up at 0, lost 0")
			news = append(news, w)
			w = watchNumbers(t, c, "tidings.mood", nil, nil)
			w.expect("1", "up at 0, lost 0")
			moods = append(moods, w)
			w = watchNumbers(t, c, "tidings.rows", nil, nil)
			w.expect("a=1", "b=2", "up at 0, lost 0")
			rows = append(rows, w)
			watchNumbers(t, c, "tidings.own", nil, nil).expect("up at 0, lost 0")
		}
		other := watchNumbers(t, dial(t, path, sabir.DialOptions{}), "tidings.news", number{8}, nil)
		other.expect("up at 0, lost 0")
		if n, m, r, own := d.news.Listeners(number{7}), d.mood.Listeners(sabir.None{}), d.rows.Listeners(sabir.None{}), d.own.Listeners(sabir.None{}); n != 1 || m != 1 || r != 1 || own != 5 {
			t.Errorf("%d, %d and %d subscriptions, and %d of what is not common", n, m, r, own)
		}
		d.news.Publish(number{7}, number{70})
		d.mood.Set(sabir.None{}, number{2})
		d.rows.Delete(sabir.None{}, "a")
		for i := range news {
			news[i].expect("70")
			moods[i].expect("2")
			rows[i].expect("gone a")
		}
		for _, w := range news {
			w.stop()
		}
		other.stop()
		for on, told := 0, 0; told < 4; told++ { // of 7 and of 8, each once there and once gone
			if <-d.listening {
				on++
			} else {
				on--
			}
			if on < 0 || on > 2 {
				t.Fatal("told that somebody left who had not come")
			}
		}
		late := watchNumbers(t, dial(t, path, sabir.DialOptions{}), "tidings.news", number{7}, nil)
		late.expect("up at 1, lost 0")
	})
}

// A subscriber behind is told what he lost; who comes back goes on where he was,
// from the ring on the way or, where that lacks it, from that of the service.
//
// clause: U9, S10, S12
func TestMergeLosesOnlyWhatIsLost(t *testing.T) {
	path, d := exchange(t), newTidings()
	offered(t, path, d)
	c := dial(t, path, sabir.DialOptions{})
	quick := watchNumbers(t, c, "tidings.news", number{1}, &sabir.WatchOptions{Window: 1024})
	quick.expect("up at 0, lost 0")
	slow, release := dial(t, path, sabir.DialOptions{}), make(chan struct{})
	total := make(chan int64, 1)
	go func() {
		var seen int64
		for e, err := range sabir.Watch[number](t.Context(), slow, "tidings.news", number{1}, &sabir.WatchOptions{Window: 1}) {
			if err != nil {
				break
			}
			if e.Kind == sabir.Up {
				release <- struct{}{}
			} else if e.Kind == sabir.Changed {
				if seen == 0 {
					<-release // until all is published
				}
				seen += 1 + e.Lost
			}
			if seen >= 3000 {
				break
			}
		}
		total <- seen
	}()
	<-release
	for n := 1; n <= 3000; n++ {
		d.news.Publish(number{1}, number{n})
		if n%100 == 0 { // the one who keeps up is at most so far behind
			for k := n - 99; k <= n; k++ {
				quick.expect(fmt.Sprint(k))
			}
		}
	}
	release <- struct{}{}
	if n := <-total; n != 3000 {
		t.Errorf("read or told lost: %d of 3000", n)
	}

	at := position(t, path)
	back := watchNumbers(t, c, "tidings.news", number{1}, &sabir.WatchOptions{Since: &sabir.Position{Epoch: at.Epoch, Seq: 2998}})
	back.expect("2999", "3000", "up at 3000, lost 0")
	if n := d.news.Listeners(number{1}); n != 1 {
		t.Errorf("%d subscriptions, though the ring on the way had it", n)
	}
	quick.stop()
	back.stop()
	for d.news.Listeners(number{1}) > 0 {
		time.Sleep(time.Millisecond)
	}
	// Nothing is kept on the way any more; the service still has it.
	again := watchNumbers(t, c, "tidings.news", number{1}, &sabir.WatchOptions{Since: &sabir.Position{Epoch: at.Epoch, Seq: 2999}})
	again.expect("3000", "up at 3000, lost 0")
}

// position asks where the topic is.
func position(t *testing.T, path string) (at struct {
	Epoch string
	Seq   int64
}) {
	t.Helper()
	body, err := sabir.BodyOf(number{1})
	if err != nil {
		t.Fatal(err)
	}
	call := &sabir.Call{Method: "tidings.news", Params: body, Window: sabir.NoWindow, Since: &sabir.Position{Epoch: "none"}, Caller: sabir.Caller{Level: sabir.AccessRead}}
	answer, err := dial(t, path, sabir.DialOptions{}).Handle(t.Context(), call, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Decode(&at); err != nil {
		t.Fatal(err)
	}
	return at
}

// What the service refuses is refused to each, and when it goes all are told.
//
// clause: U9, U5
func TestMergeEnds(t *testing.T) {
	path, d := exchange(t), newTidings()
	stop := offered(t, path, d)
	c := dial(t, path, sabir.DialOptions{})
	for range 2 {
		if got := heard(watchNumbers(t, c, "tidings.news", number{-1}, nil).next()); got != "error: Unavailable: no news of that" {
			t.Errorf("refused: %s", got)
		}
	}
	once := &sabir.WatchOptions{Once: true}
	var all []*watcher
	for range 3 {
		w := watchNumbers(t, c, "tidings.news", number{1}, once)
		w.expect("up at 0, lost 0")
		all = append(all, w)
	}
	stop()
	for _, w := range all {
		if _, err := w.next(); !errors.Is(err, sabir.ErrCancelled) && !errors.Is(err, sabir.ErrOutcomeUnknown) {
			t.Errorf("the service has gone: %v", err)
		}
	}
	present(t, path, "tidings", false)
	offered(t, path, newTidings())
	watchNumbers(t, c, "tidings.news", number{1}, once).expect("up at 0, lost 0")
}

// More params values than the subscriptions of nobody in particular may have are
// subscriptions of their callers' own.
//
// clause: U9
func TestMergeBeyondItsLimit(t *testing.T) {
	path := exchange(t)
	d := newTidings()
	offered(t, path, d)
	var clients []*sabir.Client
	for range 2 {
		clients = append(clients, dial(t, path, sabir.DialOptions{}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	const most = 300 // the limit is 256
	ups := make(chan error, 4*most)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for i := range most {
		all.Go(func() {
			for e, err := range sabir.Watch[number](ctx, clients[i%2], "tidings.news", number{i}, nil) {
				if err != nil || e.Kind == sabir.Up {
					ups <- err
				}
			}
		})
	}
	for i := range most {
		if err := <-ups; err != nil {
			t.Fatalf("subscription %d: %v", i, err)
		}
	}
}

// What a service sends may be anything, whatever it says of itself. Items that its
// member cannot have end the subscription, and nothing else.
//
// clause: M12
func TestMergeOfMisfits(t *testing.T) {
	for _, misfit := range []struct{ kind, note string }{
		{"state", `{"id":$,"reset":true}`},
		{"state", `{"id":$,"key":"a","gone":true}`},
		{"topic", `{"id":$,"reset":true}`},
		{"topic", `{"id":$,"key":"a","value":{"n":1}}`},
		{"topic", `{"id":$,"seq":7,"value":{"n":1}}`},
		{"table", `{"id":$,"value":{"n":1}}`},
	} {
		path := exchange(t)
		far := dialFarEnd(t, path)
		fmt.Fprintf(far, `{"id":1,"method":"rpc.export","params":{"service":{"name":"odd","version":"1","types":[],"errors":[],"members":[`+
			`{"kind":%q,"name":"m","common":true,"params":[],"item":{"kind":"any"}}]}}}`+"\n", misfit.kind)
		far.request() // the answer
		w := watchNumbers(t, dial(t, path, sabir.DialOptions{}), "odd.m", nil, nil)
		id, _ := far.request()
		fmt.Fprintf(far, `{"method":"rpc.live","params":{"id":%s,"epoch":"e","seq":7,"lost":0}}`+"\n", id)
		w.next() // up
		fmt.Fprintf(far, `{"method":"rpc.item","params":%s}`+"\n", strings.ReplaceAll(misfit.note, "$", string(id)))
		if _, err := w.next(); !errors.Is(err, sabir.ErrInternal) {
			t.Errorf("%s: %s: %v", misfit.kind, misfit.note, err)
		}
	}
}

// A table that takes more than is to be kept for others is passed on to each who
// subscribes, also where it was smaller at first.
//
// clause: U9
func TestMergeOfVastTables(t *testing.T) {
	path := exchange(t)
	s := sabir.NewService("store", "1", "")
	files := sabir.NewTable[parcel, sabir.None](s, "files", sabir.Common)
	offered(t, path, s)
	const rows, each = 36, 2 << 20
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	up, full := make(chan bool, 100), make(chan bool, 100)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range 2 {
		c := dial(t, path, sabir.DialOptions{CBOR: true})
		all.Go(func() {
			has := make(map[string]bool)
			for e, err := range sabir.Watch[parcel](ctx, c, "store.files", nil, nil) {
				switch {
				case err != nil:
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				case e.Kind == sabir.Up:
					up <- true
				case e.Kind == sabir.Down:
					clear(has)
				case e.Kind == sabir.Changed:
					if has[e.Key] = true; len(has) == rows {
						full <- true
					}
				}
			}
		})
	}
	await := func(what chan bool) {
		t.Helper()
		select {
		case <-what:
		case <-ctx.Done():
			t.Fatal("waited in vain")
		}
	}
	await(up)
	await(up)
	if n := files.Listeners(sabir.None{}); n != 1 {
		t.Errorf("%d listen", n)
	}
	for i := range rows {
		if err := files.Set(sabir.None{}, fmt.Sprint(i), parcel{Data: make([]byte, each)}); err != nil {
			t.Fatal(err)
		}
	}
	await(full)
	await(full)
	if n := files.Listeners(sabir.None{}); n != 2 {
		t.Errorf("%d listen in the end", n)
	}
}
