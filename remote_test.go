package sabir_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/idl"
)

func byName(t *testing.T, h sabir.Handler, service string) *sabir.Remote {
	t.Helper()
	r, err := sabir.NewRemote(t.Context(), h, service)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Values go out and come back as their types say, without a Go type.
//
// clause: M8, M12, T1, T2, T3, T4, T8
func TestRemoteValues(t *testing.T) {
	c := sabir.InProcess(probe.New(), nil)
	defer c.Close()
	r := byName(t, c, "probe")
	at := time.Date(2026, 11, 23, 10, 0, 0, 5, time.UTC)
	in := map[string]any{
		"bool": true, "int": int64(5), "int64": int64(-1 << 63), "uint64": uint64(1<<64 - 1), "float": 2.0, "string": "żółw", "bytes": []byte{0, 1, 2}, "time": at,
		"any": map[string]any{"a": []any{int64(1), nil}}, "list": []any{int64(1), int64(2)}, "map": map[string]any{"k": int64(1)}, "struct": map[string]any{"n": int64(1)},
		"enum": "red", "union": map[string]any{"type": "circle", "radius": 1.5}, "pattern": "abc",
	}
	out, err := r.Do(t.Context(), "types", map[string]any{"v": in})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.(map[string]any)["v"]; !reflect.DeepEqual(got, in) {
		t.Errorf("sent\n%#v\nand got\n%#v", in, got)
	}
	in["int64"], in["optional"] = "12", nil // as on the wire
	out, err = r.Do(t.Context(), "types", map[string]any{"v": in})
	in["int64"] = int64(12)
	delete(in, "optional")
	if err != nil || !reflect.DeepEqual(out.(map[string]any)["v"], in) {
		t.Errorf("sent\n%#v\nand got\n%#v, %v", in, out, err)
	}
}

// The kinds of member, by name.
//
// clause: L5
func TestRemoteKinds(t *testing.T) {
	c := sabir.InProcess(probe.New(), nil)
	defer c.Close()
	r := byName(t, c, "probe")
	do := func(member string, params map[string]any) any {
		t.Helper()
		out, err := r.Do(t.Context(), member, params)
		if err != nil {
			t.Fatalf("%s: %v", member, err)
		}
		return out
	}
	do("put", map[string]any{"name": "t", "key": "a", "n": 1})
	do("set", map[string]any{"name": "s", "n": 7})
	n := func(n int64) map[string]any { return map[string]any{"n": n} }
	for member, want := range map[string]any{"count": []any{n(1), n(2)}, "rows": []any{map[string]any{"key": "a", "value": n(1)}}, "value": n(7)} {
		if got := do(member, map[string]map[string]any{"count": {"to": 2}, "rows": {"name": "t"}, "value": {"name": "s"}}[member]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v", member, got)
		}
	}
	var items []any
	for item, err := range r.Items(t.Context(), "count", map[string]any{"to": 3}) {
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	if !reflect.DeepEqual(items, []any{n(1), n(2), n(3)}) {
		t.Errorf("got %v", items)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for e, err := range r.Watch(ctx, "tick", map[string]any{"name": "x"}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == sabir.Up {
			do("publish", map[string]any{"name": "x", "times": 1})
			continue
		}
		if !reflect.DeepEqual(e.Value, n(1)) {
			t.Errorf("got %#v", e)
		}
		break
	}
	polled := make(chan any)
	go func() {
		out, _ := r.Do(t.Context(), "tick", map[string]any{"name": "poll"})
		polled <- out
	}()
	for {
		do("publish", map[string]any{"name": "poll", "times": 1}) // until the other call is there to hear it
		select {
		case out := <-polled:
			came, _ := out.(map[string]any)
			if items, _ := came["items"].([]any); len(items) == 0 || came["epoch"] == "" || came["lost"] != int64(0) {
				t.Errorf("got %#v", out)
			}
			return
		default:
		}
	}
}

// What is wrong is told as precisely as with types, and in the same words.
//
// clause: M7, M8
func TestRemoteErrors(t *testing.T) {
	svc := probe.New()
	var calls atomic.Int32
	counted := &counter{svc, &calls}
	c := sabir.InProcess(counted, nil)
	defer c.Close()
	r := byName(t, c, "probe")
	params := map[string]any{"text": "far too long a text", "n": "x", "who": 1}
	_, err := r.Do(t.Context(), "echo", params)
	_, typed := sabir.Do[sabir.Body](t.Context(), c, "probe.echo", params)
	if !errors.Is(err, sabir.ErrInvalidParams) || err.Error() != typed.Error() {
		t.Errorf("by name: %v\nwith types: %v", err, typed)
	}
	if _, err := r.Do(t.Context(), "ecco", nil); !errors.Is(err, sabir.ErrMethodNotFound) || !strings.Contains(err.Error(), "did you mean probe.echo?") {
		t.Errorf("got %v", err)
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls were sent", calls.Load())
	}
	_, err = r.Do(t.Context(), "fail", map[string]any{"how": "declared"})
	name, with, ok := r.Failure(err)
	if !ok || name != "TooMuch" || !reflect.DeepEqual(with, map[string]any{"most": int64(7)}) {
		t.Errorf("%v is %q, %v, %v", err, name, with, ok)
	}
	_, err = r.Do(t.Context(), "fail", map[string]any{"how": "undeclared"})
	if _, _, ok := r.Failure(err); ok || !errors.Is(err, sabir.ErrInternal) {
		t.Errorf("got %v", err)
	}
	for item, err := range r.Items(t.Context(), "count", map[string]any{"to": -1}) {
		if item != nil || !errors.Is(err, sabir.ErrInvalidParams) {
			t.Errorf("got %v, %v", item, err)
		}
	}
	for _, err := range r.Watch(t.Context(), "value", map[string]any{"name": "none"}, nil) {
		if name, _, _ := r.Failure(err); name != "TooMuch" {
			t.Errorf("got %v", err)
		}
	}
	if _, err := sabir.NewRemote(t.Context(), c, "nobody"); !errors.Is(err, sabir.ErrMethodNotFound) {
		t.Errorf("got %v", err)
	}
}

type counter struct {
	*sabir.Service
	calls *atomic.Int32
}

func (c *counter) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	c.calls.Add(1)
	return c.Service.Handle(ctx, call, sink)
}

// changing is a service that becomes another one.
type changing struct{ now atomic.Pointer[sabir.Service] }

func (c *changing) Handle(ctx context.Context, call *sabir.Call, sink sabir.Sink) (sabir.Body, error) {
	return c.now.Load().Handle(ctx, call, sink)
}
func (c *changing) Describe() []*idl.Service { return c.now.Load().Describe() }

// A service that was replaced is used by its new description, at the first call
// that the old one is wrong for.
//
// clause: R3
func TestRemoteLearnsAgain(t *testing.T) {
	type old struct{ Text string }
	type young struct {
		Text string
		Loud bool
	}
	before, after := sabir.NewService("a", "1", ""), sabir.NewService("a", "2", "")
	sabir.Method(before, "say", func(_ context.Context, in old) (old, error) { return in, nil })
	sabir.Method(after, "say", func(_ context.Context, in young) (young, error) { return in, nil })
	sabir.Method(after, "hear", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
	h := new(changing)
	h.now.Store(before)
	c := sabir.InProcess(h, nil)
	defer c.Close()
	r := byName(t, c, "a")
	if _, err := r.Do(t.Context(), "say", map[string]any{"text": "x", "loud": true}); !errors.Is(err, sabir.ErrInvalidParams) {
		t.Fatalf("got %v", err)
	}
	h.now.Store(after)
	if out, err := r.Do(t.Context(), "say", map[string]any{"text": "x", "loud": true}); err != nil || r.Description().Version != "2" {
		t.Errorf("got %v, %v", out, err)
	}
	h.now.Store(before)
	if _, err := r.Do(t.Context(), "hear", nil); !errors.Is(err, sabir.ErrMethodNotFound) || r.Description().Version != "1" {
		t.Errorf("got %v", err)
	}
	h.now.Store(after)
	if _, err := r.Do(t.Context(), "hear", nil); err != nil {
		t.Error(err)
	}
}
