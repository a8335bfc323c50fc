package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/sabir-ipc/sabir/vectors"
)

// serviceCases are the scenarios with the peer as the service that no
// conversation can hold: they count, or send much, or wait.
func serviceCases(enc string) []*one {
	scenario := func(name, clauses, about string, play func(*end) *Fault) *one {
		return &one{
			name: "service/" + enc + "/" + name, clauses: strings.Fields(clauses), about: about, tier: Full, role: "service", enc: enc,
			play: func(ctx context.Context, s *suite) *Fault { return s.service(ctx, "admin", enc, play) },
		}
	}
	all := []*one{
		scenario("pieces", "F1 C1", "bytes of a message come one by one, and two messages at once", playPieces),
		scenario("silence", "F2 F3", "a dialler that says nothing for a while is not dropped, and told nothing", playSilence),
		scenario("pipelined", "O2 O3", "many requests before the first answer is read, each answered once", playPipelined),
		scenario("unread", "O3 O5", "a client that does not read gets rpc.Busy when 8 MiB wait, and what was promised when it reads", playUnread),
		scenario("between", "O4 O5", "a reply does not wait for all items of a stream that nobody reads", playBetween),
		scenario("large", "B1 E4", "a result of 3 MiB, and one too large to send", playLarge),
		scenario("long", "B2", "a message longer than is taken: one rpc.TooLarge, then the end", playLong),
		scenario("long-list", "S8 B1", "a plain request on a stream is never answered by a part", playLongList),
		scenario("in-flight", "B3 S7", "one call more than may be in flight is rpc.Busy, and the others live on", playInFlight),
		scenario("in-line", "B3", "notifications over as many as may be in flight wait, and all run", playInLine),
		scenario("in-order", "B3", "notifications that wait for others begin in the order in which they came", playInOrder),
		scenario("subscriptions", "B3", "one subscription more than there may be is rpc.Busy", playSubscriptions),
		scenario("window-limit", "S1", "credit is cut at the limit of the window", playWindowLimit),
		scenario("bytes", "S8 C3", "a stream of bytes comes in pieces of at most 64 KiB", playBytes),
		scenario("reset", "S18", "a reader of a table that is too far behind gets a reset and the rows again", playReset),
		scenario("long-name", "B5", "what an error repeats is cut to 256 bytes", playLongName),
		scenario("long-key", "M8 E5", "the params of a topic, state or table have at most 4 KiB", playLongKey),
		scenario("loss", "S9 S13", "a loss that rpc.live has told is not told again", playLoss),
		scenario("stats", "R4", "the counters count", playStats),
		scenario("of-rpc", "R2 R3", "rpc is described when asked for by name, and rpc.info has the limits by theirs", playOfRPC),
		scenario("describe", "D1 D2 R3", "the description is that of vectors/probe.json", playDescribe),
		scenario("two-streams", "O1 O4", "streams do not hold each other up", playTwoStreams),
	}
	if enc == jsonLines {
		all = append(all, scenario("last-line", "F1 O6", "a last line without its end counts", playLastLine))
	}
	return append(all, &one{
		name: "service/" + enc + "/stop", clauses: []string{"O9"}, about: "SIGTERM: goaway, subscriptions end, new calls are refused, the rest may finish",
		tier: Full, role: "service", enc: enc, play: func(ctx context.Context, s *suite) *Fault { return s.playStop(ctx, enc) },
	})
}

func request(id any, method string, params Object, more ...Member) Object {
	return append(Object{{"id", id}, {"method", method}, {"params", params}}, more...)
}

func notification(method string, params Object) Object {
	return Object{{"method", method}, {"params", params}}
}

// errorName is data.name of a response, or "".
func errorName(o Object) string {
	failure, _ := o.at("error").(Object)
	data, _ := failure.at("data").(Object)
	name, _ := data.at("name").(string)
	return name
}

func errorParams(o Object) Object {
	failure, _ := o.at("error").(Object)
	data, _ := failure.at("data").(Object)
	params, _ := data.at("params").(Object)
	return params
}

