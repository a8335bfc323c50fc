package attacks_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
)

// hubUser is whom the hubs run as; other does no harm, nobody does.
const hubUser = 65532

// endWithTest ends this process when the test does, even if that is killed.
func endWithTest() {
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// playHub is a hub where each user may offer one service, and all may write.
func playHub(dir string, to []string) {
	may := map[uint32]string{other: "good", nobody: "bad"}
	err := hub.Serve(context.Background(), &hub.Options{
		To: to,
		Allow: func(c sabir.Caller, s *idl.Service) error {
			if c.Peer.Known && (c.Peer.UID == hubUser || may[c.Peer.UID] == s.Name) {
				return nil
			}
			return sabir.Denied(sabir.AccessAdmin, "not yours")
		},
		Serve: sabir.ServeOptions{
			Env: transport.Env{Dir: dir}, Mode: 0o666, Log: slog.New(slog.DiscardHandler),
			Level: func(p transport.Peer) sabir.Access {
				if p.Known && p.UID == hubUser {
					return sabir.AccessAdmin
				}
				return sabir.AccessWrite
			},
			Ready: func([]transport.Address) { fmt.Println("ready") },
		},
	})
	fmt.Println("ended", err)
}

type (
	number  struct{ N int }
	callers struct{ Callers []string }
)

// playGoodService offers a service that keeps in mind who called it.
func playGoodService(path string) {
	var mu sync.Mutex
	seen := make(map[string]bool)
	saw := func(ctx context.Context) {
		c := sabir.CallerOf(ctx)
		mu.Lock()
		defer mu.Unlock()
		seen[fmt.Sprintf("uid %d %s through %d", c.Peer.UID, c.Level, len(c.Via))] = true
	}
	s := sabir.NewService("good", "1.0", "")
	ticks := sabir.NewTopic[number, sabir.None](s, "tick", sabir.Common)
	sabir.Method(s, "say", func(ctx context.Context, in number) (number, error) {
		saw(ctx)
		return in, ticks.Publish(sabir.None{}, in)
	})
	sabir.Method(s, "rule", func(ctx context.Context, in sabir.None) (sabir.None, error) {
		saw(ctx)
		return in, nil
	}, sabir.Needs(sabir.AccessAdmin))
	sabir.Method(s, "seen", func(context.Context, sabir.None) (callers, error) {
		mu.Lock()
		defer mu.Unlock()
		var all []string
		for c := range seen {
			all = append(all, c)
		}
		slices.Sort(all)
		return callers{all}, nil
	})
	err := sabir.Export(context.Background(), path, s, &sabir.ExportOptions{
		DialOptions: sabir.DialOptions{Log: slog.New(slog.DiscardHandler)}, Offered: func() { fmt.Println("offered") },
	})
	fmt.Println("ended", err)
}

// playGoodClient says a number after the other, hears each, and tells how it was.
func playGoodClient(path string, most int) {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	c, err := sabir.Dial(ctx, path, &sabir.DialOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println("no hub:", err)
		return
	}
	defer c.Close()
	heard := 0
	for e, err := range sabir.Watch[number](ctx, c, "good.tick", nil, nil) {
		if err == nil && e.Kind == sabir.Changed {
			if e.Value.N != 0 { // of the hostile client
				if heard++; e.Value.N != heard || e.Lost != 0 {
					err = fmt.Errorf("heard %d, lost %d, expected %d", e.Value.N, e.Lost, heard)
				}
			}
		}
		if err == nil && (e.Kind == sabir.Up || e.Value.N != 0) {
			if heard == most {
				break
			}
			in := number{heard + 1}
			var out number
			if out, err = sabir.Do[number](ctx, c, "good.say", in); err == nil && out != in {
				err = fmt.Errorf("said %v, answered %v", in, out)
			}
		}
		if err != nil {
			fmt.Println("harmed:", err)
			return
		}
	}
	all, err := sabir.Do[callers](ctx, c, "good.seen", nil)
	fmt.Println("unharmed", heard, all.Callers, err)
}

// playBadService offers what it never answers, tries to be others, and sends
// answers to everybody's calls, whether or not anybody reads.
func playBadService(path string) {
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println("no hub:", err)
		return
	}
	in := bufio.NewScanner(c)
	refused := 0
	for _, name := range []string{"bad", "good", "hub", "rpc", "evil"} {
		fmt.Fprintf(c, `{"id":"x","method":"rpc.export","params":{"service":{"name":%q,"version":"1","members":[{"kind":"method","name":"m","params":[],"result":[]}],"types":[],"errors":[]}}}`+"\n", name)
		if in.Scan(); strings.Contains(in.Text(), `"error"`) {
			refused++
		}
	}
	fmt.Fprintln(c, `{"id":"x","method":"rpc.withdraw","params":{"service":"good"}}`)
	if in.Scan(); strings.Contains(in.Text(), `"error"`) {
		refused++
	}
	fmt.Println("refused", refused)
	for n := 0; err == nil; n++ {
		if n%1000 == 0 {
			time.Sleep(50 * time.Millisecond)
		}
		_, err = fmt.Fprintf(c, `{"id":%d,"result":{"n":666}}`+"\n"+`{"method":"rpc.item","params":{"id":%d,"value":{"n":666}}}`+"\n", n%10000, n%10000)
	}
	fmt.Println("thrown out")
	select {}
}

