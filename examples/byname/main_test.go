package main

import (
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
)

func TestChat(t *testing.T) {
	l := lounge.New(nil)
	defer l.Close()
	c := sabir.InProcess(l.Service(), nil)
	defer c.Close()
	var out strings.Builder
	if err := chat(t.Context(), c, &out); err != nil {
		t.Fatal(err)
	}
	const want = `ann true
InvalidParams: nmae: unknown, did you mean name?; text: at least 1 character, got 0; name: required
NoSuchRoom map[room:attic] true
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}
