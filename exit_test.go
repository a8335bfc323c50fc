package sabir_test

import (
	"context"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// A handler that ends its goroutine, as the FailNow of a test does, ends its call alone.
func TestHandlerThatExits(t *testing.T) {
	s := sabir.NewService("exiting", "1", "")
	heard := make(chan bool, 10)
	sabir.Method(s, "exit", func(context.Context, sabir.None) (sabir.None, error) {
		heard <- true
		runtime.Goexit()
		return sabir.None{}, nil
	})
	sabir.Stream(s, "exits", func(context.Context, sabir.None) (iter.Seq2[number, error], error) {
		return func(yield func(number, error) bool) {
			yield(number{1}, nil)
			runtime.Goexit()
		}, nil
	})
	encodings(t, func(t *testing.T, cbor bool) {
		for name, c := range map[string]*sabir.Client{
			"unix":   dial(t, newRestartable(t, s).path, sabir.DialOptions{CBOR: cbor}),
			"inproc": sabir.InProcess(s, &sabir.DialOptions{CBOR: cbor, Log: quiet}),
		} {
			t.Run(name, func(t *testing.T) {
				defer c.Close()
				for range 3 {
					if _, err := sabir.Do[sabir.Body](t.Context(), c, "exiting.exit", nil); !isInternal(err) {
						t.Errorf("a call: %v", err)
					}
					<-heard
					if err := sabir.Notify(t.Context(), c, "exiting.exit", nil); err != nil {
						t.Errorf("a notification: %v", err)
					}
					<-heard
					items, last := 0, error(nil)
					for _, last = range sabir.Items[number](t.Context(), c, "exiting.exits", nil) {
						items++
					}
					if items != 2 || !isInternal(last) {
						t.Errorf("a stream: %v after %d items", last, items-1)
					}
					if _, err := sabir.Do[sabir.Body](t.Context(), c, "rpc.ping", nil); err != nil {
						t.Errorf("a call after them: %v", err)
					}
				}
			})
		}
	})
}

func isInternal(err error) bool {
	no, ok := err.(*sabir.Error)
	return ok && no.Is(sabir.ErrInternal)
}

// A loop over items whose body panics, or ends its goroutine, ends the call.
func TestLoopThatEndsBadly(t *testing.T) {
	s := sabir.NewService("endless", "1", "")
	ended := make(chan bool, 1)
	sabir.Stream(s, "count", func(context.Context, sabir.None) (iter.Seq2[number, error], error) {
		return func(yield func(number, error) bool) {
			defer func() { ended <- true }()
			for i := 0; yield(number{i}, nil); i++ {
			}
		}, nil
	})
	topic := sabir.NewTopic[number, sabir.None](s, "news")
	ends := map[string]func(){"panics": func() { panic("so it was meant") }, "exits": runtime.Goexit}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			c := dial(t, newRestartable(t, s).path, sabir.DialOptions{})
			for _, loop := range []func(){
				func() {
					for range sabir.Items[number](context.Background(), c, "endless.count", nil) {
						end()
					}
				},
				func() {
					for range sabir.Watch[number](context.Background(), c, "endless.news", nil, nil) {
						end()
					}
				},
			} {
				over := make(chan bool)
				go func() {
					defer close(over)
					defer func() { recover() }()
					loop()
				}()
				<-over
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatal("the stream goes on")
			}
			waitFor(t, func() bool { return topic.Listeners(sabir.None{}) == 0 })
			if _, err := sabir.Do[sabir.Body](t.Context(), c, "rpc.ping", nil); err != nil {
				t.Error(err)
			}
		})
	}
}
