package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/service"
)

// What the program hub has on its two sides: clients, and a service.

func dialHub(cbor bool) func(path string) (load.Client, error) {
	return func(path string) (load.Client, error) {
		c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{CBOR: cbor, Limits: service.Limits, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		s := &hubClient{service.Client{Client: c}}
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) { // the service may be on its way yet
			in := load.Sample()
			if _, err = s.Echo(&in); err == nil || time.Now().After(end) {
				return s, err
			}
		}
	}
}

// hubClient starts the publisher with the first subscriber: the service behind
// the hub never has more than one, which is the hub.
type hubClient struct{ service.Client }

func (c *hubClient) StartCrowd(int) error { return c.Client.StartCrowd(1) }

// serveBehindHub is the service of the other works, offered.
func serveBehindHub(path string) error { return offerTo(path, service.New(100)) }

// offerTo offers a service to a hub that may not be there yet.
func offerTo(path string, s *sabir.Service) error {
	for {
		err := sabir.Export(context.Background(), path, s, &sabir.ExportOptions{
			DialOptions: sabir.DialOptions{CBOR: true, Limits: service.SlowLimits, Log: slog.New(slog.DiscardHandler)},
		})
		var lost *sabir.Unanswered
		if !errors.As(err, &lost) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
