// Hello is the least service: a method that can refuse, and a topic.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/sabir-ipc/sabir"
)

type Guest struct{ Name string }
type Greeting struct{ Text string }
type Shy struct{ Name string }

func (e Shy) Error() string { return e.Name + " wants no greeting" }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	svc := sabir.NewService("hello", "1.0", "Greets people.")
	greeted := sabir.NewTopic[Guest, sabir.None](svc, "greeted", sabir.Doc("Who was greeted."))
	greet := func(_ context.Context, in Guest) (Greeting, error) {
		if in.Name == "bob" {
			return Greeting{}, Shy(in)
		}
		return Greeting{"hello, " + in.Name}, greeted.Publish(sabir.None{}, in)
	}
	sabir.Method(svc, "greet", greet, sabir.Doc("Say hello."), sabir.Errors(Shy{}))
	err := sabir.ListenAndServe(ctx, "hello", svc, nil)
	if err != nil {
		log.Fatal(err)
	}
}
