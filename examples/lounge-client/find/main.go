// Find looks for shared files in the lounge and prints them as they are found.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/sabir-ipc/sabir"
)

type query struct{ Query string }

type hit struct {
	Label string
	Path  string
	Size  int
}

func main() {
	ctx := context.Background()
	c, err := sabir.Dial(ctx, "lounge", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for h, err := range sabir.Items[hit](ctx, c, "lounge.search", query{os.Args[1]}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(h.Label, h.Path, h.Size)
	}
}
