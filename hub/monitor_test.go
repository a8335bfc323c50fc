package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
)

type (
	secret struct {
		User     string
		Password string `sensitive:"true"`
		Notes    []note `sabir:",optional"`
	}
	note struct {
		Text string
		PIN  string `sensitive:"true"`
	}
	Keyless struct{ Door string }
	upTo    struct{ N int }
)

func (Keyless) Error() string { return "no key" }

// vault is a service with something to hide.
func vault() *sabir.Service {
	s := sabir.NewService("vault", "1.0", "")
	sabir.Method(s, "open", func(_ context.Context, in secret) (secret, error) {
		if in.User == "eve" {
			return in, Keyless{"front"}
		}
		return in, nil
	}, sabir.Errors(Keyless{}))
	sabir.Stream(s, "count", func(_ context.Context, in upTo) (iter.Seq2[upTo, error], error) {
		return func(yield func(upTo, error) bool) {
			for n := 1; n <= in.N && yield(upTo{n}, nil); n++ {
			}
		}, nil
	})
	return s
}

// seen reads the events of a monitor as lines, n from the first of that kind on:
// the monitor may have come in the middle of a call.
func seen(t *testing.T, c sabir.Handler, params map[string]any, first hub.EventKind, n int, ready func()) (lines []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		for ctx.Err() == nil { // until it is there, and sees the first
			ready()
			time.Sleep(20 * time.Millisecond)
		}
	}()
	for e, err := range sabir.Items[hub.Event](ctx, c, "hub.monitor", params) {
		if err != nil {
			t.Fatalf("after %q: %v", lines, err)
		}
		if len(lines) == 0 && e.Kind != first {
			continue
		}
		line := string(e.Kind) + " " + e.Method
		if e.Error != nil {
			line += " " + *e.Error
		}
		if !e.Message.IsZero() {
			var m any
			text, _ := e.Message.Append(nil, 0)
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			text, _ = json.Marshal(m.(map[string]any))
			line += " " + string(text)
		}
		if lines = append(lines, line); len(lines) == n {
			break
		}
	}
	return lines
}

// A monitor shows what passes, to each what he may see, and nothing that is
// sensitive to anybody.
func TestMonitor(t *testing.T) {
	dir := run(t, hub.Options{})
	offer(t, dir, vault())
	c, caller := dial(t, dir, "hub"), dial(t, dir, "vault")
	lines := seen(t, c, map[string]any{"service": "vault", "member": "open", "bodies": true}, "call", 2, func() {
		sabir.Do[any](t.Context(), caller, "vault.open", map[string]any{"user": "ann", "password": "hunter2", "notes": []any{map[string]any{"text": "hi", "pin": "4711"}}})
	})
	const masked = `"notes":[{"pin":"(sensitive)","text":"hi"}],"password":"(sensitive)","user":"ann"}`
	for i, want := range []string{`call vault.open {"id":`, `result vault.open {"id":`} {
		if !strings.HasPrefix(lines[i], want) || !strings.Contains(lines[i], masked) {
			t.Errorf("got %s", lines[i])
		}
	}
	lines = seen(t, c, map[string]any{"kind": "error", "bodies": true}, "error", 1, func() {
		sabir.Do[any](t.Context(), caller, "vault.open", map[string]any{"user": "eve", "password": "x"})
	})
	if !strings.HasPrefix(lines[0], "error vault.open vault.Keyless ") || !strings.Contains(lines[0], `"params":{"door":"front"}`) {
		t.Errorf("got %s", lines[0])
	}
	lines = seen(t, c, map[string]any{"member": "count"}, "call", 6, func() {
		for range sabir.Items[upTo](t.Context(), caller, "vault.count", upTo{4}) {
		}
	})
	if got := strings.Join(lines, ", "); got != "call vault.count, item vault.count, item vault.count, item vault.count, item vault.count, result vault.count" {
		t.Errorf("got %s", got)
	}
}

func TestMonitorOfWhoMayNot(t *testing.T) {
	dir := run(t, hub.Options{Serve: sabir.ServeOptions{Level: func(transport.Peer) sabir.Access { return sabir.AccessRead }}})
	c := dial(t, dir, "hub")
	if _, err := sabir.Do[any](t.Context(), c, "hub.monitor", map[string]any{"bodies": true}); !errors.Is(err, sabir.ErrDenied) {
		t.Errorf("bodies for a reader: %v", err)
	}
	lines := seen(t, c, map[string]any{"service": "hub"}, "call", 2, func() { sabir.Do[any](t.Context(), c, "hub.services", nil) })
	if lines[0] != "call hub.services" || lines[1] != "result hub.services" {
		t.Errorf("got %q", lines)
	}
}

