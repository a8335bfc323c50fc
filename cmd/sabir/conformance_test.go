package main

import (
	"bytes"
	"testing"

	"github.com/sabir-ipc/sabir/conformance"
)

// How far the suite is: to a person on one line, to a log a line for each group, to a program nothing.
func TestCounting(t *testing.T) {
	between := conformance.Progress{Result: &conformance.Result{Name: "service/json/a"}, Ended: 1, All: 2, Group: "service/json", GroupAll: 2}
	last := conformance.Progress{
		Result: &conformance.Result{Name: "service/json/b"}, Ended: 2, All: 2, Failed: 1,
		Group: "service/json", GroupEnded: true, GroupAll: 2, GroupFailed: 1,
	}
	for _, test := range []struct {
		name        string
		tty, js, q  bool
		told, clear string
	}{
		{"a terminal", true, false, false, "\r\x1b[K1 of 2, 0 failed: service/json/a\r\x1b[K2 of 2, 1 failed: service/json/b", "\r\x1b[K"},
		{"a terminal, and JSON", true, true, false, "\r\x1b[K1 of 2, 0 failed: service/json/a\r\x1b[K2 of 2, 1 failed: service/json/b", "\r\x1b[K"},
		{"a pipe", false, false, false, "sabir: service/json: 2 cases, 1 failed\n", ""},
		{"a pipe, and JSON", false, true, false, "", ""},
		{"quiet", true, false, true, "", ""},
	} {
		var out bytes.Buffer
		a := &app{stdio: stdio{errout: &out, errTTY: test.tty}, json: test.js, quiet: test.q}
		told, clear := a.counting()
		if told != nil {
			told(between)
			told(last)
		}
		clear()
		if got := out.String(); got != test.told+test.clear {
			t.Errorf("%s: %q", test.name, got)
		}
	}
}
