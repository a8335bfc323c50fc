package conformance

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// The scenarios of streams and subscriptions with the peer as the client.

func playStream(k *steps) {
	const total = 600
	n := k.c.do("items", "probe.count", Object{{"to", total}}, Member{"window", 8})
	s, o, err := k.c.first("probe.count")
	if k.s = s; !k.ok("S1", "a stream", "a request", err) {
		return
	}
	credit, _ := o.at("window").(int64)
	if credit < 1 {
		k.ok("S1", "a stream with a window", `"window" above 0`, errors.New(show(o)))
		return
	}
	for i := 1; i <= total; i++ {
		for credit == 0 {
			m, err := s.message()
			if !k.ok("S1", fmt.Sprintf("%d items", i-1), "rpc.more", err) {
				return
			}
			p, _ := m.at("params").(Object)
			if m.at("method") != "rpc.more" || show(p.at("id")) != show(o.at("id")) {
				k.ok("S1", fmt.Sprintf("%d items", i-1), "rpc.more of the call", errors.New(show(m)))
				return
			}
			credit, _ = p.at("n").(int64)
		}
		credit--
		if !k.ok("O3", "an item", "the client to read", s.tell(o, "rpc.item", Member{"value", number(i)})) {
			return
		}
	}
	s.reply(o, Member{"result", nil})
	for i := 1; i <= total; i++ {
		if !k.ok("O1", "items in order", "each once", k.c.tells(n, Object{{"item", Object{{"n", int64(i)}}}})) {
			return
		}
	}
	k.ok("S6", "the response", "the end", k.c.tells(n, Object{{"end", true}}))
}

func playClientBytes(k *steps) {
	n := k.c.do("items", "probe.bytes", Object{{"n", 5}})
	s, o, err := k.c.first("probe.bytes")
	if k.s = s; !k.ok("S1", "a stream", "a request", err) {
		return
	}
	data := []byte{0, 255, 16, '<', 200}
	var value any = base64.StdEncoding.EncodeToString(data)
	if k.c.enc == cborItems {
		value = Bytes{data, true}
	}
	s.tell(o, "rpc.item", Member{"value", value})
	k.ok("C3", "bytes", "the bytes, as base64 text in the note", k.c.tells(n, Object{{"item", "AP8QPMg="}}))
	if k.c.enc == cborItems {
		s.tell(o, "rpc.item", Member{"value", Bytes{data, false}})
		k.ok("C3", "bytes without tag 22", "the bytes", k.c.tells(n, Object{{"item", "AP8QPMg="}}))
		s.tell(o, "rpc.item", Member{"value", "AP8QPMg="})
		k.ok("C3", "bytes as base64 text", "the bytes", k.c.tells(n, Object{{"item", "AP8QPMg="}}))
	}
	s.reply(o, Member{"result", nil})
	k.ok("S6", "the response", "the end", k.c.tells(n, Object{{"end", true}}))
}

// cancelled waits for rpc.cancel of a call, answers the call, and for its end.
func (k *steps) cancelled(n int, o Object) bool {
	for {
		m, err := k.s.message()
		if !k.ok("S7", "an order to cancel", "rpc.cancel", err) {
			return false
		}
		p, _ := m.at("params").(Object)
		if m.at("method") == "rpc.cancel" && show(p.at("id")) == show(o.at("id")) {
			break
		}
		if m.at("method") != "rpc.more" {
			return k.ok("S7", "an order to cancel", "rpc.cancel of "+show(o.at("id")), errors.New(show(m)))
		}
	}
	k.s.reply(o, failure(-32001, "rpc.Cancelled", nil))
	got, err := k.c.told(n)
	if err == nil {
		if e, _ := got.at("error").(Object); got.at("end") != true && e.at("name") != "rpc.Cancelled" {
			err = errors.New(show(got))
		}
	}
	return k.ok("S7", "an order to cancel", `"end":true or rpc.Cancelled`, err)
}

