// Heating is a thermostat for a few rooms, with one member or two of each kind.
package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
)

// Heating may be used by any number of goroutines.
type Heating struct {
	service *sabir.Service
	rooms   *sabir.Table[Room, sabir.None]
	boiler  *sabir.State[Boiler, sabir.None]
	reading *sabir.Topic[Reading, InRoom]
	measure func(room string) float64 // the sensor

	mu      sync.Mutex
	targets map[string]float64 // by room; the set of rooms never changes
	changes []Change
	stop    map[string]func() // ends the measuring in a room
}

// What members take and give.
type (
	InRoom struct{ Room string }
	Room   struct{ Target float64 }
	Boiler struct{ On bool }
	Target struct {
		Room    string
		Celsius float64 `min:"5" max:"30" unit:"°C"`
	}
	Reading struct {
		Celsius float64
		At      time.Time
	}
	Change struct {
		Room    string
		Celsius float64
		At      time.Time
	}
	Which struct{ Room *string } // a pointer is an optional field
)

// NoSuchRoom is an error that members declare: its fields are its params.
type NoSuchRoom struct{ Room string }

func (e NoSuchRoom) Error() string { return fmt.Sprintf("no room %q", e.Room) }

func New(measure func(room string) float64, rooms ...string) (*Heating, error) {
	h := &Heating{measure: measure, targets: make(map[string]float64), stop: make(map[string]func())}
	h.declare()
	for _, room := range rooms {
		h.targets[room] = 15
		if err := h.show(room); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *Heating) declare() {
	s := sabir.NewService("heating", "1.0", "The thermostat of this house.")
	h.service = s
	sabir.Method(s, "set", h.set, sabir.Idempotent,
		sabir.Doc("Choose how warm a room shall be."), sabir.Errors(NoSuchRoom{}))
	sabir.Stream(s, "history", h.history, sabir.Readonly,
		sabir.Doc("What was chosen so far, of one room or of all."))
	h.rooms = sabir.NewTable[Room, sabir.None](s, "rooms", sabir.Common,
		sabir.Doc("The rooms and how warm they shall be."))
	h.boiler = sabir.NewState[Boiler, sabir.None](s, "boiler", sabir.Common,
		sabir.Doc("On while a room is too cold."))
	h.reading = sabir.NewTopic[Reading, InRoom](s, "reading", sabir.Common,
		sabir.Doc("How warm it is, once a second."), sabir.Errors(NoSuchRoom{}),
		sabir.Accept(h.accept), sabir.OnListeners(h.listen))
}
