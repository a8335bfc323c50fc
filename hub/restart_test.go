package hub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// Who watches a service goes on when the hub was restarted, also where he is back before
// the service is.
// clause: U7
func TestHubRestarted(t *testing.T) {
	dir := shortDir(t)
	stopHub := runIn(t, dir, hub.Options{})
	s := sabir.NewService("weather", "1", "")
	sabir.NewState[int, sabir.None](s, "now", sabir.Common).Set(sabir.None{}, 20)
	stop := offer(t, dir, s)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	c := dial(t, dir, "hub")
	ups := make(chan error, 10)
	go func() {
		for e, err := range sabir.Watch[int](ctx, c, "weather.now", nil, nil) {
			if err != nil || e.Kind == sabir.Up {
				ups <- err
			}
		}
	}()
	if err := <-ups; err != nil {
		t.Fatal(err)
	}
	stop()
	stopHub()
	runIn(t, dir, hub.Options{})
	once := func(method string) (err error) {
		for _, err = range sabir.Watch[int](ctx, dial(t, dir, "hub"), method, nil, &sabir.WatchOptions{Once: true}) {
		}
		return err
	}
	if err := once("weather.now"); !errors.Is(err, sabir.ErrUnavailable) {
		t.Errorf("who comes before the service: %v", err)
	}
	if _, err := sabir.Do[any](ctx, c, "weather.look", nil); !errors.Is(err, sabir.ErrUnavailable) {
		t.Errorf("who calls before the service is back: %v", err)
	}
	var said *sabir.Error
	if _, err := sabir.Do[any](ctx, c, "hob.resolve", nil); !errors.As(err, &said) || !strings.HasSuffix(said.Message, ", did you mean hub?") {
		t.Errorf("who has mistyped a name: %v", err)
	}
	if err := once("hub.nothing"); !errors.Is(err, sabir.ErrMethodNotFound) {
		t.Errorf("of what is not the hub's: %v", err)
	}
	// As long as the first pause may be: it has tried in vain.
	time.Sleep(2 * time.Second)
	offer(t, dir, s)
	if err := <-ups; err != nil {
		t.Errorf("who watches: %v", err)
	}
}
