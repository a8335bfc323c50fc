// Webbed greets people who come by curl or with a browser, besides those who come as to every service.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/web"
)

// Guest is who is greeted.
type Guest struct{ Name string }

// Greeting is what they are told.
type Greeting struct{ Text string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	svc := sabir.NewService("webbed", "1.0", "Greets people.")
	greet := func(_ context.Context, in Guest) (Greeting, error) { return Greeting{"hello, " + in.Name}, nil }
	sabir.Method(svc, "greet", greet, sabir.Readonly, sabir.Doc("Say hello."))

	face, err := web.New(&web.Options{Origins: os.Args[1:]})
	if err != nil {
		log.Fatal(err)
	}
	if err := sabir.ListenAndServe(ctx, "webbed", svc, &sabir.ServeOptions{HTTP: face}); err != nil {
		log.Fatal(err)
	}
}