// playBadClient calls for what never ends, listens without reading, claims to be
// another, and speaks nonsense, on many connections, until it is ended.
func playBadClient(path string) {
	fmt.Println("begins")
	for n := 0; ; n++ {
		var all []net.Conn
		for range 5 {
			c, err := net.Dial("unix", path)
			if err != nil {
				continue
			}
			all = append(all, c)
			c.SetWriteDeadline(time.Now().Add(2 * time.Second)) // it may be that nobody reads any more
			for i := range 40 {
				fmt.Fprintf(c, `{"id":%d,"method":"bad.m"}`+"\n"+`{"id":%d,"method":"good.tick","window":1}`+"\n"+`{"method":"good.say","params":{"n":0}}`+"\n", 3*i, 3*i+1)
				fmt.Fprintf(c, `{"id":%d,"method":"good.rule","caller":{"uid":%d,"level":"admin","via":["h"]}}`+"\n"+`{"id":"r","method":"good.rule"}`+"\n", 3*i+2, hubUser)
			}
			fmt.Fprint(c, `{"id":1,"method":"good.say","params":{"n":`)
		}
		if n == 0 {
			fmt.Println("has begun")
		}
		for _, c := range all {
			c.Close()
		}
		time.Sleep(100 * time.Millisecond) // what it is about is not who has the processor
	}
}

// twoHubs runs two hubs, and offers at the far one what is at the near one.
func twoHubs(t *testing.T) (near, far string) {
	t.Helper()
	dir := twoUsers(t)
	places := make(map[string]string)
	for _, name := range []string{"far", "near"} {
		places[name] = filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(places[name], 0o755), os.Chown(places[name], hubUser, hubUser)); err != nil {
			t.Fatal(err)
		}
	}
	near, far = filepath.Join(places["near"], "hub.sock"), filepath.Join(places["far"], "hub.sock")
	hears(t, asUser(t, hubUser, "hub", places["far"]), "ready")
	hears(t, asUser(t, hubUser, "hub", places["near"], far), "ready")
	return near, far
}

func hears(t *testing.T, a *actor, want string) {
	t.Helper()
	if got := a.hear(); got != want {
		t.Fatalf("heard %q, expected %q", got, want)
	}
}

// waitOffered returns when a hub has the services.
func waitOffered(t *testing.T, path string, services ...string) {
	t.Helper()
	c, err := sabir.Dial(t.Context(), path, &sabir.DialOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	there := make(map[string]bool)
	for e, err := range sabir.Watch[hub.Service](t.Context(), c, "hub.services", nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		there[e.Key] = e.Kind == sabir.Changed
		if !slices.ContainsFunc(services, func(name string) bool { return !there[name] }) {
			return
		}
	}
}

// Two hubs, three users: a service and a client of one user do their worst, and
// a service and a client of another go on as if they were not there.
//
// clause: U2, U4, U6, U8
func TestTwoHubsThreeUsers(t *testing.T) {
	near, far := twoHubs(t)
	hears(t, asUser(t, other, "good service", near), "offered")
	hears(t, asUser(t, nobody, "bad service", near), "refused 5")
	waitOffered(t, far, "good", "bad")
	bad := asUser(t, nobody, "bad client", far)
	hears(t, bad, "begins")
	hears(t, bad, "has begun")
	hears(t, asUser(t, other, "good client", far), "unharmed 300 [uid 65533 write through 2 uid 65534 write through 2] <nil>")
}
