package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	doorbell "github.com/sabir-ipc/sabir/examples/doorbell/bell"
	"github.com/sabir-ipc/sabir/gen/golang"
	"github.com/sabir-ipc/sabir/idl"
)

// What go generate would write is what is there.
func TestGenerated(t *testing.T) {
	f, err := idl.Load("bell/doorbell.sabir", os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want, err := golang.Generate(&f.Service, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile("bell/doorbell_gen.go"); err != nil || string(got) != string(want) {
		t.Errorf("doorbell_gen.go is not what doorbell.sabir gives: go generate ./examples/doorbell/... (%v)", err)
	}
}

// The same test of both sides: the house itself, and a client of it.
func TestBell(t *testing.T) {
	for _, road := range []string{"near", "far"} {
		t.Run(road, func(t *testing.T) {
			h := newHouse()
			var api doorbell.API = h
			client := doorbell.NewClient(h.service)
			if road == "far" {
				c := sabir.InProcess(h.service, nil)
				defer c.Close()
				client = doorbell.NewClient(c)
				api = client
			}
			rung := make(chan string)
			go func() {
				defer close(rung)
				for e, err := range client.WatchRung(t.Context(), nil) {
					if err != nil || e.Kind == sabir.Changed {
						rung <- e.Value.Name
						return
					}
					rung <- ""
				}
			}()
			<-rung
			if out, err := api.Ring(t.Context(), doorbell.RingParams{Name: "ann"}); err != nil || !out.Heard {
				t.Fatalf("ringing: %+v, %v", out, err)
			}
			if who := <-rung; who != "ann" {
				t.Errorf("%q rang", who)
			}
			until := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
			if err := api.Mute(t.Context(), doorbell.MuteParams{Until: until}); err != nil {
				t.Fatal(err)
			}
			_, err := api.Ring(t.Context(), doorbell.RingParams{Name: "bob", Times: new(2)})
			var muted doorbell.Muted
			if !errors.As(err, &muted) || !muted.Until.Equal(until) {
				t.Errorf("ringing while muted: %v", err)
			}
			var names []string
			for v, err := range api.Visitors(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, v.Name)
			}
			if len(names) != 1 || names[0] != "ann" {
				t.Errorf("visitors %q", names)
			}
			if road == "far" {
				if _, err := api.Ring(t.Context(), doorbell.RingParams{}); !errors.Is(err, sabir.ErrInvalidParams) {
					t.Errorf("ringing without a name: %v", err)
				}
			}
		})
	}
}
