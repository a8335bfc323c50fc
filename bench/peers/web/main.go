// Command web has the server of Sabir that speaks HTTP too; clients are in the programs http-json and websocket.
package main

import (
	"context"
	"log/slog"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/service"
	"github.com/sabir-ipc/sabir/web"
)

func main() {
	load.Main(
		load.Peer{Name: "sabir-post", Serve: serve},
		load.Peer{Name: "sabir-websocket", Serve: serve},
	)
}

func serve(path string) error {
	face, err := web.New(nil)
	if err != nil {
		return err
	}
	return sabir.ListenAndServe(context.Background(), path, service.New(0),
		&sabir.ServeOptions{Limits: service.Limits, Log: slog.New(slog.DiscardHandler), HTTP: face})
}