func playCancel(k *steps) {
	n := k.c.do("call", "probe.wait", Object{{"name", "a"}})
	s, o, err := k.c.first("probe.wait")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	k.c.cancel(n)
	if !k.cancelled(n, o) {
		return
	}
	n = k.c.do("items", "probe.count", Object{{"to", 100}})
	if o, err = s.requestFor("probe.count"); !k.ok("S7", "a stream", "a request", err) {
		return
	}
	s.tell(o, "rpc.item", Member{"value", number(1)})
	k.ok("S7", "an item", "the item", k.c.tells(n, Object{{"item", Object{{"n", int64(1)}}}}))
	k.c.cancel(n)
	if k.cancelled(n, o) {
		// Late items of a call that is over do no harm.
		s.tell(o, "rpc.item", Member{"value", number(2)})
		k.then("S7", "rpc.cancel")
	}
}

func playTimeout(k *steps) {
	n := k.c.do("call", "probe.wait", Object{{"name", "a"}}, Member{"timeout", 0.3})
	s, o, err := k.c.first("probe.wait")
	if k.s = s; !k.ok("L2", "a call", "a request", err) {
		return
	}
	limit, _ := o.at("timeout").(float64)
	if limit <= 0 || limit > 0.3 {
		k.ok("M9", "a call with 0.3 s", `"timeout" above 0 and at most 0.3`, errors.New(show(o)))
		return
	}
	if k.ok("M9", "no answer", "rpc.DeadlineExceeded", k.c.fails(n, "rpc.DeadlineExceeded")) {
		s.reply(o, Member{"result", Object{{"released", true}}})
		n := k.c.do("call", "probe.echo", hi)
		for {
			m, err := s.message()
			if !k.ok("M9", "a response that comes too late", "the connection to live on", err) {
				return
			}
			if m.at("method") == "probe.echo" {
				s.reply(m, Member{"result", hi})
				k.ok("M9", "a response that comes too late", "the next result", k.c.tells(n, Object{{"result", hi}}))
				return
			}
		}
	}
}

var named = Object{{"name", "t"}}

// live sends rpc.live of a topic.
func (s *service) live(of Object, epoch string, seq, lost int) {
	s.tell(of, "rpc.live", Member{"epoch", epoch}, Member{"seq", seq}, Member{"lost", lost})
}

func playTopic(k *steps) {
	n := k.c.do("watch", "probe.tick", named)
	s, o, err := k.c.first("probe.tick")
	if k.s = s; !k.ok("S11", "a topic", "a request", err) {
		return
	}
	if window, ok := o.at("window").(int64); !ok || window < 0 || o.has("since") && o.at("since") != nil {
		k.ok("S11", "a topic, from now on", `"window", and no "since"`, errors.New(show(o)))
		return
	}
	s.live(o, "e1", 7, 0)
	if !k.ok("S11", "rpc.live", "live", k.c.tells(n, Object{{"live", true}})) {
		return
	}
	s.tell(o, "rpc.item", Member{"seq", 8}, Member{"value", number(8)})
	k.ok("S11", "an item", "the item", k.c.tells(n, Object{{"item", Object{{"n", int64(8)}}}}))
	s.tell(o, "rpc.item", Member{"seq", 12}, Member{"lost", 3}, Member{"value", number(12)})
	k.ok("S13", `an item with "lost":3`, "the item and how many were lost", k.c.tells(n, Object{{"item", Object{{"n", int64(12)}}}, {"lost", int64(3)}}))
	s.reply(o, failure(-32004, "rpc.Denied", Object{{"needs", "admin"}}))
	k.ok("S19", "rpc.Denied", "the error, and no further try", k.c.fails(n, "rpc.Denied"))
}

// since is the position that a request asks from.
func since(o Object) string {
	p, _ := o.at("since").(Object)
	return fmt.Sprint(p.at("epoch"), ":", p.at("seq"))
}

