// Greet is a client of hello: a greeting, and one that is refused.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/sabir-ipc/sabir"
)

type Guest struct{ Name string }
type Greeting struct{ Text string }

func main() {
	ctx := context.Background()
	hello, err := sabir.Dial(ctx, "hello", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer hello.Close()
	greet := func(name string) string {
		greeting, err := sabir.Do[Greeting](ctx, hello, "hello.greet", Guest{name})
		var no *sabir.Error
		if errors.As(err, &no) {
			return no.Name + ": " + no.Message
		} else if err != nil {
			log.Fatal(err)
		}
		return greeting.Text
	}
	fmt.Println(greet("ann"))
	fmt.Println(greet("bob"))
}
