package hub

import (
	"context"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// source publishes what a command prints: the one that is there is of its kind.
type source struct {
	*sabir.Service
	topic *sabir.Topic[wire.Value, sabir.None]
	at    sabir.Position // of the topic's newest item
	state *sabir.State[wire.Value, sabir.None]
	table *sabir.Table[wire.Value, sabir.None]
	rows  map[string]bool // of the table: whether they came since the last list
}

// newSource makes the source of a member, by whose name it is called.
func newSource(of *idl.Service, m *idl.Member) *source {
	s := &source{Service: sabir.NewService(of.Name, of.Version, ""), rows: make(map[string]bool)}
	needs := sabir.Needs(m.Needs())
	switch m.Kind {
	case idl.Topic:
		s.topic = sabir.NewTopic[wire.Value, sabir.None](s.Service, m.Name, needs)
		s.keep(of.Name + "." + m.Name)
	case idl.State:
		s.state = sabir.NewState[wire.Value, sabir.None](s.Service, m.Name, needs)
	case idl.Table:
		s.table = sabir.NewTable[wire.Value, sabir.None](s.Service, m.Name, needs)
	}
	return s
}

// keep has the topic hold its items, for whether somebody listens is known
// elsewhere, and learns its epoch.
func (s *source) keep(method string) {
	err := s.topic.Keep(sabir.None{})
	if err == nil {
		// To an epoch of another name the answer is at once, that all may be lost.
		call := sabir.Call{Method: method, Window: sabir.NoWindow, Since: &sabir.Position{Epoch: "-"}, Caller: sabir.Caller{Level: sabir.AccessAdmin}}
		var body sabir.Body
		if body, err = s.Handle(context.Background(), &call, nil); err == nil {
			err = body.Decode(&s.at)
		}
	}
	if err != nil {
		panic(err) // it is empty, and without params
	}
}

func (s *source) publish(v wire.Value) (err error) {
	seq, err := s.topic.PublishSeq(sabir.None{}, func(int64) wire.Value { return v })
	if err == nil {
		s.at.Seq = seq
	}
	return err
}

func (s *source) row(l tableLine) error {
	if l.Value == nil {
		delete(s.rows, l.Key)
		s.table.Delete(sabir.None{}, l.Key)
		return nil
	}
	s.rows[l.Key] = true
	return s.table.Set(sabir.None{}, l.Key, *l.Value)
}

// list takes out what was not in the list that ends here.
func (s *source) list() {
	for key, came := range s.rows {
		if s.rows[key] = false; !came {
			delete(s.rows, key)
			s.table.Delete(sabir.None{}, key)
		}
	}
}
