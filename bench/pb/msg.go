package main

import (
	"sync/atomic"

	"github.com/sabir-ipc/sabir/bench/pb"
)

// What gRPC, ttrpc, drpc and Connect have in common: the messages of pb.

func toPB(m *Msg) *pb.Msg {
	return &pb.Msg{Uri: m.URI, Title: m.Title, Position: int64(m.Position), Volume: m.Volume, Tags: m.Tags}
}

func fromPB(m *pb.Msg) Msg {
	return Msg{URI: m.GetUri(), Title: m.GetTitle(), Position: int(m.GetPosition()), Volume: m.GetVolume(), Tags: m.GetTags()}
}

// pushPB sends items until sending fails.
func pushPB(send func(*pb.Msg) error) error {
	for s := sample(); ; {
		if err := send(toPB(&s)); err != nil {
			return err
		}
	}
}

// receivePB counts items until receiving fails.
func receivePB(n *atomic.Int64, receive func() (*pb.Msg, error)) error {
	for {
		if _, err := receive(); err != nil {
			return err
		}
		n.Add(1)
	}
}
