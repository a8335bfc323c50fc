package attacks_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// floods are what one caller does on each of twenty connections at once, with a
// hundred calls on each.
var floods = map[string]func(path string){
	"answered": func(path string) { flood(path, `"good.say","params":{"n":0}`) }, // calls again whenever it is answered
	"stuck":    func(path string) { flood(path, `"bad.m"`) },                     // what is never answered, but where that is too much
	"deaf":     floodDeaf,
}

const floodConns, floodCalls = 20, 100

func playFlood(path, kind string) {
	conns := floodConns
	if raced { // it would take all the processor ten times over
		conns = 1
	}
	for range conns {
		go floods[kind](path)
	}
	fmt.Println("begins")
	select {}
}

// flood has so many calls under way on a connection, and reads what is answered.
func flood(path, method string) {
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println("no hub:", err)
		return
	}
	in, out := bufio.NewReader(c), bufio.NewWriter(c)
	for id := range floodCalls {
		fmt.Fprintf(out, `{"id":%d,"method":%s}`+"\n", id, method)
	}
	for err = out.Flush(); err == nil; {
		var line []byte
		if line, err = in.ReadSlice('\n'); err != nil {
			break
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(string(line), `{"id":`), ",")
		fmt.Fprintf(out, `{"id":%s,"method":%s}`+"\n", id, method)
		if in.Buffered() == 0 {
			err = out.Flush()
		}
	}
	fmt.Println("thrown out:", err)
}

// floodDeaf calls and notifies, reads nothing, and comes again.
func floodDeaf(path string) {
	var text strings.Builder
	for id := range floodCalls {
		fmt.Fprintf(&text, `{"id":%d,"method":"good.say","params":{"n":0}}`+"\n"+`{"method":"good.say","params":{"n":0}}`+"\n", id)
	}
	for {
		if c, err := net.Dial("unix", path); err == nil {
			c.SetWriteDeadline(time.Now().Add(time.Second))
			io.WriteString(c, text.String())
			c.Close()
		}
		time.Sleep(100 * time.Millisecond) // what it is about is not who has the processor
	}
}

// playStuckService offers what it never answers.
func playStuckService(path string) {
	s := sabir.NewService("bad", "1.0", "")
	sabir.Method(s, "m", func(ctx context.Context, in sabir.None) (sabir.None, error) {
		<-ctx.Done()
		return in, ctx.Err()
	})
	err := sabir.Export(context.Background(), path, s, &sabir.ExportOptions{
		DialOptions: sabir.DialOptions{Log: slog.New(slog.DiscardHandler)}, Offered: func() { fmt.Println("offered") },
	})
	fmt.Println("ended", err)
}

// playTimedClient makes one call after the other each time that it is told to,
// and tells how long the longest took.
func playTimedClient(path string, calls int) {
	c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("no hub:", err)
		return
	}
	defer c.Close()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var longest time.Duration
		for n := 1; n <= calls && err == nil; n++ {
			start := time.Now()
			_, err = sabir.Do[number](context.Background(), c, "good.say", number{n})
			longest = max(longest, time.Since(start))
		}
		if err != nil {
			fmt.Println("harmed:", err)
			return
		}
		fmt.Println(longest)
	}
}

// Two hubs, and one who calls two thousand times at once, in each of the ways
// that there are: the calls of another user wait for a few of those, and for
// the processor.
//
// clause: U8
func TestTwoHubsFlood(t *testing.T) {
	near, far := twoHubs(t)
	hears(t, asUser(t, other, "good service", near), "offered")
	hears(t, asUser(t, nobody, "stuck service", near), "offered")
	waitOffered(t, far, "good", "bad")
	timed := asUser(t, other, "timed client", far)
	ask := func(beside string) {
		t.Helper()
		io.WriteString(timed.stdin, "go\n")
		text := timed.hear()
		t.Logf("beside %s the longest call took %s", beside, text)
		if took, err := time.ParseDuration(text); err != nil || took > time.Second && !raced {
			t.Errorf("beside %s: %s", beside, text)
		}
	}
	ask("nobody")
	for _, kind := range slices.Sorted(maps.Keys(floods)) {
		bad := asUser(t, nobody, "flood", far, kind)
		hears(t, bad, "begins")
		time.Sleep(500 * time.Millisecond) // until it is at its height
		ask(kind)
		if err := bad.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("%s has ended: %v", kind, err)
		}
		bad.Process.Kill()
		bad.Wait()
	}
}
