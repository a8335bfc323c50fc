package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/sabir-ipc/sabir"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sensor := func(string) float64 { return 17.5 } // ask your hardware here
	h, err := New(sensor, "kitchen", "study")
	if err != nil {
		log.Fatal(err)
	}
	if err := sabir.ListenAndServe(ctx, "heating", h.service, nil); err != nil {
		log.Fatal(err)
	}
}
