package sabir_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
)

// A server can be given other limits, and says so.
//
// clause: B1, B2, B3
func TestLimits(t *testing.T) {
	big := text{strings.Repeat("x", 16<<20)}
	encodings(t, func(t *testing.T, cbor bool) {
		r := limited(t, sabir.Limits{Message: 20 << 20, InFlight: 2, Connections: 2})
		small := dial(t, r.path, sabir.DialOptions{CBOR: cbor})
		defer small.Close()
		if _, err := sabir.Do[text](t.Context(), small, "s.echo", &big); !errors.Is(err, sabir.ErrTooLarge) {
			t.Errorf("sent by a client with the default: %v", err)
		}
		c := dial(t, r.path, sabir.DialOptions{CBOR: cbor, Limits: sabir.Limits{Message: 20 << 20}})
		defer c.Close()
		if out, err := sabir.Do[text](t.Context(), c, "s.echo", &big); err != nil || out != big {
			t.Errorf("%d bytes, %v", len(out.Text), err)
		}
		third, err := sabir.Dial(t.Context(), r.path, &sabir.DialOptions{Log: quiet})
		if err == nil {
			_, err = sabir.Do[sabir.None](t.Context(), third, "rpc.ping", nil)
			third.Close()
		}
		if !errors.Is(err, sabir.ErrBusy) {
			t.Errorf("a third connection: %v", err)
		}
	})
}

// The largest messages that can be asked for: four or five of them wait to be sent at most,
// and are counted by an int.
func TestLargestLimits(t *testing.T) {
	r := limited(t, sabir.Limits{Message: math.MaxInt})
	c := dial(t, r.path, sabir.DialOptions{Limits: sabir.Limits{Message: math.MaxInt}})
	if out, err := sabir.Do[text](t.Context(), c, "s.echo", text{"x"}); err != nil || out.Text != "x" {
		t.Errorf("%+v, %v", out, err)
	}
}

// limited is a service whose hold ends with the test.
func limited(t *testing.T, l sabir.Limits) *restartable {
	held := make(chan struct{})
	svc := sabir.NewService("s", "1", "")
	sabir.Method(svc, "echo", func(_ context.Context, in text) (text, error) { return in, nil })
	sabir.Method(svc, "hold", func(context.Context, sabir.None) (sabir.None, error) { <-held; return sabir.None{}, nil })
	r := newRestartable(t, svc)
	r.end()
	r.limits = l
	r.start(svc)
	t.Cleanup(func() { close(held) })
	return r
}

func TestLimitsAreTold(t *testing.T) {
	r := limited(t, sabir.Limits{InFlight: 2, Subscriptions: 7})
	c := dial(t, r.path, sabir.DialOptions{})
	info, err := sabir.Do[struct{ Limits map[string]int }](t.Context(), c, "rpc.info", nil)
	if l := info.Limits; err != nil || l["message"] != 4<<20 || l["in_flight"] != 2 || l["connections"] != 1024 || l["subscriptions"] != 7 {
		t.Errorf("%v, %v", l, err)
	}
	for range 2 {
		go func() { // until it is not one too many itself
			for err := error(sabir.ErrBusy); errors.Is(err, sabir.ErrBusy); {
				_, err = sabir.Do[sabir.None](t.Context(), c, "s.hold", nil)
			}
		}()
	}
	for {
		if _, err = sabir.Do[text](t.Context(), c, "s.echo", text{"x"}); err != nil {
			break
		}
	}
	if !errors.Is(err, sabir.ErrBusy) {
		t.Errorf("a third call: %v", err)
	}
}
