package conformance

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// playBetween has a stream without credit, and reads none of it until something else
// was asked. Half of the stream is far more than the short queue that a reply waits for,
// so a peer that is slow to read the question passes.
func playBetween(e *end) *Fault {
	const size, most = 24 << 20, 12 << 20
	sent := fmt.Sprintf(`probe.bytes n=%d with "window":0, nothing read, then rpc.ping`, size)
	resume := e.pause()
	e.send(request("bytes", "probe.bytes", Object{{"n", size}}, Member{"window", 0}))
	time.Sleep(500 * time.Millisecond) // for what the peer writes unasked
	err := e.send(request("ping", "rpc.ping", Object{}))
	time.Sleep(500 * time.Millisecond)
	resume()
	if err != nil {
		return e.fault("O3", "", sent, "the peer to read it", err)
	}
	for before := 0; ; {
		a := e.receive()
		if a.msg == nil {
			return e.wrong("O4", sent, "an answer to the ping", told(a))
		}
		if a.msg.at("id") == "ping" {
			if a.msg.at("error") != nil || before > most {
				return e.wrong("O4", sent, "an answer behind a short queue", fmt.Sprintf("%s behind %d bytes", clip(show(a.msg)), before))
			}
			break
		}
		p, _ := a.msg.at("params").(Object)
		piece, _ := bytesOf(p.at("value"), e.enc)
		before += len(piece)
	}
	e.send(notification("rpc.cancel", Object{{"id", "bytes"}}))
	if _, err := e.answer("bytes"); err != nil {
		return e.fault("S7", "", "rpc.cancel", "an answer", err)
	}
	return nil
}

func playInFlight(e *end) *Fault {
	max, err := e.limit("in_flight", 128)
	if err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	for i := range max {
		e.send(request(i, "probe.wait", Object{{"name", "a"}}))
	}
	o, err := e.ask("more", "probe.wait", Object{{"name", "a"}})
	if err != nil {
		return e.fault("B3", "", fmt.Sprintf("call %d", max+1), "rpc.Busy", err)
	}
	if errorName(o) != "rpc.Busy" || errorParams(o).at("limit") != "in_flight" {
		return e.wrong("B3", fmt.Sprintf("call %d", max+1), `rpc.Busy with "limit":"in_flight"`, show(o))
	}
	e.send(notification("rpc.cancel", Object{{"id", 0}}))
	if o, err = e.answer(0); err != nil || errorName(o) != "rpc.Cancelled" {
		return e.fault("S7", "", "rpc.cancel of the first", "rpc.Cancelled", errors.Join(err, errors.New(show(o))))
	}
	// Its slot is free when its handler has returned, which takes a moment.
	for try := 0; ; try++ {
		e.send(request(fmt.Sprint("release", try), "probe.release", Object{{"name", "a"}}))
		got := make(map[string]bool)
		for {
			a := e.receive()
			if a.msg == nil {
				return e.wrong("B3", "probe.release", "the calls that wait to be answered", told(a))
			}
			if a.msg.at("id") == fmt.Sprint("release", try) {
				if errorName(a.msg) == "rpc.Busy" && try < 100 {
					time.Sleep(20 * time.Millisecond) // for the handler
					break
				}
				if result, _ := a.msg.at("result").(Object); result.at("waited") != int64(max-1) && result.at("waited") != int64(max) {
					// The cancelled one may not have heard of it yet.
					return e.wrong("B3", "probe.release", fmt.Sprintf(`"waited":%d`, max-1), show(a.msg))
				}
			}
			got[show(a.msg.at("id"))] = true
			if len(got) == max {
				return nil
			}
		}
	}
}

