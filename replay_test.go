package sabir_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"testing"

	"github.com/sabir-ipc/sabir"
)

// A connection that breaks in the middle of a replay: the subscriber goes on
// behind the last item that it was given, in whichever epoch that was.
//
// clause: S12
func TestReplayCutShort(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	type since struct {
		Epoch string
		Seq   int
	}
	asked := make(chan since, 8)
	go func() {
		for _, replay := range [][]string{
			{`"seq":4,"value":1`, `"seq":5,"value":2`},
			{`"epoch":"new","seq":1,"lost":-1,"value":3`, `"seq":2,"value":4`},
			{`"seq":3,"value":5`},
		} {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			lines := bufio.NewScanner(c)
			lines.Scan()
			var call struct {
				ID    int
				Since since
			}
			if json.Unmarshal(lines.Bytes(), &call) != nil {
				return
			}
			asked <- call.Since
			for _, item := range replay {
				fmt.Fprintf(c, `{"jsonrpc":"2.0","method":"rpc.item","params":{"id":%d,%s}}`+"\n", call.ID, item)
			}
			c.Close()
		}
	}()
	c := dial(t, path, sabir.DialOptions{})
	n := 0
	at := sabir.Position{Epoch: "old", Seq: 3}
	for n < 5 {
		for e, err := range sabir.Watch[int](t.Context(), c, "news.item", nil, &sabir.WatchOptions{Since: &at}) {
			if err != nil {
				break
			}
			if n++; e.Value != n {
				t.Fatalf("got %+v as number %d", e, n)
			}
			at = sabir.Position{Epoch: e.Epoch, Seq: e.Seq}
		}
	}
	for _, want := range []since{{"old", 3}, {"old", 5}, {"new", 2}} {
		if got := <-asked; got != want {
			t.Errorf("went on from %v, not %v", got, want)
		}
	}
}