// answer waits for the response to a call, and passes over what is not.
func (e *end) answer(id any) (Object, error) {
	want := show(id)
	for {
		a := e.receive()
		if a.msg == nil {
			return nil, fmt.Errorf("while the answer to %s was awaited: %s", want, told(a))
		}
		if !a.msg.has("method") && show(a.msg.at("id")) == want {
			return a.msg, nil
		}
	}
}

// ask makes a call and returns its response.
func (e *end) ask(id any, method string, params Object) (Object, error) {
	if err := e.send(request(id, method, params)); err != nil {
		return nil, err
	}
	return e.answer(id)
}

func (e *end) limit(name string, otherwise int) (int, error) {
	o, err := e.ask("info", "rpc.info", Object{})
	if err != nil {
		return 0, err
	}
	result, _ := o.at("result").(Object)
	limits, _ := result.at("limits").(Object)
	if n, ok := limits.at(name).(int64); ok {
		return int(n), nil
	}
	return otherwise, nil
}

func playPieces(e *end) *Fault {
	for _, c := range e.frame(request(1, "probe.echo", Object{{"text", "ä€😀"}})) {
		if err := e.raw([]byte{c}, fmt.Sprintf("%02x", c)); err != nil {
			return e.fault("F1", "", "byte after byte", "an answer", err)
		}
	}
	if _, err := e.answer(1); err != nil {
		return e.fault("F1", "", "byte after byte", "an answer", err)
	}
	e.raw(append(e.frame(request(2, "rpc.ping", Object{})), e.frame(request(3, "rpc.ping", Object{}))...), "two pings in one write")
	for _, id := range []int{2, 3} {
		if _, err := e.answer(id); err != nil {
			return e.fault("F1", "", "two pings in one write", "two answers", err)
		}
	}
	return nil
}

func playLastLine(e *end) *Fault {
	const line = `{"id":1,"method":"rpc.ping"}`
	e.raw([]byte(line), line+" and the end of the input")
	if err := e.closeWrite(); err != nil {
		return e.fault("F1", "", line, "an end", err)
	}
	if _, err := e.answer(1); err != nil {
		return e.fault("F1", "", line+" and the end of the input", "an answer", err)
	}
	return nil
}

func playSilence(e *end) *Fault {
	if a := e.within(time.Second); !errors.Is(a.err, errSilent) {
		return e.wrong("F2", "nothing", "nothing", told(a))
	}
	if _, err := e.ask(1, "rpc.ping", Object{}); err != nil {
		return e.fault("F3", "", "rpc.ping after a second", "an answer", err)
	}
	return nil
}

func playPipelined(e *end) *Fault {
	const n = 1000
	var all []byte
	for i := range n {
		all = append(all, e.frame(request(i, "probe.echo", Object{{"text", fmt.Sprint(i)}}))...)
	}
	if err := e.raw(all, "1000 requests of probe.echo"); err != nil {
		return e.fault("O3", "", "1000 requests at once", "the peer to read them", err)
	}
	seen := make(map[string]bool)
	for range n {
		a := e.receive()
		if a.msg == nil {
			return e.wrong("O3", "1000 requests at once", "1000 answers", fmt.Sprintf("%d, then %s", len(seen), told(a)))
		}
		id := show(a.msg.at("id"))
		result, _ := a.msg.at("result").(Object)
		if text := fmt.Sprint(a.msg.at("id")); result.at("text") != text && errorName(a.msg) != "rpc.Busy" {
			return e.wrong("L3", "1000 requests at once", `for each its own text, or rpc.Busy`, show(a.msg))
		}
		if seen[id] {
			return e.wrong("L3", "1000 requests at once", "one answer for each", "two for "+id)
		}
		seen[id] = true
	}
	return nil
}

