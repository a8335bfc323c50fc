package hub_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
)

// to is the address of a hub by its directory.
func to(dirs ...string) (all []string) {
	for _, dir := range dirs {
		all = append(all, filepath.Join(dir, "hub.sock"))
	}
	return all
}

// offered waits until a service is at a hub, or is not any more.
func offered(t *testing.T, dir, service string, there bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	live, has := false, false
	for e, err := range sabir.Watch[hub.Service](ctx, dial(t, dir, "hub"), "hub.services", nil, nil) {
		if err != nil {
			t.Fatalf("waiting for %s at %s, there: %v: %v", service, dir, there, err)
		}
		switch {
		case e.Kind == sabir.Up:
			live = true
		case e.Key == service:
			has = e.Kind == sabir.Changed
		}
		if live && has == there {
			return
		}
	}
}

func nothing(t *testing.T, dir, service string) error {
	t.Helper()
	_, err := sabir.Do[sabir.None](t.Context(), dial(t, dir, "hub"), service+".nothing", nil)
	return err
}

// What is at a hub, now and later, is at the hubs that it offers it to, for as
// long as it is there, and again when those come back.
//
// clause: U6, U7
func TestHubOffersOnward(t *testing.T) {
	near, far := shortDir(t), shortDir(t)
	runIn(t, near, hub.Options{To: to(far)}) // before there is the other
	offer(t, near, sabir.NewService("other", "1.0", ""))
	stopFar := runIn(t, far, hub.Options{})
	offered(t, far, "other", true)
	via := make(chan []string, 1)
	s := sabir.NewService("who", "1.0", "")
	sabir.Method(s, "nothing", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		via <- sabir.CallerOf(ctx).Via
		return sabir.None{}, nil
	})
	stop := offer(t, near, s)
	offered(t, far, "who", true)
	if err := nothing(t, far, "who"); err != nil {
		t.Fatal(err)
	}
	if ids := <-via; len(ids) != 2 || ids[0] == ids[1] {
		t.Errorf("through two hubs: %q", ids)
	}
	stopFar()
	runIn(t, far, hub.Options{})
	offered(t, far, "who", true)
	if err := nothing(t, far, "who"); err != nil {
		t.Error(err)
	}
	stop()
	offered(t, far, "who", false)
	if err := nothing(t, far, "who"); !errors.Is(err, sabir.ErrUnavailable) {
		t.Errorf("withdrawn: %v", err)
	}
}

// Hubs in a ring do not keep a service alive among themselves, and each has it
// from one side.
//
// clause: U3, U6
func TestHubsInARing(t *testing.T) {
	a, b, c := shortDir(t), shortDir(t), shortDir(t)
	runIn(t, a, hub.Options{To: to(b, c)})
	runIn(t, b, hub.Options{To: to(c, a)})
	runIn(t, c, hub.Options{To: to(a, b)})
	for range 3 {
		stop := offer(t, a, probe.New())
		for _, dir := range []string{b, c} {
			offered(t, dir, "probe", true)
			if err := nothing(t, dir, "probe"); err != nil {
				t.Error(err)
			}
		}
		stop()
		for _, dir := range []string{a, b, c} {
			offered(t, dir, "probe", false)
		}
	}
}

// A name that is taken at the other hub is offered as soon as it is free.
//
// clause: U6
func TestHubOffersWhatWasTaken(t *testing.T) {
	near, far := shortDir(t), shortDir(t)
	runIn(t, far, hub.Options{})
	stop := offer(t, far, sabir.NewService("probe", "0.1", ""))
	runIn(t, near, hub.Options{To: to(far)})
	offer(t, near, probe.New())
	offer(t, near, sabir.NewService("after", "1.0", ""))
	offered(t, far, "after", true) // and so the other was refused
	stop()
	for deadline := time.Now().Add(30 * time.Second); nothing(t, far, "probe") != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is never offered")
		}
	}
}

// A unit is started by a call that comes through another hub.
//
// clause: U10
func TestHubOffersUnitsOnward(t *testing.T) {
	units, near, far := t.TempDir(), shortDir(t), shortDir(t)
	runIn(t, far, hub.Options{})
	runIn(t, near, hub.Options{Units: []string{units}, To: to(far)})
	unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\n") // found without being asked for
	offered(t, far, "clock", true)
	if p := who(t, dial(t, far, "clock")); p.UID < 0 || !there(p.PID) {
		t.Errorf("%+v", p)
	}
}

// Nobody is told that something is offered there while all of it is refused.
//
// clause: U6
func TestHubIsRefusedOnward(t *testing.T) {
	near, far := shortDir(t), shortDir(t)
	var taken atomic.Bool
	told := make(chan bool, 8)
	runIn(t, near, hub.Options{To: to(far), Told: func(string) { told <- taken.Load() }})
	offer(t, near, probe.New())
	asked := make(chan struct{}, 8)
	runIn(t, far, hub.Options{Allow: func(sabir.Caller, *idl.Service) error {
		defer func() { asked <- struct{}{} }()
		if !taken.Load() {
			return sabir.Denied(sabir.AccessAdmin, "not yet")
		}
		return nil
	}})
	<-asked
	<-asked // and so it was refused once
	taken.Store(true)
	if !<-told {
		t.Error("told before it was taken")
	}
}
