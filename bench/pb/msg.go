package pb

import (
	"sync/atomic"

	"github.com/sabir-ipc/sabir/bench/load"
)

// What gRPC, ttrpc, drpc and Connect have in common.

// From makes a message of pb.
func From(m *load.Msg) *Msg {
	return &Msg{Uri: m.URI, Title: m.Title, Position: int64(m.Position), Volume: m.Volume, Tags: m.Tags}
}

// Plain is the opposite of From.
func Plain(m *Msg) load.Msg {
	return load.Msg{URI: m.GetUri(), Title: m.GetTitle(), Position: int(m.GetPosition()), Volume: m.GetVolume(), Tags: m.GetTags()}
}

// Push sends items until sending fails.
func Push(send func(*Msg) error) error {
	for s := load.Sample(); ; {
		if err := send(From(&s)); err != nil {
			return err
		}
	}
}

// Receive counts items until receiving fails.
func Receive(n *atomic.Int64, receive func() (*Msg, error)) error {
	for {
		if _, err := receive(); err != nil {
			return err
		}
		n.Add(1)
	}
}