// playUnread asks for 40 MiB and reads nothing until all is asked for. What a
// peer has not begun when 8 MiB wait is refused; it never stops reading. [O5]
func playUnread(e *end) *Fault {
	resume := e.pause()
	const all, size = 40, 1 << 20
	sent := "requests for 1 MiB each, nothing read"
	n, start := 0, time.Now()
	// A peer may close when nothing could be sent for 10 s. Where all is slow, 16 have to do.
	for i := 0; i < all && (i < 16 || time.Since(start) < 5*time.Second); i++ {
		if err := e.send(request(i, "probe.letters", Object{{"n", size}})); err != nil {
			resume()
			return e.fault("O3", "", sent, "the peer to read them", err)
		}
		n++
		time.Sleep(50 * time.Millisecond) // so that they are not all read before the first is answered
	}
	resume()
	whole, busy := 0, 0
	for range n {
		a := e.receive()
		result, _ := a.msg.at("result").(Object)
		text, _ := result.at("text").(string)
		switch {
		case len(text) == size:
			whole++
		case errorName(a.msg) == "rpc.Busy":
			busy++
		default:
			return e.wrong("O5", sent, "1 MiB or rpc.Busy for each", clip(told(a)))
		}
	}
	if busy == 0 {
		return e.wrong("O5", sent, "rpc.Busy once 8 MiB wait", fmt.Sprintf("%d MiB", n))
	}
	return nil
}

func playLarge(e *end) *Fault {
	o, err := e.ask(1, "probe.letters", Object{{"n", 3 << 20}})
	if err != nil {
		return e.fault("B1", "", "probe.letters n=3145728", "the letters", err)
	}
	result, _ := o.at("result").(Object)
	if text, _ := result.at("text").(string); len(text) != 3<<20 {
		return e.wrong("B1", "probe.letters n=3145728", "as many letters", clip(show(o)))
	}
	max, err := e.limit("message", 4<<20)
	if err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	o, err = e.ask(2, "probe.letters", Object{{"n", max + 1}})
	if err != nil {
		return e.fault("B1", "", fmt.Sprintf("probe.letters n=%d", max+1), "rpc.TooLarge", err)
	}
	if p := errorParams(o); errorName(o) != "rpc.TooLarge" || p.at("limit") != int64(max) || p.at("started") != true {
		return e.wrong("E4", fmt.Sprintf("probe.letters n=%d", max+1), fmt.Sprintf(`rpc.TooLarge with "limit":%d and "started":true`, max), clip(show(o)))
	}
	return nil
}

func playLong(e *end) *Fault {
	max, err := e.limit("message", 4<<20)
	if err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	// Up to twice what may be sent is taken: who counts otherwise is not cut off.
	o, err := e.ask("taken", "probe.echo", Object{{"text", strings.Repeat("x", 2*max-100)}})
	if err == nil && errorName(o) != "rpc.InvalidParams" {
		err = errors.New(clip(show(o)))
	}
	if err != nil {
		return e.fault("B2", "", fmt.Sprintf("a text of %d bytes, where 10 are the most", 2*max-100), "rpc.InvalidParams, as of any text", err)
	}
	text := strings.Repeat("x", 2*max+100)
	sent := fmt.Sprintf("a message of more than %d bytes", 2*max)
	// The peer may close before it has all, so that the rest cannot be written.
	go e.raw(e.frame(request(1, "probe.echo", Object{{"text", text}})), sent)
	a := e.receive()
	if a.msg == nil || errorName(a.msg) != "rpc.TooLarge" || !a.msg.has("id") || a.msg.at("id") != nil {
		return e.wrong("B2", sent, `rpc.TooLarge with "id":null`, clip(told(a)))
	}
	if a := e.receive(); a.err == nil || errors.Is(a.err, errSilent) {
		return e.wrong("B2", sent, "the end", told(a))
	}
	return nil
}

