package attacks_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
)

// Case 17: an id that is used again while its call is in flight. The first call is not disturbed.
//
// clause: M2
func TestCase17IDInFlight(t *testing.T) {
	for _, road := range roads {
		d := serve(t, nil)
		l := d.open(road)
		l.say(`{"id":7,"method":"probe.wait","params":{"name":"a"}}`)
		for _, again := range []string{
			`{"id":7,"method":"rpc.ping"}`, `{"id":7,"method":"probe.wait","params":{"name":"b"}}`,
			`{"id":7,"method":"probe.tick","params":{"name":"a"},"window":1}`, `{"id":7,"method":"no.such"}`,
		} {
			l.say(again)
			l.hears(`{"id":7,"error":{"code":-32600,"message":"member \"id\"`)
		}
		l.say(`{"id":"7","method":"rpc.ping"}`) // a string is another id
		l.hears(`{"id":"7","result":{}}`)
		other := d.open(road) // and so is that of another connection
		other.say(`{"id":7,"method":"rpc.ping"}`)
		other.hears(`{"id":7,"result":{}}`)
		other.say(`{"method":"rpc.cancel","params":{"id":7}}`)
		other.say(`{"id":8,"method":"probe.release","params":{"name":"a"}}`)
		other.hears(`{"id":8,"result":{"waited":1}}`)
		l.hears(`{"id":7,"result":{"released":true}}`)
		l.Close()
		other.Close()
	}
}

// Case 18: ids that are none, and answers to what the daemon never asked.
//
// clause: M2, M11, M13
func TestCase18IDs(t *testing.T) {
	d := serve(t, nil)
	l := d.open("unix")
	for _, id := range []string{
		`null`, `{}`, `[]`, `[1]`, `{"id":1}`, `true`, `1.5`, `1.0`, `1e3`, `9007199254740992`, `-9007199254740992`, `"` + strings.Repeat("x", 65) + `"`,
		`"` + strings.Repeat("ä", 33) + `"`,
	} {
		l.say(`{"id":` + id + `,"method":"probe.set","params":{"name":"a","n":1}}`)
		l.hears(`{"id":null,"error":{"code":-32600,"message":"member \"id\"`)
	}
	for _, nobodysAnswer := range []string{
		`{"id":1,"result":{}}`, `{"id":"x","result":null}`, `{"id":99,"error":{"code":1,"message":"x"}}`, `{"id":null,"error":{"code":-32700,"message":"x"}}`,
		`{"id":-5,"result":{"a":[1,2,3]},"more":true}`,
	} {
		for range 100 {
			l.say(nobodysAnswer)
		}
	}
	l.say(ping)
	l.hears(pong)
	d.unset()
}

// Case 19: who the caller is never changes, whatever is sent and when. What strangers get: TestStrangers.
//
// clause: K1, K10
func TestCase19IdentityStays(t *testing.T) {
	d := serve(t, nil)
	const first = `"method":"rpc.auth","params":{"mechanism":"SCRAM-SHA-256","data":"n,,n=0,r=abcdefghijklmnop"}}`
	for _, road := range roads {
		l := d.openAs(road, "read", false)
		you := func() string {
			l.say(`{"id":"you","method":"rpc.info"}`)
			text := l.hear()
			_, you, _ := strings.Cut(text, `"you":`)
			return you
		}
		before := you()
		for _, again := range []string{first, strings.Replace(first, "256", "256-PLUS", 1), `"method":"rpc.auth"}`, `"method":"rpc.auth","params":{"data":"c=biws,r=x,p=x"}}`} {
			l.say(`{"id":1,` + again)
			if code := answer(t, l.hear()).Error.Code; code != -32600 && code != -32602 {
				t.Errorf("%s over %s: %d", again, road, code)
			}
		}
		l.say(`{"id":2,"method":"rpc.pair","params":{"name":"x"}}`)
		l.hears(`"name":"rpc.Denied"`)
		l.say(`{"id":3,"method":"rpc.ping","caller":{"name":"root","level":"admin","via":[]}}`)
		l.hears(`{"id":3,"error":{"code":-32600,"message":"member \"caller\"`)
		for _, name := range []string{"rpc.exports", "sabir.rule", "rpc.nothing", "rpc."} {
			l.say(`{"id":4,"method":"` + name + `","params":{"service":"probe"}}`)
			l.hears(`{"id":4,"error":{"code":-32601,`)
		}
		if after := you(); after != before {
			t.Errorf("over %s: %s, and then %s", road, before, after)
		}
		l.Close()
	}
}