func playInLine(e *end) *Fault {
	max, err := e.limit("in_flight", 128)
	if err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	all := max + max/2
	for range all {
		e.send(notification("probe.wait", Object{{"name", "a"}}))
	}
	// Those in line begin when others have ended, which takes a moment.
	ran := 0
	for try := 0; ran < all && try < 100; try++ {
		o, err := e.ask(try, "probe.release", Object{{"name", "a"}})
		if err != nil {
			return e.fault("B3", "", "probe.release", "the number of those that wait", err)
		}
		result, _ := o.at("result").(Object)
		waited, ok := result.at("waited").(int64)
		if !ok {
			return e.wrong("B3", "probe.release", "the number of those that wait", show(o))
		}
		if ran += int(waited); waited == 0 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	if ran != all {
		return e.wrong("B3", fmt.Sprintf("%d notifications of probe.wait", all), "all of them run", fmt.Sprintf("%d ran", ran))
	}
	return nil
}

// playInOrder fills the line: the first of those that wait take all the room there
// is, so the last one cannot have begun, whoever is slow.
func playInOrder(e *end) *Fault {
	max, err := e.limit("in_flight", 128)
	if err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	sent := fmt.Sprintf("%d notifications of probe.wait, %d more, and one", max, max)
	for _, name := range []string{"first", "then"} {
		for range max {
			e.send(notification("probe.wait", Object{{"name", name}}))
		}
	}
	e.send(notification("probe.wait", Object{{"name", "last"}}))
	release := func(id, name string) (int64, error) {
		o, err := e.ask(id, "probe.release", Object{{"name", name}})
		if err != nil {
			return 0, err
		}
		result, _ := o.at("result").(Object)
		waited, ok := result.at("waited").(int64)
		if !ok {
			return 0, errors.New(show(o))
		}
		return waited, nil
	}
	// Handlers begin and end in a time of their own, and one that is late is no fault.
	ran := make(map[string]int64)
	for try := range 500 {
		for _, name := range []string{"first", "last", "then"} {
			if name == "then" && try < 10 {
				continue // none of them ends yet
			}
			n, err := release(fmt.Sprint(name, try), name)
			if err != nil {
				return e.fault("B3", "", "probe.release", "the number of those that wait", err)
			}
			if ran[name] += n; ran["last"] > 0 && ran["then"] == 0 {
				return e.wrong("B3", sent, "the last to begin when one of the others has ended", fmt.Sprintf("it runs when %d of the first have ended", ran["first"]))
			}
		}
		if ran["first"]+ran["then"]+ran["last"] == int64(2*max+1) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return e.wrong("B3", sent, "all of them to run", fmt.Sprintf("%d ran", ran["first"]+ran["then"]+ran["last"]))
}

func playLongKey(e *end) *Fault {
	max, err := e.limit("key", 4<<10)
	if err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	for _, method := range []string{"probe.tick", "probe.value", "probe.rows"} {
		e.send(request(method, method, Object{{"name", strings.Repeat("x", max+1)}}, Member{"window", 1}))
		o, err := e.answer(method)
		if err != nil {
			return e.fault("M8", "", fmt.Sprintf("%s with a name of %d bytes", method, max+1), "rpc.InvalidParams", err)
		}
		faults, _ := errorParams(o).at("faults").([]any)
		var fault Object
		if len(faults) == 1 {
			fault, _ = faults[0].(Object)
		}
		if errorName(o) != "rpc.InvalidParams" || fault.at("path") != "" {
			return e.wrong("M8", fmt.Sprintf("%s with a name of %d bytes", method, max+1), `rpc.InvalidParams with one fault, at the path ""`, clip(show(o)))
		}
	}
	return nil
}

func playSubscriptions(e *end) *Fault {
	max, err := e.limit("subscriptions", 256)
	if err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	for i := range max {
		e.send(request(i, "probe.tick", Object{{"name", "t"}}, Member{"window", 1}))
	}
	e.send(request("more", "probe.tick", Object{{"name", "t"}}, Member{"window", 1}))
	o, err := e.answer("more")
	if err != nil {
		return e.fault("B3", "", fmt.Sprintf("subscription %d", max+1), "rpc.Busy", err)
	}
	if errorName(o) != "rpc.Busy" || errorParams(o).at("limit") != "subscriptions" {
		return e.wrong("B3", fmt.Sprintf("subscription %d", max+1), `rpc.Busy with "limit":"subscriptions"`, show(o))
	}
	if _, err := e.ask("ping", "rpc.ping", Object{}); err != nil {
		return e.fault("B3", "", "rpc.ping", "an answer: calls are counted apart", err)
	}
	return nil
}