func playLongList(e *end) *Fault {
	o, err := e.ask(1, "probe.count", Object{{"to", 700000}})
	if err != nil {
		return e.fault("S8", "", "probe.count to=700000, without window", "rpc.TooLarge", err)
	}
	if errorName(o) != "rpc.TooLarge" {
		return e.wrong("S8", "probe.count to=700000, without window", "rpc.TooLarge", clip(show(o)))
	}
	return nil
}

// items counts those of a call until the answer to a ping comes.
func (e *end) items(id any) (n int, last Object, err error) {
	e.send(request("fence", "rpc.ping", Object{}))
	for fenced := false; ; {
		d := e.patience
		if fenced {
			d = 300 * time.Millisecond // items may come behind the answer: no order is promised
		}
		a := e.within(d)
		switch {
		case fenced && errors.Is(a.err, errSilent):
			return n, last, nil
		case a.msg == nil:
			return n, last, errors.New(told(a))
		case a.msg.at("id") == "fence":
			fenced = true
		case a.msg.at("method") == "rpc.item":
			if p, _ := a.msg.at("params").(Object); show(p.at("id")) == show(id) {
				n, last = n+1, p
			}
		}
	}
}

func playWindowLimit(e *end) *Fault {
	max, err := e.limit("window", 1024)
	if err != nil {
		return e.fault("R2", "", "rpc.info", "an answer", err)
	}
	e.send(request(1, "probe.count", Object{{"to", 4 * max}}, Member{"window", 2 * max}))
	n, _, err := e.items(1)
	if err != nil || n != max {
		return e.wrong("S1", fmt.Sprintf(`"window":%d`, 2*max), fmt.Sprintf("%d items", max), fmt.Sprintf("%d items, %v", n, err))
	}
	e.send(notification("rpc.more", Object{{"id", 1}, {"n", 2 * max}}))
	n, _, err = e.items(1)
	if err != nil || n != max {
		return e.wrong("S1", fmt.Sprintf(`rpc.more "n":%d`, 2*max), fmt.Sprintf("%d items more", max), fmt.Sprintf("%d items, %v", n, err))
	}
	return nil
}

func playBytes(e *end) *Fault {
	const size = 200_000
	e.send(request(1, "probe.bytes", Object{{"n", size}}, Member{"window", 0}))
	for sum := 0; ; {
		a := e.receive()
		if a.msg == nil {
			return e.wrong("S8", "probe.bytes n=200000", "items and an answer", told(a))
		}
		if !a.msg.has("method") {
			if sum != size {
				return e.wrong("S8", "probe.bytes n=200000", "200000 bytes", fmt.Sprintf("%d, then %s", sum, show(a.msg)))
			}
			return nil
		}
		p, _ := a.msg.at("params").(Object)
		piece, err := bytesOf(p.at("value"), e.enc)
		if err != nil {
			return e.fault("C3", "", "probe.bytes n=200000", "bytes", err)
		}
		if len(piece) > 64<<10 {
			return e.wrong("S8", "probe.bytes n=200000", "at most 65536 bytes an item", fmt.Sprint(len(piece)))
		}
		sum += len(piece)
	}
}

func playLongName(e *end) *Fault {
	o, err := e.ask(1, "probe."+strings.Repeat("x", 1000), Object{})
	if err != nil {
		return e.fault("B5", "", "a method of 1006 bytes", "rpc.MethodNotFound", err)
	}
	want := "probe." + strings.Repeat("x", 250) + "…"
	if name := errorParams(o).at("method"); name != want {
		return e.wrong("B5", "a method of 1006 bytes", fmt.Sprintf(`"method":%q`, want), show(o))
	}
	return nil
}

func playDescribe(e *end) *Fault {
	text, err := vectors.FS.ReadFile("probe.json")
	if err != nil {
		return e.fault("D1", "", "", "vectors/probe.json", err)
	}
	want, err := parseJSON(bytes.TrimSpace(text))
	if err != nil {
		return e.fault("D1", "", "", "vectors/probe.json", err)
	}
	o, err := e.ask(1, "rpc.describe", Object{{"service", "probe"}})
	if err != nil {
		return e.fault("R3", "", "rpc.describe", "an answer", err)
	}
	result, _ := o.at("result").(Object)
	services, _ := result.at("services").([]any)
	if len(services) != 1 {
		return e.wrong("R3", "rpc.describe service=probe", "one service", clip(show(o)))
	}
	if err := make(names).match("services[0]", want, services[0]); err != nil {
		return e.fault("D1", "vectors/probe.json", "rpc.describe service=probe", "that description", err)
	}
	return nil
}

