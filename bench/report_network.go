package main

import (
	"fmt"
	"strings"
)

// tlsSection is the unary table of those who speak TLS, beside the bare socket.
func (f *figures) tlsSection() string {
	table := f.peerTable(chart{work: "unary", metric: "p50 µs"}, []string{"raw", "sabir-tls", "sabir-tls-json", "grpc-tls"})
	if table == notMeasured {
		return table
	}
	return f.measuredOn("unary") + "\n\n" + table
}

// httpSection is the unary table of those who speak HTTP, and how far the two aims are reached.
func (f *figures) httpSection() string {
	table := f.peerTable(chart{work: "unary", metric: "p50 µs"}, []string{"raw", "sabir-websocket", "sabir-post", "http-json", "connect"})
	if table == notMeasured {
		return table
	}
	for _, aim := range []struct {
		name, what string
		times      float64
	}{{"sabir-websocket", "A WebSocket", 3}, {"sabir-post", "A POST", 1.5}} {
		one, ok := f.ratio(point{"unary", "p50 µs", 0, true}, "connect", aim.name)
		all, too := f.ratio(point{"unary", "p50 µs", 0, false}, "connect", aim.name)
		if ok && too {
			table += fmt.Sprintf("\n%s is %.1f × as fast as Connect on one core and %.1f × on all; the aim is %g.\n", aim.what, one.mid, all.mid, aim.times)
		}
	}
	return f.measuredOn("unary") + "\n\n" + table
}

// hubSection is what passes through something in between: beside what the least
// program in between does, that reads frames or, for items, copies bytes.
func (f *figures) hubSection() string {
	rows := []struct {
		work, metric, to string
		pinned           bool
	}{
		{"unary", "p50 µs", "raw2f", true}, {"unary", "p50 µs", "raw2f", false}, {"flight", "calls/s", "raw2f", false},
		{"flight", "CPU µs a call", "raw2f", false}, {"sub100", "items/s", "raw2", false}, {"blob", "MB/s", "raw2f", false},
		{"idle", "KiB a connection", "raw2f", false},
	}
	var b strings.Builder
	for _, name := range []string{"raw2", "raw2f", "sabir-hub-cbor", "sabir-hub-json", "nats", "dbus"} {
		line, any := "| "+name, false
		for _, r := range rows {
			at := point{r.work, r.metric, 0, r.pinned}
			v, ok := f.of(at, name)
			text := cell(v, ok)
			if ratio, ok := f.ratio(at, name, r.to); ok && name != r.to {
				text += fmt.Sprintf(", %.2f ×", ratio.mid)
			}
			line += " | " + text
			any = any || ok
		}
		if any {
			fmt.Fprintln(&b, line+" |")
		}
	}
	if b.Len() == 0 {
		return notMeasured
	}
	return f.measuredOn("unary") + "\n\n| | unary p50 µs, one core | all cores | 64 in flight, calls/s | CPU µs a call | 100 subscribers, items/s | 1 MiB, MB/s | idle, KiB a connection |\n|---|---|---|---|---|---|---|---|\n" + b.String()
}

// besideSection has calls through a hub alone, and beside a service there that
// keeps a thousand waiting.
func (f *figures) besideSection() string {
	var b strings.Builder
	for _, name := range []string{"sabir-hub-cbor", "sabir-hub-json"} {
		for _, metric := range []string{"p50 µs", "p99 µs"} {
			alone, ok := f.of(point{"beside", metric, 0, false}, name)
			if !ok {
				continue
			}
			row := fmt.Sprintf("| %s, %s | %s", name, metric, alone)
			for _, way := range []string{"beside stalled", "beside slow", "beside quick"} {
				beside, _ := f.of(point{"beside", way + ": " + metric, 0, false}, name)
				ratio, _ := f.of(point{"beside", way + ": " + metric + " × alone", 0, false}, name)
				row += fmt.Sprintf(" | %s | %s", beside, ratio)
			}
			fmt.Fprintln(&b, row+" |")
		}
	}
	if b.Len() == 0 {
		return notMeasured
	}
	return f.measuredOn("beside") + "\n\n| | alone | beside 1,000 that are never answered | × | beside 1,000 that take a second | × | beside 1,000 a second that take nothing | × |\n|---|---|---|---|---|---|---|---|\n" + b.String()
}

// hostileSection has a call quiet, and the same beside a thousand connections at their limits.
func (f *figures) hostileSection() string {
	const peer = "sabir-tls-json"
	var b strings.Builder
	for _, metric := range []string{"p50 µs", "p99 µs", "CPU µs a call", "server MiB"} {
		quiet, ok := f.of(point{"hostile", metric, 0, false}, peer)
		beside, too := f.of(point{"hostile", "beside hostile: " + metric, 0, false}, peer)
		if ok && too {
			fmt.Fprintf(&b, "| %s | %s | %s | %.2f |\n", metric, quiet, beside, beside.mid/quiet.mid)
		}
	}
	if b.Len() == 0 {
		return notMeasured
	}
	return f.measuredOn("hostile") + "\n\n| sabir-tls-json | quiet | beside a thousand hostile | ratio |\n|---|---|---|---|\n" + b.String()
}
