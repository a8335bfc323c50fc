package conformance

import (
	"errors"
	"fmt"
	"slices"
)

// playLoss asks a topic that has nothing for what came after a position that it does
// not know. What of it rpc.live tells, the first item does not tell again.
func playLoss(e *end) *Fault {
	e.send(request("topic", "probe.tick", Object{{"name", "t"}},
		Member{"window", 2}, Member{"since", Object{{"epoch", "gone"}, {"seq", 4}}}))
	live := e.receive()
	p, _ := live.msg.at("params").(Object)
	if live.msg.at("method") != "rpc.live" || p.at("lost") != int64(-1) {
		return e.wrong("S12", `"since" of another epoch`, `rpc.live with "lost":-1`, told(live))
	}
	if epoch, ok := p.at("epoch").(string); !ok || len(epoch) > 32 {
		return e.wrong("S9", "probe.tick", `an "epoch" of at most 32 bytes`, told(live))
	}
	e.send(notification("probe.publish", Object{{"name", "t"}, {"times", 1}}))
	item := e.receive()
	p, _ = item.msg.at("params").(Object)
	if lost := p.at("lost"); item.msg.at("method") != "rpc.item" || lost != nil && lost != int64(0) {
		return e.wrong("S13", "probe.publish", `an item without "lost", which rpc.live has told`, told(item))
	}
	return nil
}

// playStats looks at the counters, does one thing of each kind, and looks again.
func playStats(e *end) *Fault {
	stats := func(id string) (Object, error) {
		o, err := e.ask(id, "rpc.stats", Object{})
		result, _ := o.at("result").(Object)
		return result, err
	}
	before, err := stats("before")
	if err != nil {
		return e.fault("R4", "", "rpc.stats", "an answer", err)
	}
	e.send(request("topic", "probe.tick", Object{{"name", "t"}}, Member{"window", 1}))
	e.send(request("wait", "probe.wait", Object{{"name", "a"}}))
	e.send(request("items", "probe.count", Object{{"to", 3}}, Member{"window", 3}))
	if _, err := e.answer("items"); err != nil {
		return e.fault("R4", "", "probe.count", "an answer", err)
	}
	after, err := stats("after")
	if err != nil {
		return e.fault("R4", "", "rpc.stats", "an answer", err)
	}
	sent := "a subscription, a call that waits and a stream of three items"
	for _, c := range []struct {
		name string
		more int64
	}{{"calls", 3}, {"items", 3}, {"bytes_in", 100}, {"bytes_out", 100}, {"in_flight", 1}, {"subscriptions", 1}} {
		then, ok := before.at(c.name).(int64)
		now, also := after.at(c.name).(int64)
		if !ok || !also || now < then+c.more {
			return e.fault("R4", "", sent, fmt.Sprintf("%q to be %d higher at least", c.name, c.more),
				errors.New(show(before)+", then "+show(after)))
		}
	}
	if _, err := e.ask("release", "probe.release", Object{{"name", "a"}}); err != nil {
		return e.fault("R4", "", "probe.release", "an answer", err)
	}
	return nil
}

// playOfRPC looks at what a peer says of its own methods and limits.
func playOfRPC(e *end) *Fault {
	o, err := e.ask("describe", "rpc.describe", Object{{"service", "rpc"}})
	if err != nil {
		return e.fault("R3", "", "rpc.describe service=rpc", "an answer", err)
	}
	result, _ := o.at("result").(Object)
	services, _ := result.at("services").([]any)
	var members []any
	if len(services) == 1 {
		service, _ := services[0].(Object)
		members, _ = service.at("members").([]any)
	}
	for _, name := range []string{"describe", "info", "ping", "stats"} {
		if !slices.ContainsFunc(members, func(m any) bool {
			member, _ := m.(Object)
			return member.at("kind") == "method" && member.at("name") == name
		}) {
			return e.wrong("R3", "rpc.describe service=rpc", "the one service rpc, with the method "+name, clip(show(o)))
		}
	}
	if o, err = e.ask("info", "rpc.info", Object{}); err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	result, _ = o.at("result").(Object)
	limits, _ := result.at("limits").(Object)
	for _, name := range []string{"message", "in_flight", "subscriptions", "window"} {
		if n, _ := limits.at(name).(int64); n < 1 {
			return e.wrong("R2", "rpc.info", fmt.Sprintf("%q among the limits", name), clip(show(o)))
		}
	}
	return nil
}