func playTwoStreams(e *end) *Fault {
	e.send(request("slow", "probe.count", Object{{"to", 100}}, Member{"window", 1}))
	e.send(request("fast", "probe.count", Object{{"to", 100}}, Member{"window", 100}))
	for n, slow := 0, 0; ; {
		a := e.receive()
		if a.msg == nil {
			return e.wrong("O4", "two streams, one without credit", "the other to end", told(a))
		}
		if a.msg.at("id") == "fast" {
			if n != 100 || slow > 1 {
				return e.wrong("O1", "two streams", "100 items of the fast one, one of the slow", fmt.Sprintf("%d and %d", n, slow))
			}
			return nil
		}
		p, _ := a.msg.at("params").(Object)
		if value, _ := p.at("value").(Object); p.at("id") == "fast" {
			if n++; value.at("n") != int64(n) {
				return e.wrong("O1", "a stream", fmt.Sprintf("item %d", n), show(a.msg))
			}
		} else {
			slow++
		}
	}
}

// playStop sends the signal on which a server stops.
func (s *suite) playStop(ctx context.Context, enc string) *Fault {
	c, err := start(ctx, s.command, nil, "serve", "admin")
	if err != nil {
		return &Fault{Clause: "O9", Expected: "the peer to start", Came: err.Error()}
	}
	defer c.Close()
	e := newEnd(c, enc, max(s.opts.Patience, 15*time.Second)) // the peer may take 10 s
	go e.listen(false)
	if enc == cborItems {
		e.write(magic)
	}
	e.send(request("topic", "probe.tick", Object{{"name", "t"}}, Member{"window", 9}))
	e.send(request("wait", "probe.wait", Object{{"name", "a"}}))
	if _, err := e.ask("ping", "rpc.ping", Object{}); err != nil {
		return e.fault("O9", "", "rpc.ping", "an answer", err)
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return e.fault("O9", "", "SIGTERM", "a process", err)
	}
	seen := make(map[string]bool)
	for !seen["goaway"] || !seen["topic"] {
		a := e.receive()
		switch {
		case a.msg == nil:
			return e.wrong("O9", "SIGTERM", "rpc.goaway, and rpc.Cancelled for the subscription", told(a))
		case a.msg.at("method") == "rpc.goaway":
			seen["goaway"] = true
		case a.msg.at("id") == "topic" && errorName(a.msg) == "rpc.Cancelled":
			seen["topic"] = true
		case a.msg.at("method") != "rpc.live":
			return e.wrong("O9", "SIGTERM", "rpc.goaway, and rpc.Cancelled for the subscription", show(a.msg))
		}
	}
	o, err := e.ask("late", "probe.nothing", Object{})
	if err != nil || errorName(o) != "rpc.Draining" {
		return e.fault("O9", "", "a call after rpc.goaway", "rpc.Draining", errors.Join(err, errors.New(show(o))))
	}
	if o, err = e.answer("wait"); err != nil || errorName(o) != "rpc.Cancelled" {
		return e.fault("O9", "", "SIGTERM", "rpc.Cancelled for the call that still runs, within 10 s", errors.Join(err, errors.New(show(o))))
	}
	if a := e.receive(); a.err == nil || errors.Is(a.err, errSilent) {
		return e.wrong("O9", "SIGTERM", "the end", told(a))
	}
	if err := c.leave(s.opts.Patience); err != nil {
		return e.fault("O9", "", "SIGTERM", "the peer to exit with 0", err)
	}
	return nil
}
