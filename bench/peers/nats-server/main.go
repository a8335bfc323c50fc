// Command nats-server has the broker of NATS.
package main

import (
	"context"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sabir-ipc/sabir/bench/load"
)

func main() { load.Main(load.Peer{Name: "nats-server", Serve: serve}) }

func serve(path string) error {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, MaxPayload: 8 << 20, MaxConn: 20000, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return context.DeadlineExceeded
	}
	if err := load.WriteWhole(path, s.ClientURL()); err != nil {
		return err
	}
	s.WaitForShutdown()
	return nil
}