// Case 20: cancel of what is not there, of others' calls, after the end, and as a flood. A handler that does not stop
// keeps its place.
//
// clause: S4, S7, B3
func TestCase20Cancel(t *testing.T) {
	t.Parallel()
	stubborn, svc := make(chan struct{}), sabir.NewService("stubborn", "1", "")
	sabir.Method(svc, "hang", func(context.Context, sabir.None) (sabir.None, error) { <-stubborn; return sabir.None{}, nil })
	sabir.Method(svc, "stop", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
		<-ctx.Done()
		return sabir.None{}, ctx.Err()
	})
	d := serveHandler(t, svc, nil)
	t.Cleanup(func() { // before the daemon is asked what is left
		close(stubborn)
	})
	l := d.open("unix")
	cancel := func(id string) string { return `{"method":"rpc.cancel","params":{"id":` + id + `}}` }
	for _, id := range []string{`1`, `"x"`, `null`, `{}`, `1.5`, `[]`} {
		l.say(cancel(id))
	}
	l.say(`{"method":"rpc.cancel"}`)
	l.say(ping)
	l.hears(pong)
	l.say(cancel("1")) // after the end

	// A flood of calls that stop when they are told to: each is answered once, and none is left.
	const flood = 2000 // each has the connection for a millisecond or two, because it does not end at once
	go func() {
		var all strings.Builder
		for n := range flood {
			fmt.Fprintf(&all, `{"id":%d,"method":"stubborn.stop"}`+"\n%s\n", n, cancel(fmt.Sprint(n)))
		}
		io.WriteString(l, all.String())
	}()
	seen := make(map[any]bool)
	for range flood {
		a := answer(t, l.hear())
		if a.Error.Code != -32001 && a.Error.Code != -32003 || seen[a.ID] {
			t.Fatalf("%+v", a)
		}
		seen[a.ID] = true
	}

	// Those that do not: 128 places, however many are cancelled.
	busy, cancelled := 0, 0
	for n := range 1000 {
		id := fmt.Sprint(flood + n)
		l.say(`{"id":` + id + `,"method":"stubborn.hang"}`)
		l.say(cancel(id))
		switch a := answer(t, l.hear()); a.Error.Code {
		case -32001:
			cancelled++
		case -32003:
			busy++
		default:
			t.Fatalf("%+v", a)
		}
	}
	if cancelled > 128 || cancelled < 100 || busy+cancelled != 1000 {
		t.Errorf("%d ran at once, %d were refused", cancelled, busy)
	}
	if n := d.counters().InFlight - 1; n > 128 {
		t.Errorf("%d in flight", n)
	}
	l.Close()
}

// Case 21: nothing comes after the end; to leave twice is no fault; who subscribes and goes leaves nothing.
//
// clause: S6, S7, O6
func TestCase21Leaving(t *testing.T) {
	d := serve(t, nil)
	l := d.open("unix")
	l.say(`{"id":1,"method":"probe.tick","params":{"name":"a"},"window":0}`)
	l.hears(`"rpc.live"`)
	l.say(`{"method":"rpc.cancel","params":{"id":1}}`)
	l.say(`{"method":"rpc.cancel","params":{"id":1}}`)
	l.say(`{"method":"rpc.more","params":{"id":1,"n":5}}`)
	l.hears(`{"id":1,"error":{"code":-32001,`)
	l.say(`{"id":2,"method":"probe.publish","params":{"name":"a","times":10}}`)
	l.hears(`{"id":2,"result":{"seq":10}}`) // and no item before it
	l.say(`{"id":3,"method":"probe.count","params":{"to":3},"window":10}`)
	for n := range 3 {
		l.hears(fmt.Sprintf(`{"method":"rpc.item","params":{"id":3,"value":{"n":%d}}}`, n+1))
	}
	l.hears(`{"id":3,"result":{}}`)
	l.say(ping)
	l.hears(pong)
	for _, road := range roads {
		for n := range 30 {
			c := d.open(road)
			member := []string{"tick", "value", "rows"}[n%3]
			io.WriteString(c, strings.Repeat(fmt.Sprintf(`{"id":%d,"method":"probe.%s","params":{"name":"%d"},"window":1}`+"\n", n, member, n), 2))
			if n%2 == 0 {
				c.closeWrite()
			}
			c.Close()
		}
	}
}

// Case 22: what nobody waits for is not answered, whatever becomes of it, and is told once.
//
// clause: M6
func TestCase22NotificationsThatFail(t *testing.T) {
	d := serve(t, nil)
	l := d.open("unix")
	l.say(`{"method":"probe.fail","params":{"how":"undeclared"}}`)
	l.say(ping)
	l.hears(pong)
	l.say(`{"id":2,"method":"probe.release","params":{"name":"x"}}`)
	l.hears(`{"id":2,"result":{"waited":0}}`)
	d.settledBut(2)
	if n := strings.Count(d.log.String(), "\n"); n != 1 || !strings.Contains(d.log.String(), "a secret of the service") {
		t.Errorf("%d lines: %s", n, d.log)
	}
	for _, text := range []string{
		`{"method":"no.such"}`, `{"method":"probe.echo","params":{"text":1}}`, `{"method":"probe.fail","params":{"how":"panic"}}`,
		`{"method":"probe.wait","params":{"name":"x"}}`, `{"method":"probe.count","params":{"to":3},"window":5}`, `{"method":"probe.tick","params":{"name":"a"},"window":1}`, `{"method":"rpc.none"}`,
	} {
		l.say(text)
		l.say(ping)
		l.hears(pong)
	}
	for _, end := range []string{`{"id":3,"method":"probe.release","params":{"name":"x"}}`, `{"id":3,"method":"probe.publish","params":{"name":"a","times":1}}`} {
		l.say(end)
		l.hears(`{"id":3,"result":{`)
	}
}

// Case 23: a batch, as the first and as a later message.
//
// clause: M3, F4, F5
func TestCase23Batch(t *testing.T) {
	d := serve(t, nil)
	for _, road := range roads {
		for _, batch := range []string{"[" + set + "]", "[" + set + "," + set + "]", "[]"} {
			l := d.open(road)
			l.say(ping)
			l.hears(pong)
			l.say(batch)
			l.hears(`{"id":null,"error":{"code":-32700,`)
			if rest := l.rest(); rest != "" {
				t.Errorf("%s over %s: %s", batch, road, rest)
			}
			l.Close()
		}
	}
	d.unset()
}
