package main

import "testing"

// A peer that is asked for what it cannot do says so, and does not try.
func TestOneRefusesWhatThePeerDoesNot(t *testing.T) {
	for one, want := range map[string]string{
		"raw2f:sub100:0:0": "raw2f does not do sub100",
		"raw2f:sub100":     `-one takes PEER:WORK:POINT:REP, got "raw2f:sub100"`,
	} {
		if err := (&worker{one: one}).work(new(config)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", one, err)
		}
	}
}
