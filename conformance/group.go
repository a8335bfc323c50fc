package conformance

import (
	"strings"
	"sync"
)

// maxSilent is how many cases in a row a peer may leave without any answer until
// the rest of their group is given up: each costs the whole patience.
const maxSilent = 3

// group is the cases whose names differ in the last word alone.
type group struct {
	name   string
	all    int
	silent int // in a row
	ended  int
	failed int
}

// groupOf is the name of the group that a case is in.
func groupOf(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return name
}

// course is how far a run is. Its methods may be called by any goroutine.
type course struct {
	mu     sync.Mutex
	tell   func(Progress) // nil: nobody is told
	groups map[string]*group
	now    Progress
}

// Progress is told when a case ends.
type Progress struct {
	Result      *Result // of the case
	Ended, All  int     // cases, of those that are played
	Failed      int     // of those that have ended; of [Failed] and [Unexpected]
	Group       string  // that of the case, such as service/json
	GroupEnded  bool    // it was the last one there
	GroupFailed int     // likewise, of the group
	GroupAll    int
}

func newCourse(tell func(Progress)) *course {
	return &course{tell: tell, groups: make(map[string]*group)}
}

// add makes a case known that will be played.
func (c *course) add(name string) {
	g := c.groups[groupOf(name)]
	if g == nil {
		g = &group{name: groupOf(name)}
		c.groups[g.name] = g
	}
	g.all++
	c.now.All++
}

// lost says that a case need not be played: the peer no longer answers.
func (c *course) lost(name string) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.groups[groupOf(name)].silent < maxSilent {
		return nil
	}
	return &Fault{Expected: "an answer", Came: "not played: the peer no longer answers", silent: true}
}

// ended takes the result of a case.
func (c *course) ended(r *Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.groups[groupOf(r.Name)]
	if r.Fault != nil && r.Fault.silent {
		g.silent++
	} else if g.silent < maxSilent { // given up is for good, or what was played at the same time would decide
		g.silent = 0
	}
	g.ended++
	c.now.Ended++
	if r.Outcome == Failed || r.Outcome == Unexpected {
		c.now.Failed++
		g.failed++
	}
	if c.tell == nil {
		return
	}
	now := c.now
	now.Result, now.Group, now.GroupEnded, now.GroupAll, now.GroupFailed = r, g.name, g.ended == g.all, g.all, g.failed
	c.tell(now)
}
