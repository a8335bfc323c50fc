// Peer is the Go library as a program for the conformance suite, on the terms of
// conformance/README.md: the service probe on stdin and stdout, or a client of it
// that takes orders.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

const claims = `{"peer":"sabir for Go","tier":"full","roles":["service","client"],"cbor":true,"features":["caller","export","discover"]}`

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "claims":
		_, err := fmt.Println(claims)
		return err
	case len(args) == 2 && args[0] == "serve":
		return serve(sabir.Access(args[1]))
	case len(args) == 3 && args[0] == "client":
		return follow(args[1], args[2] == "cbor")
	}
	return fmt.Errorf("usage: peer claims | serve LEVEL | client ADDRESS json|cbor, got %q", args)
}

// serve offers probe to whoever is on stdio, who has the level.
func serve(level sabir.Access) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return sabir.ServeConn(ctx, transport.Stdio(os.Stdin, os.Stdout), probe.New(), &sabir.ServeOptions{
		Log:   slog.New(slog.DiscardHandler), // what is wrong is told to the suite already
		Level: func(transport.Peer) sabir.Access { return level },
		Exports: sabir.NewExports(func(c sabir.Caller, _ *idl.Service) (func(), error) {
			if c.Level != sabir.AccessAdmin {
				return nil, sabir.Denied(sabir.AccessAdmin, "plugins are the admins'")
			}
			return nil, nil
		}),
	})
}

// order is a line on stdin.
type order struct {
	N       int             `json:"n"`
	Do      string          `json:"do"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Timeout float64         `json:"timeout"`
	Window  int             `json:"window"`
}

// follow does what it is ordered until the end of stdin.
func follow(address string, cbor bool) error {
	f := &follower{out: json.NewEncoder(os.Stdout), running: make(map[int]context.CancelFunc)}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		var o order
		if err := json.Unmarshal(orders.Bytes(), &o); err != nil {
			return fmt.Errorf("order %q: %w", orders.Bytes(), err)
		}
		if o.Do == "cancel" {
			f.cancel(o.N)
			continue
		}
		if f.client == nil { // the first order, so that the connection is one that is used
			var err error
			if f.client, err = sabir.Dial(ctx, address, &sabir.DialOptions{CBOR: cbor}); err != nil {
				return err
			}
			defer f.client.Close()
		}
		one := f.begin(ctx, &o)
		all.Go(func() { f.do(one, &o) })
	}
	return orders.Err()
}
