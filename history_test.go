package sabir_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
)

// notebook is a history in memory; a daemon has a file or a database.
type notebook struct {
	mu    sync.Mutex
	past  map[number]sabir.Past[number]
	fails error
	asked int
}

func (n *notebook) Past(p number) (sabir.Past[number], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	past, ok := n.past[p]
	if !ok {
		past.Epoch = fmt.Sprint("begun-", p.N)
	}
	return past, n.fails
}

func (n *notebook) Keep(p number, seq int64, item number) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails != nil {
		return n.fails
	}
	past := n.past[p]
	if seq != past.Seq+1 {
		return fmt.Errorf("number %d after %d", seq, past.Seq)
	}
	n.past[p] = sabir.Past[number]{Epoch: fmt.Sprint("begun-", p.N), Seq: seq, Items: append(past.Items, item)}
	return nil
}

// A daemon that keeps its history is restarted: who listened goes on without a
// loss, and what was published while nobody did is there as well.
//
// clause: S12, S15
func TestHistoryOutlivesTheProcess(t *testing.T) {
	book := &notebook{past: make(map[number]sabir.Past[number])}
	path := filepath.Join(shortDir(t), "s.sock")
	run := func() (topic *sabir.Topic[number, number], stop func()) {
		s := sabir.NewService("tidings", "1.0", "")
		topic = sabir.NewTopic[number, number](s, "news", sabir.Remembers(book))
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			done <- sabir.ListenAndServe(ctx, path, s, &sabir.ServeOptions{Log: quiet, Grace: time.Millisecond})
		}()
		stop = sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(stop)
		return topic, stop
	}
	topic, stop := run()
	publish := func(from, to int) {
		for n := from; n <= to; n++ {
			if err := topic.Publish(number{1}, number{n}); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(1, 3)
	c, err := sabir.Dial(t.Context(), path, &sabir.DialOptions{Log: quiet})
	for err != nil {
		c, err = sabir.Dial(t.Context(), path, &sabir.DialOptions{Log: quiet})
	}
	defer c.Close()
	w := watchNumbers(t, c, "tidings.news", number{1}, &sabir.WatchOptions{Since: &sabir.Position{Epoch: "begun-1", Seq: 1}})
	w.expect("2", "3", "up at 3, lost 0")
	publish(4, 5)
	w.expect("4", "5")
	stop()
	topic, _ = run()
	w.expect("kind 4") // down
	publish(6, 7)
	w.expect("6", "7", "up at 7, lost 0")
	publish(8, 8)
	w.expect("8")

	// More than a ring holds: the oldest are lost, and counted.
	publish(9, 2000)
	watchNumbers(t, c, "tidings.news", number{1}, &sabir.WatchOptions{Since: &sabir.Position{Epoch: "begun-1", Seq: 900}}).expect("977 after 76 lost")
	watchNumbers(t, c, "tidings.news", number{1}, &sabir.WatchOptions{Since: &sabir.Position{Epoch: "another", Seq: 900}}).expect("977 after -1 lost")
}

// What could not be kept is not published, and what cannot be read is nobody's
// guess.
func TestHistoryFails(t *testing.T) {
	book := &notebook{past: make(map[number]sabir.Past[number])}
	s := sabir.NewService("tidings", "1.0", "")
	topic := sabir.NewTopic[number, number](s, "news", sabir.Remembers(book))
	c := sabir.InProcess(s, &sabir.DialOptions{Log: quiet})
	defer c.Close()
	w := watchNumbers(t, c, "tidings.news", number{1}, nil)
	w.expect("up at 0, lost 0")
	full := errors.New("disk full")
	book.fails = full
	if err := topic.Publish(number{1}, number{1}); !errors.Is(err, full) {
		t.Errorf("not kept: %v", err)
	}
	if err := topic.Publish(number{2}, number{1}); !errors.Is(err, full) {
		t.Errorf("not read: %v", err)
	}
	if _, err := watchNumbers(t, c, "tidings.news", number{2}, nil).next(); err == nil || !strings.Contains(err.Error(), "Internal") {
		t.Errorf("a subscriber of what cannot be read: %v", err)
	}
	book.fails = nil
	if err := topic.Publish(number{1}, number{2}); err != nil {
		t.Error(err)
	}
	w.expect("2")
	for _, past := range []sabir.Past[number]{{}, {Epoch: strings.Repeat("e", 33)}, {Epoch: "\xff"}, {Epoch: "e", Seq: 1, Items: make([]number, 2)}} {
		book.past[number{3}] = past
		if err := topic.Publish(number{3}, number{1}); err == nil || !strings.Contains(err.Error(), "history of news") {
			t.Errorf("%+v: %v", past, err)
		}
	}
}

// Publishers that come and go at once share one sequence.
func TestHistoryAtOnce(t *testing.T) {
	book := &notebook{past: make(map[number]sabir.Past[number])}
	s := sabir.NewService("tidings", "1.0", "")
	topic := sabir.NewTopic[number, number](s, "news", sabir.Remembers(book))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 200 {
				if err := topic.Publish(number{n % 3}, number{n}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	total := int64(0)
	for _, past := range book.past {
		total += past.Seq
	}
	if total != 1600 {
		t.Errorf("%d kept of 1600", total)
	}
}

// broken is a history that panics.
type broken struct{}

func (broken) Past(sabir.None) (sabir.Past[number], error) { panic("no disk") }
func (broken) Keep(sabir.None, int64, number) error        { return nil }

// A program's own code that panics costs one call, and neither the topic nor the count
// of those who listen.
func TestPanicsBesideATopic(t *testing.T) {
	s := sabir.NewService("s", "1", "")
	sabir.NewTopic[number, sabir.None](s, "news", sabir.Remembers(broken{}))
	told := []bool{}
	mood := sabir.NewState[number, sabir.None](s, "mood", sabir.OnListeners(func(_ sabir.None, on bool) {
		if told = append(told, on); on {
			panic("no sensor")
		}
	}))
	c := sabir.InProcess(s, &sabir.DialOptions{Log: quiet})
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 2 {
		if _, err := sabir.Do[sabir.Body](ctx, c, "s.news", nil); !errors.Is(err, sabir.ErrInternal) {
			t.Errorf("a history that panics: %v", err)
		}
		if _, err := sabir.Do[sabir.Body](ctx, c, "s.mood", nil); !errors.Is(err, sabir.ErrInternal) {
			t.Errorf("a hook that panics: %v", err)
		}
		if n := mood.Listeners(sabir.None{}); n != 0 {
			t.Errorf("%d listen", n)
		}
	}
	if fmt.Sprint(told) != "[true false true false]" {
		t.Errorf("told %v", told)
	}
}

// A sequence goes on beyond what an int of 32 bits holds, for who polls as well.
//
// clause: S14
func TestPollBeyondAnInt(t *testing.T) {
	const before = int64(1) << 40
	book := &notebook{past: map[number]sabir.Past[number]{{1}: {Epoch: "e", Seq: before, Items: []number{{7}}}}}
	s := sabir.NewService("s", "1", "")
	sabir.NewTopic[number, number](s, "news", sabir.Remembers(book))
	c := sabir.InProcess(s, nil)
	defer c.Close()
	type came struct {
		Epoch     string
		Seq, Lost int64
		Items     []number
	}
	body, err := c.Handle(t.Context(), &sabir.Call{
		Method: "s.news", Params: mustBody(t, number{1}), Window: sabir.NoWindow, Since: &sabir.Position{Epoch: "e", Seq: before - 1},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got came
	if err := body.Decode(&got); err != nil || got.Seq != before || got.Lost != 0 || len(got.Items) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func mustBody(t *testing.T, x any) sabir.Body {
	t.Helper()
	b, err := sabir.BodyOf(x)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Who publishes now and then, without listeners, has his history asked once.
//
// clause: S15
func TestHistoryIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &notebook{past: make(map[number]sabir.Past[number])}
		s := sabir.NewService("s", "1", "")
		topic := sabir.NewTopic[number, number](s, "news", sabir.Remembers(book))
		for i := range 300 {
			if err := topic.Publish(number{1}, number{i}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if book.asked != 1 {
			t.Errorf("asked %d times in five minutes", book.asked)
		}
		time.Sleep(2 * time.Minute)
		if err := topic.Publish(number{1}, number{0}); err != nil || book.asked != 2 {
			t.Errorf("asked %d times after a silence, %v", book.asked, err)
		}
		time.Sleep(2 * time.Minute)
	})
}
