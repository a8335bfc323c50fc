// Byname uses a service of which it knows nothing when it is compiled.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sabir-ipc/sabir"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := sabir.Dial(ctx, "lounge", nil)
	if err == nil {
		defer c.Close()
		err = chat(ctx, c, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "byname:", err)
		os.Exit(1)
	}
}

func chat(ctx context.Context, h sabir.Handler, out io.Writer) error {
	lounge, err := sabir.NewRemote(ctx, h, "lounge")
	if err != nil {
		return err
	}
	if _, err := lounge.Do(ctx, "join", map[string]any{"room": "dev", "name": "ann"}); err != nil {
		return err
	}
	users, err := lounge.Do(ctx, "users", map[string]any{"room": "dev"})
	if err != nil {
		return err
	}
	for _, row := range users.([]any) {
		user := row.(map[string]any)["value"].(map[string]any)
		fmt.Fprintln(out, user["name"], time.Since(user["since"].(time.Time)) < time.Minute)
	}

	// Nothing is sent that the description does not allow.
	_, err = lounge.Do(ctx, "say", map[string]any{"room": "dev", "nmae": "ann", "text": ""})
	fmt.Fprintln(out, err)

	_, err = lounge.Do(ctx, "say", map[string]any{"room": "attic", "name": "ann", "text": "hello"})
	name, params, ok := lounge.Failure(err)
	fmt.Fprintln(out, name, params, ok)
	return nil
}
