// Command hub has the hub of Sabir; clients and services are in the program sabir.
package main

import (
	"context"
	"log/slog"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/service"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
)

func main() {
	load.Main(
		load.Peer{Name: "sabir-hub-cbor", Serve: serve},
		load.Peer{Name: "sabir-hub-json", Serve: serve},
	)
}

func serve(path string) error {
	for _, behind := range []string{"hub-service", "slow-service"} {
		if err := load.Start("sabir", behind, path); err != nil {
			return err
		}
	}
	return hub.Serve(context.Background(), &hub.Options{Address: path, Serve: sabir.ServeOptions{
		Env:    transport.Env{Dir: path + ".dir"}, // for the sockets of the services, which are no matter here
		Limits: service.SlowLimits, Log: slog.New(slog.DiscardHandler),
	}})
}
