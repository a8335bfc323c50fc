// Command raw has servers and clients of sockets without any library.
package main

import "github.com/sabir-ipc/sabir/bench/load"

func main() {
	load.Main(
		load.Peer{Name: "raw", Serve: serveRaw, Dial: dialRaw},
		load.Peer{Name: "raw-mux", Serve: serveRaw, Dial: dialMux},
		load.Peer{Name: "raw2", Serve: serveCopies, Dial: dialRaw},
		load.Peer{Name: "raw2f", Serve: serveFrames, Dial: dialRaw},
	)
}
