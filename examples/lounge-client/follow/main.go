// Follow prints what is said in a room of the lounge, until it is stopped.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/sabir-ipc/sabir"
)

type room struct{ Room string }

type message struct{ Name, Text string }

func main() {
	ctx := context.Background()
	c, err := sabir.Dial(ctx, "lounge", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for e, err := range sabir.Watch[message](ctx, c, "lounge.message", room{os.Args[1]}, nil) {
		if err != nil {
			log.Fatal(err)
		}
		switch {
		case e.Lost > 0:
			fmt.Println("-- missed", e.Lost)
		case e.Lost < 0:
			fmt.Println("-- missed nobody knows how many")
		}
		switch e.Kind {
		case sabir.Changed:
			fmt.Printf("%s: %s\n", e.Value.Name, e.Value.Text)
		case sabir.Up:
			fmt.Println("-- listening")
		case sabir.Down:
			fmt.Println("-- connection lost, trying again")
		}
	}
}