func playResume(k *steps) {
	n := k.c.do("watch", "probe.tick", named)
	s, o, err := k.c.first("probe.tick")
	if k.s = s; !k.ok("S11", "a topic", "a request", err) {
		return
	}
	s.live(o, "e1", 7, 0)
	k.ok("S11", "rpc.live", "live", k.c.tells(n, Object{{"live", true}}))
	s.tell(o, "rpc.item", Member{"seq", 8}, Member{"value", number(8)})
	if !k.ok("S11", "an item", "the item", k.c.tells(n, Object{{"item", Object{{"n", int64(8)}}}})) {
		return
	}
	s.cut()
	if !k.ok("S12", "the end of the connection", "down", k.c.tells(n, Object{{"down", true}})) {
		return
	}
	s, o, err = k.c.first("probe.tick")
	if k.s = s; !k.ok("S12", "the end of the connection", "the subscription on a new one", err) {
		return
	}
	if since(o) != "e1:8" {
		k.ok("S12", "item 8 of epoch e1, then the end", `"since":{"epoch":"e1","seq":8}`, errors.New(show(o)))
		return
	}
	s.tell(o, "rpc.item", Member{"seq", 10}, Member{"lost", 1}, Member{"value", number(10)})
	s.live(o, "e1", 10, 0)
	k.ok("S13", `an item with "lost":1`, "the item, and that one was lost", k.c.tells(n, Object{{"item", Object{{"n", int64(10)}}}, {"lost", int64(1)}}))
	k.ok("S12", "rpc.live", "live", k.c.tells(n, Object{{"live", true}}))
	s.cut()
	if !k.ok("S12", "the end of the connection", "down", k.c.tells(n, Object{{"down", true}})) {
		return
	}
	s, o, err = k.c.first("probe.tick")
	if k.s = s; !k.ok("S12", "the end of the connection", "the subscription on a new one", err) {
		return
	}
	if since(o) != "e1:10" {
		k.ok("S12", "item 10, then the end", `"since":{"epoch":"e1","seq":10}`, errors.New(show(o)))
		return
	}
	s.live(o, "e2", 0, -1)
	k.ok("S12", `rpc.live of another epoch, "lost":-1`, "live, and that an unknown number was lost", k.c.tells(n, Object{{"live", true}, {"lost", int64(-1)}}))
	s.tell(o, "rpc.item", Member{"seq", 1}, Member{"value", number(1)})
	k.ok("S12", "an item", "the item", k.c.tells(n, Object{{"item", Object{{"n", int64(1)}}}}))
}

func playEarlyBreak(k *steps) {
	n := k.c.do("watch", "probe.tick", named)
	s, o, err := k.c.first("probe.tick")
	if k.s = s; !k.ok("S11", "a topic", "a request", err) {
		return
	}
	s.live(o, "e1", 7, 0)
	k.ok("S11", "rpc.live", "live", k.c.tells(n, Object{{"live", true}}))
	s.cut()
	k.ok("S12", "the end of the connection", "down", k.c.tells(n, Object{{"down", true}}))
	s, o, err = k.c.first("probe.tick")
	if k.s = s; !k.ok("S12", "the end of the connection", "the subscription on a new one", err) {
		return
	}
	s.tell(o, "rpc.item", Member{"seq", 3}, Member{"epoch", "e2"}, Member{"lost", -1}, Member{"value", number(3)})
	if !k.ok("S12", "the first item of another epoch", "the item, an unknown number lost", k.c.tells(n, Object{{"item", Object{{"n", int64(3)}}}, {"lost", int64(-1)}})) {
		return
	}
	s.cut() // before rpc.live
	s, o, err = k.c.first("probe.tick")
	if k.s = s; k.ok("S12", "the end of the connection before rpc.live", "the subscription on a new one", err) && since(o) != "e2:3" {
		k.ok("S12", "item 3 of epoch e2, then the end before rpc.live", `"since":{"epoch":"e2","seq":3}`, errors.New(show(o)))
	}
}

func playState(k *steps) {
	n := k.c.do("watch", "probe.value", named)
	s, o, err := k.c.first("probe.value")
	if k.s = s; !k.ok("S16", "a state", "a request", err) {
		return
	}
	s.tell(o, "rpc.item", Member{"value", number(1)})
	s.tell(o, "rpc.live")
	k.ok("S16", "the value", "the value", k.c.tells(n, Object{{"item", Object{{"n", int64(1)}}}}))
	k.ok("S16", "rpc.live", "live", k.c.tells(n, Object{{"live", true}}))
	s.cut()
	k.ok("S16", "the end of the connection", "down", k.c.tells(n, Object{{"down", true}}))
	s, o, err = k.c.first("probe.value")
	if k.s = s; !k.ok("S16", "the end of the connection", "the subscription on a new one", err) {
		return
	}
	if o.at("since") != nil {
		k.ok("S16", "the end of the connection", "no since: a state has no positions", errors.New(show(o)))
	}
	s.tell(o, "rpc.item", Member{"value", number(2)})
	k.ok("S16", "the value", "the value", k.c.tells(n, Object{{"item", Object{{"n", int64(2)}}}}))
}

