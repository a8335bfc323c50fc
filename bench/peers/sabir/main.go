// Command sabir has services and clients of this project, and what attacks or slows them.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/service"
)

func main() {
	hostile := map[string]func(*load.Meter) error{"hostile": hostile}
	beside := map[string]func(*load.Meter) error{"beside": beside}
	load.Main(
		load.Peer{Name: "sabir-cbor", Serve: serve, Dial: dial(true)},
		load.Peer{Name: "sabir-json", Serve: serve, Dial: dial(false), Command: call},
		load.Peer{Name: "sabir-tls", Serve: serveTLS, Dial: dialTLS(true), Works: hostile},
		load.Peer{Name: "sabir-tls-json", Serve: serveTLS, Dial: dialTLS(false), Works: hostile},
		load.Peer{Name: "sabir-hub-cbor", Dial: dialHub(true), Works: beside},
		load.Peer{Name: "sabir-hub-json", Dial: dialHub(false), Works: beside},

		// Processes beside those that are measured.
		load.Peer{Name: attackers, Serve: attack},
		load.Peer{Name: "hub-service", Serve: serveBehindHub},
		load.Peer{Name: "slow-service", Serve: serveSlow},
		load.Peer{Name: stalled, Serve: callers(stalled, "slow.stall", besideCalls, noPause)},
		load.Peer{Name: slow, Serve: callers(slow, "slow.second", besideCalls/4, noPause)},
		load.Peer{Name: quick, Serve: callers(quick, "slow.none", 0, pauseASecond)},
	)
}

func serve(path string) error {
	return sabir.ListenAndServe(context.Background(), path, service.New(0),
		&sabir.ServeOptions{Limits: service.Limits, Log: slog.New(slog.DiscardHandler)})
}

func dial(cbor bool) func(path string) (load.Client, error) {
	return func(path string) (load.Client, error) {
		c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{CBOR: cbor, Limits: service.Limits, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		return &service.Client{Client: c}, nil
	}
}

func call(path string) ([]string, error) {
	m := load.Sample()
	return []string{load.Tool("command/sabir"), "call", "--address", path, "bench.echo",
		"uri=" + m.URI, "title=" + m.Title, "position=" + fmt.Sprint(m.Position), "volume=" + fmt.Sprint(m.Volume), "tags=" + strings.Join(m.Tags, ",")}, nil
}
