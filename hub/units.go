package hub

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/pulse"
)

// units are the services that unit files stand for, as they are in the
// directories now. Its methods may be called by many goroutines at once.
type units struct {
	hub  *hub
	dirs []string

	mu     sync.Mutex
	byName map[string]*unitEntry
	order  []*unitEntry
	looked time.Time
	stamps []time.Time     // of the directories and files, when they were last read
	faults map[string]bool // that the log has
	closed bool
}

// unitEntry is a unit that was found.
type unitEntry struct {
	*started
	changed bool // its files say something else by now, and the log has that
	release func()
}

// lookAgain is how often the directories may be read.
const lookAgain = time.Second

// find returns the unit of a service, after a look into the directories if none
// is known.
func (u *units) find(service string) *unitEntry {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e := u.byName[service]; e != nil && (!e.changed || e.running()) {
		return e
	}
	u.look()
	return u.byName[service]
}

// watch looks after the directories until the hub ends: who calls a service by its
// name finds no socket until its unit was found, and would not come to the hub.
func (u *units) watch() {
	due := make(chan struct{}, 1)
	beat := pulse.NewRare(func() { due <- struct{}{} }) // a timer would cost each call something (see pulse)
	defer beat.Stop()
	for {
		beat.Next()
		select {
		case <-u.hub.ctx.Done():
			return
		case <-due:
			u.glance()
		}
	}
}

// glance reads the directories if files have come, gone or changed, or if something
// in them is wrong and may be mended, or waits for the end of a process.
func (u *units) glance() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.faults) > 0 || slices.ContainsFunc(u.order, func(e *unitEntry) bool { return e.changed }) || !slices.Equal(u.stamps, u.stamp()) {
		u.look()
	}
}

// stamp is when files have last come into the directories, or gone from them, and
// when those of units were changed.
func (u *units) stamp() (all []time.Time) {
	of := func(path string) {
		var at time.Time
		if info, err := os.Stat(path); err == nil {
			at = info.ModTime()
		}
		all = append(all, at)
	}
	for _, dir := range u.dirs {
		of(dir)
	}
	for _, e := range u.order {
		of(e.unit.file)
		of(e.unit.described())
	}
	return all
}

// describe returns what the units are known to offer.
func (u *units) describe() (all []*idl.Service) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.look()
	for _, e := range u.order {
		all = append(all, e.unit.desc)
	}
	return all
}

// look reads the directories if that was not just done, and the hub has its
// socket, with u.mu held. A unit that has changed is replaced when its service
// does not run.
func (u *units) look() {
	if u.closed || u.hub.dir == "" || time.Since(u.looked) < lookAgain {
		return
	}
	u.looked, u.stamps = time.Now(), u.stamp() // before they are read: what comes meanwhile is found the next time
	found, faults := readUnits(u.dirs)
	now := make(map[string]bool)
	for _, err := range faults {
		now[err.Error()] = true
		if !u.faults[err.Error()] {
			u.hub.opts.Serve.Log.Error("hub: unit left out", "err", err)
		}
	}
	u.faults = now
	for _, e := range slices.Clone(u.order) {
		i := slices.IndexFunc(found, func(f *Unit) bool { return f.Service == e.unit.Service })
		same := i >= 0 && reflect.DeepEqual(found[i], e.unit)
		if same || e.running() {
			if !same && !e.changed {
				u.hub.opts.Serve.Log.Info("hub: a unit has changed, which counts when its process has ended", "service", e.unit.Service)
			}
			e.changed = !same
			continue
		}
		u.remove(e)
	}
	for _, f := range found {
		if u.byName[f.Service] == nil && u.hub.exported(f.Service) == nil {
			u.add(f)
		}
	}
}

func (u *units) add(f *Unit) {
	h := u.hub
	s := &started{unit: f, log: h.opts.Serve.Log, dir: h.dir, ctx: h.ctx, all: &h.all}
	e := &unitEntry{started: s}
	row := Service{Version: f.desc.Version, Doc: firstLine(f.desc.Doc), Members: len(f.desc.Members), Since: time.Now(), Unit: told(f.file)}
	closeSocket := func() {}
	if path, closer, err := h.listen(f.Service, only{u, f.Service}); err != nil {
		h.opts.Serve.Log.Warn("hub: service has no socket of its own", "service", f.Service, "err", err)
	} else {
		row.Socket, closeSocket = told(path), closer
	}
	var mu sync.Mutex
	released := false
	s.told = func(pid int) {
		mu.Lock()
		defer mu.Unlock()
		if released { // its process may end later
			return
		}
		row.PID = nil
		if pid > 0 {
			row.PID = &pid
		}
		h.services.Set(sabir.None{}, f.Service, row)
	}
	s.told(0)
	e.release = func() {
		closeSocket()
		mu.Lock()
		defer mu.Unlock()
		released = true
		h.services.Delete(sabir.None{}, f.Service)
		h.traffic.gone(f.Service)
	}
	u.byName[f.Service] = e
	u.order = append(u.order, e)
	h.changed()
}

// remove forgets a unit, with u.mu held.
func (u *units) remove(e *unitEntry) {
	e.close()
	e.release()
	delete(u.byName, e.unit.Service)
	u.order = slices.DeleteFunc(u.order, func(o *unitEntry) bool { return o == e })
	u.hub.changed()
}

// close ends all of them.
func (u *units) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for _, e := range slices.Clone(u.order) {
		u.remove(e)
	}
}

// running reports whether there is a process.
func (s *started) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc != nil
}

// Describe and Handle make units the Handler behind the sockets of their
// services.
func (u *units) Describe() []*idl.Service { return u.describe() }

// Handle passes a call on to the service of a unit.
func (u *units) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	service, _, _ := strings.Cut(call.Method, ".")
	if e := u.find(service); e != nil {
		return u.hub.watched(ctx, call, sink, e)
	}
	var names []string
	for _, s := range u.describe() {
		names = append(names, s.Name)
	}
	return sabir.Body{}, sabir.MethodNotFound(service, names)
}

// UnitDirs are where a user's hub, and root's, has its units by default.
func UnitDirs() []string {
	system := "/etc/sabir/services"
	config, err := os.UserConfigDir()
	if err != nil || os.Getuid() == 0 {
		return []string{system}
	}
	return []string{filepath.Join(config, "sabir", "services"), system}
}
