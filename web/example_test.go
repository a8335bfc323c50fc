package web_test

import (
	"context"
	"fmt"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/web"
)

// A service behind a proxy is reached like any other.
func ExampleDial() {
	ctx := context.Background()
	c, err := sabir.Dial(ctx, "wss://lounge.example", &sabir.DialOptions{Web: web.Dial})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	status, err := sabir.Do[struct{ Users int }](ctx, c, "lounge.status", nil)
	fmt.Println(status.Users, err)
}
