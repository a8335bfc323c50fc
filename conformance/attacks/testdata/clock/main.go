// Command clock serves the probe until its stdin ends, in a process whose clock is set while it runs: a line "jump 1h" on
// stdin sets it forward, as whoever owns the machine may. It is built with a package time that can do that; see
// ../../clock_test.go.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/transport"
)

func main() {
	dir := os.Args[1]
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			d, err := time.ParseDuration(strings.TrimPrefix(lines.Text(), "jump "))
			if err == nil {
				time.Jump(d)
			}
			fmt.Println("now", time.Now().UTC().Format(time.RFC3339), err)
		}
	}()
	err := sabir.ListenAndServe(ctx, filepath.Join(dir, "d.sock"), probe.New(), &sabir.ServeOptions{
		Env: transport.Env{StateHome: dir, UID: -1}, Grace: 100 * time.Millisecond, Listen: []string{"sabir://127.0.0.1:0"},
		Ready: func(all []transport.Address) { fmt.Println(all[1].Port) },
	})
	if err != nil {
		fmt.Println(err)
	}
}
