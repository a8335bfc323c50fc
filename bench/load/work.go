package load

import (
	"fmt"
	"strconv"
	"strings"
)

// Work is a kind of measurement. One with points is measured at each of them.
type Work struct {
	Name   string
	Does   string
	Points []int
	run    func(*Meter) error // nil: only done by a peer with a way of its own
}

var Works = []Work{
	{"unary", "one call at a time", nil, (*Meter).Unary},
	{"flight", "64 calls in flight on one connection", nil, (*Meter).flight},
	{"rare", "a call every five milliseconds", nil, (*Meter).rare},
	{"sub1", "items to one subscriber", nil, func(m *Meter) error { return m.subscribers(1) }},
	{"sub100", "items to a hundred subscribers, a connection each", nil, func(m *Meter) error { return m.subscribers(100) }},
	{"blob", "echo of 1 MiB", nil, (*Meter).blob},
	{"idle", "memory of an idle connection", nil, func(m *Meter) error { return m.idle(1000) }},
	{"cli", "a call as a process of its own", nil, (*Meter).cli},
	{"hostile", "a call beside a thousand hostile connections", nil, nil},
	{"beside", "a call through a hub beside a thousand that wait at another service", nil, nil},
	{"scale-conns", "calls on many connections, a caller each", []int{1, 10, 100, 1000, 10000}, (*Meter).scaleConns},
	{"scale-idle", "memory of many idle connections", []int{100, 1000, 10000}, func(m *Meter) error { return m.idle(m.X) }},
	{"scale-subs", "items to many subscribers, a connection each", []int{1, 10, 100, 1000, 10000}, func(m *Meter) error { return m.subscribers(m.X) }},
	{"scale-size", "echo of bytes", []int{64, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20}, (*Meter).scaleSize},
	{"scale-rows", "a table under watch", []int{100, 1000, 10000, 100000}, (*Meter).scaleRows},
}

// WorkNamed returns nil if there is none.
func WorkNamed(name string) *Work {
	for i := range Works {
		if Works[i].Name == name {
			return &Works[i]
		}
	}
	return nil
}

// Step is one measurement; a point of zero is that of a work without points.
type Step struct {
	Peer       string
	Work       *Work
	Point, Rep int
}

// ParseStep reads what String writes.
func ParseStep(text string) (s Step, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 4 || WorkNamed(parts[1]) == nil {
		return s, fmt.Errorf("-one takes PEER:WORK:POINT:REP, got %q", text)
	}
	s.Peer, s.Work = parts[0], WorkNamed(parts[1])
	if s.Point, err = strconv.Atoi(parts[2]); err == nil {
		s.Rep, err = strconv.Atoi(parts[3])
	}
	return s, err
}

func (s Step) String() string { return fmt.Sprintf("%s:%s:%d:%d", s.Peer, s.Work.Name, s.Point, s.Rep) }

// Line is one figure of one repetition.
type Line struct {
	Peer   string  `json:"peer"`
	Work   string  `json:"work"`
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	X      int     `json:"x,omitempty"` // the point of a scale work
	Rep    int     `json:"rep"`
	Pinned bool    `json:"pinned,omitempty"`
	// Others is how much CPU others took meanwhile, in cores: above a tenth or
	// two the figure is worth little.
	Others float64 `json:"others"`
	Err    string  `json:"err,omitempty"`
	Note   string  `json:"note,omitempty"` // why there is no figure, where that is no failure
}

// What names the work and its point.
func (l *Line) What() string {
	if l.X > 0 {
		return fmt.Sprintf("%s %d", l.Work, l.X)
	}
	return l.Work
}