// A monitor that does not read holds nothing up, and is told what it missed.
func TestMonitorIsNeverInTheWay(t *testing.T) {
	dir := run(t, hub.Options{})
	offer(t, dir, vault())
	c, caller := dial(t, dir, "hub"), dial(t, dir, "vault")
	const calls = 12_000
	began := false
	total, lost := 0, 0
	go func() { // the first that is seen; and what is lost is told with what comes next
		for t.Context().Err() == nil {
			sabir.Do[any](t.Context(), caller, "vault.open", map[string]any{"user": "ann", "password": "x"})
			time.Sleep(5 * time.Millisecond)
		}
	}()
	for e, err := range sabir.Items[hub.Event](t.Context(), c, "hub.monitor", map[string]any{"member": "open", "kind": "call"}) {
		if err != nil {
			t.Fatal(err)
		}
		if !began { // nothing of it is read meanwhile
			began = true
			for range calls {
				if _, err := sabir.Do[any](t.Context(), caller, "vault.open", map[string]any{"user": "ann", "password": "x"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		total += 1 + e.Lost
		lost += e.Lost
		if total >= calls {
			break
		}
	}
	if lost == 0 {
		t.Error("nothing was lost, though nobody read")
	}
}

// The tables of clients and traffic say who is here and what they do.
func TestHubTables(t *testing.T) {
	dir := run(t, hub.Options{})
	offer(t, dir, vault())
	c := dial(t, dir, "hub")
	for range 3 {
		if _, err := sabir.Do[any](t.Context(), c, "vault.open", map[string]any{"user": "eve", "password": "x"}); err == nil {
			t.Fatal("eve got in")
		}
	}
	rows, err := sabir.Do[[]sabir.Row[hub.Traffic]](t.Context(), c, "hub.traffic", nil)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range rows {
		if r.Key == "vault" {
			found = r.Value.Calls == 3 && r.Value.Failed == 3 && r.Value.InFlight == 0
		}
	}
	if !found {
		t.Errorf("traffic: %+v", rows)
	}
	here := func() int {
		rows, err := sabir.Do[[]sabir.Row[hub.Client]](t.Context(), c, "hub.clients", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Value.Transport != "unix" || r.Value.Level != "admin" || r.Value.UID == nil {
				t.Errorf("%+v", r)
			}
		}
		return len(rows)
	}
	before := here()
	other := dial(t, dir, "vault")
	if _, err := sabir.Do[any](t.Context(), other, "rpc.ping", nil); err != nil { // now it was let in
		t.Fatal(err)
	}
	if n := here(); n != before+1 {
		t.Errorf("%d clients with one more, %d before", n, before)
	}
	other.Close()
	for deadline := time.Now().Add(20 * time.Second); here() != before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("who has gone is still here")
		}
	}
}

// One caller has no more monitors than a few, and names that he makes up leave nothing behind.
func TestHubKeepsNothingForCallers(t *testing.T) {
	dir := run(t, hub.Options{})
	c := dial(t, dir, "hub")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 100)
	watch := func() {
		for _, err := range sabir.Items[hub.Event](ctx, c, "hub.monitor", nil) {
			if err != nil {
				ended <- err
			}
		}
	}
	for range 9 {
		go watch()
	}
	if err := <-ended; !errors.Is(err, sabir.ErrBusy) {
		t.Errorf("the ninth monitor: %v", err)
	}
	cancel()
	for range 8 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the others: %v", err)
		}
	}
	for i := range 50 {
		if _, err := sabir.Do[sabir.None](t.Context(), c, fmt.Sprintf("made_up_%d.x", i), nil); !errors.Is(err, sabir.ErrUnavailable) {
			t.Error(err)
		}
	}
	for e, err := range sabir.Watch[hub.Traffic](t.Context(), c, "hub.traffic", nil, nil) {
		switch {
		case err != nil:
			t.Fatal(err)
		case e.Kind == sabir.Up:
			return
		case e.Kind == sabir.Changed && e.Key != "hub":
			t.Fatalf("traffic of %s", e.Key)
		}
	}
}

// A hub has its own socket, beside which those of the services are.
func TestHubNeedsASocket(t *testing.T) {
	err := hub.Serve(t.Context(), &hub.Options{Address: "tcp:localhost:0"})
	if err == nil || !strings.Contains(err.Error(), "expected a name or the path of a socket") {
		t.Errorf("got %v", err)
	}
}
