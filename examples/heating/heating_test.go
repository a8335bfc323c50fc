package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir"
)

func TestSet(t *testing.T) {
	h, err := New(func(string) float64 { return 17.5 }, "kitchen")
	if err != nil {
		t.Fatal(err)
	}
	c := sabir.InProcess(h.service, nil)
	defer c.Close()

	if _, err := sabir.Do[sabir.None](t.Context(), c, "heating.set", Target{"kitchen", 21}); err != nil {
		t.Fatal(err)
	}
	boiler, err := sabir.Do[Boiler](t.Context(), c, "heating.boiler", nil)
	if err != nil || !boiler.On {
		t.Errorf("the boiler: %+v, %v", boiler, err)
	}

	_, err = sabir.Do[sabir.None](t.Context(), c, "heating.set", Target{"cellar", 21})
	var none NoSuchRoom
	if !errors.As(err, &none) || none.Room != "cellar" {
		t.Errorf("setting a room that is not there: %v", err)
	}
	_, err = sabir.Do[sabir.None](t.Context(), c, "heating.set", Target{"kitchen", 50})
	if !errors.Is(err, sabir.ErrInvalidParams) {
		t.Errorf("setting the kitchen on fire: %v", err)
	}
}

// The clock of a synctest bubble is false, so that a minute takes no time.
func TestReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		measured := 0
		h, err := New(func(string) float64 { measured++; return 17.5 }, "kitchen")
		if err != nil {
			t.Fatal(err)
		}
		before := measured
		time.Sleep(time.Minute)
		if measured != before {
			t.Error("measured, and nobody listens")
		}

		got := 0
		for e, err := range sabir.Watch[Reading](t.Context(), h.service, "heating.reading", InRoom{"kitchen"}, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind != sabir.Changed {
				continue
			}
			if got++; got == 3 {
				break // the last listener is gone
			}
		}
		time.Sleep(time.Minute)
		if measured != before+3 {
			t.Errorf("measured %d times for 3 readings", measured-before)
		}
	})
}
