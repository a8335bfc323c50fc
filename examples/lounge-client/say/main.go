// Say enters a room of the lounge and says something there.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sabir-ipc/sabir"
)

// What the members take and give, as far as this program wants to know.
type (
	member struct{ Room, Name string }
	saying struct{ Room, Name, Text string }
	said   struct{ Seq int }
)

// NameTaken is the error lounge.NameTaken, which is found by its Go name.
type NameTaken struct{ Room, Name string }

func (e NameTaken) Error() string { return e.Name + " is taken" }

func say(name, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := sabir.Dial(ctx, "lounge", nil)
	if err != nil {
		return err
	}
	defer c.Close()

	var taken NameTaken
	_, err = sabir.Do[sabir.Body](ctx, c, "lounge.join", member{"dev", name})
	switch {
	case errors.As(err, &taken):
		fmt.Println(taken.Name, "is here already")
	case err != nil:
		return err
	}
	answer, err := sabir.Do[said](ctx, c, "lounge.say", saying{"dev", name, text})
	if err != nil {
		return err
	}
	fmt.Println("said as number", answer.Seq)
	return nil
}

// explain says what an error means for whoever typed the line.
func explain(err error) string {
	var no *sabir.Error
	switch {
	case errors.Is(err, sabir.ErrUnavailable):
		return "nobody is there, and nothing was done"
	case errors.Is(err, sabir.ErrOutcomeUnknown):
		return "it was sent, and then the connection ended"
	case errors.As(err, &no):
		return fmt.Sprintf("refused: %s, %s", no.Name, no.Message)
	}
	return err.Error()
}

func main() {
	if err := say(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, explain(err))
		os.Exit(1)
	}
}