func row(key string, n int) []Member { return []Member{{"key", key}, {"value", number(n)}} }

func rowTold(key string, n int) Object {
	return Object{{"key", key}, {"item", Object{{"n", int64(n)}}}}
}

func playTable(k *steps) {
	n := k.c.do("watch", "probe.rows", named)
	s, o, err := k.c.first("probe.rows")
	if k.s = s; !k.ok("S17", "a table", "a request", err) {
		return
	}
	s.tell(o, "rpc.item", row("", 1)...)
	s.tell(o, "rpc.item", row("b", 2)...)
	s.tell(o, "rpc.live")
	k.ok("S17", "a row with an empty key", "the row", k.c.tells(n, rowTold("", 1)))
	k.ok("S17", "a row", "the row", k.c.tells(n, rowTold("b", 2)))
	k.ok("S17", "rpc.live", "live", k.c.tells(n, Object{{"live", true}}))
	s.tell(o, "rpc.item", row("c", 3)...)
	s.tell(o, "rpc.item", Member{"key", ""}, Member{"gone", true})
	k.ok("S17", "a new row", "the row", k.c.tells(n, rowTold("c", 3)))
	k.ok("S17", "a row that is gone", "that it is gone", k.c.tells(n, Object{{"key", ""}, {"gone", true}}))
	s.cut()
	k.ok("S17", "the end of the connection", "down", k.c.tells(n, Object{{"down", true}}))
	s, o, err = k.c.first("probe.rows")
	if k.s = s; !k.ok("S17", "the end of the connection", "the subscription on a new one", err) {
		return
	}
	s.tell(o, "rpc.item", row("c", 3)...)
	s.tell(o, "rpc.live")
	// Either the client tells what is gone, or it tells all rows again before
	// live, which says the same.
	gone, again := false, false
	for {
		got, err := k.c.told(n)
		if !k.ok("S17", "row c, then rpc.live", "live", err) {
			return
		}
		gone = gone || got.at("key") == "b" && got.at("gone") == true
		again = again || got.at("key") == "c" && got.has("item")
		if got.at("live") == true {
			break
		}
	}
	if !gone && !again {
		k.ok("S17", "row c, then rpc.live", "row c, or that b is gone, before live", errors.New("live alone"))
	}
}

func playClientReset(k *steps) {
	n := k.c.do("watch", "probe.rows", named)
	s, o, err := k.c.first("probe.rows")
	if k.s = s; !k.ok("S17", "a table", "a request", err) {
		return
	}
	s.tell(o, "rpc.item", row("a", 1)...)
	s.tell(o, "rpc.item", row("b", 2)...)
	s.tell(o, "rpc.live")
	k.ok("S17", "a row", "the row", k.c.tells(n, rowTold("a", 1)))
	k.ok("S17", "a row", "the row", k.c.tells(n, rowTold("b", 2)))
	k.ok("S17", "rpc.live", "live", k.c.tells(n, Object{{"live", true}}))
	s.tell(o, "rpc.item", Member{"reset", true})
	s.tell(o, "rpc.item", row("b", 5)...)
	s.tell(o, "rpc.live")
	// How a client tells it is its own affair; in the end b is 5 and a is gone.
	seen := map[string]string{"a": "1", "b": "2"}
	for deadline := time.Now().Add(k.c.s.opts.Patience); seen["a"] != "gone" || seen["b"] != "5"; {
		got, err := k.c.told(n)
		if err == nil && time.Now().After(deadline) {
			err = errSilent
		}
		if !k.ok("S18", "a reset, b is 5, rpc.live", "that a is gone (or a reset) and b is 5", err) {
			return
		}
		key, _ := got.at("key").(string)
		switch value, _ := got.at("item").(Object); {
		case got.at("reset") == true:
			seen = map[string]string{"a": "gone"}
		case got.at("gone") == true:
			seen[key] = "gone"
		case got.has("key"):
			seen[key] = show(value.at("n"))
		}
	}
}
