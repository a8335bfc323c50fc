package conformance

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
)

// bytesOf reads a value of type bytes as it is written in an encoding.
func bytesOf(v any, enc string) ([]byte, error) {
	if enc == cborItems {
		b, ok := v.(Bytes)
		if !ok || !b.Tagged {
			return nil, fmt.Errorf("[C3] %s, and no byte string with tag 22", clip(show(v)))
		}
		return b.Data, nil
	}
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("[T3] %s, and no text", clip(show(v)))
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("[T3] %w", err)
	}
	return data, nil
}

// playReset leaves a reader of a table so far behind that more keys wait than
// the table has rows, and more than 1024. [S18]
func playReset(e *end) *Fault {
	if o, err := e.ask("put", "probe.put", Object{{"name", "t"}, {"key", "first"}, {"n", 0}}); err != nil || o.at("error") != nil {
		return e.fault("S18", "", "probe.put", "an answer", errors.Join(err, errors.New(show(o))))
	}
	e.send(request("table", "probe.rows", Object{{"name", "t"}}, Member{"window", 1}))
	// The one row uses up the credit, so that nothing more comes for now.
	for _, method := range []string{"rpc.item", "rpc.live"} {
		if a := e.receive(); a.msg.at("method") != method {
			return e.wrong("S17", "probe.rows of a table with one row", method, told(a))
		}
	}
	// Rows that come and go leave a key each that waits.
	for i := range 1100 {
		key := fmt.Sprint("k", i)
		for _, o := range []Object{
			request(key+" put", "probe.put", Object{{"name", "t"}, {"key", key}, {"n", i}}),
			request(key+" drop", "probe.drop", Object{{"name", "t"}, {"key", key}}),
		} {
			e.send(o)
			if got, err := e.answer(o.at("id")); err != nil || got.at("error") != nil {
				return e.fault("S18", "", show(o), "an answer", errors.Join(err, errors.New(show(got))))
			}
		}
	}
	e.send(notification("rpc.more", Object{{"id", "table"}, {"n", 1000}}))
	var keys []string
	for {
		a := e.receive()
		p, _ := a.msg.at("params").(Object)
		switch {
		case a.msg == nil:
			return e.wrong("S18", "1100 keys wait, one row is left", `{"reset":true}`, told(a))
		case a.msg.at("method") == "rpc.live":
			if slices.Sort(keys); !slices.Equal(keys, []string{"first"}) {
				return e.wrong("S18", "1100 keys wait, one row is left", "the one row after the reset", fmt.Sprint(keys))
			}
			return nil
		case p.at("reset") == true:
			keys = []string{}
		case p.has("key") && keys != nil:
			keys = append(keys, fmt.Sprint(p.at("key")))
		}
	}
}
