// Package conformance tells whether a program speaks the protocol: it plays the
// conversations and frames of vectors/, and scenarios of its own, against a peer
// program, as its client and as its service, and reports what was wrong.
//
// How a peer program is started and what it offers is in README.md here. The
// suite has its own reading and writing of JSON and CBOR and nothing of the
// library, so that it finds the library's faults as well.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are what to play; zero fields mean the default.
type Options struct {
	Tier     string            // default: what the peer claims. [JSONRPC] asks for no claims
	Only     string            // cases whose name contains it; default: all
	Known    map[string]string // names of cases that are known to fail, and why
	Parallel int               // cases at a time; default: one for each processor
	Patience time.Duration     // how long to wait for what is expected; default 15 s
	Method   string            // of [JSONRPC]: a method that answers, with Params
	Params   string            // JSON

	// Ended is told of each case when it ends, one at a time. Default: nobody is.
	Ended func(Progress)

	// wrap stands in a connection, for tests of the suite.
	wrap func(io.ReadWriteCloser, string) io.ReadWriteCloser
}

// one case: what is played, and what it is about.
type one struct {
	name    string // service/json/stream
	clauses []string
	about   string
	tier    string
	role    string
	enc     string
	needs   string // a feature
	play    func(ctx context.Context, s *suite) *Fault
}

type suite struct {
	command []string
	opts    Options
	claims  Claims
	dir     string // for sockets
}

// Run plays everything that the peer program claims. The error is for a program
// that cannot be played with at all.
func Run(ctx context.Context, command []string, opts *Options) (*Report, error) {
	s := &suite{command: command}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Parallel <= 0 {
		s.opts.Parallel = runtime.GOMAXPROCS(0)
	}
	if s.opts.Patience <= 0 {
		s.opts.Patience = 15 * time.Second
	}
	if s.opts.Tier == JSONRPC {
		s.claims = Claims{Peer: filepath.Base(command[0]), Tier: JSONRPC, Roles: []string{"service"}}
	} else {
		claims, err := ask(ctx, command, s.opts.Patience)
		if err != nil {
			return nil, err
		}
		s.claims = *claims
		if s.opts.Tier != "" {
			s.claims.Tier = s.opts.Tier
		}
	}
	err := CheckParams(s.opts.Params)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	if s.dir, err = os.MkdirTemp("", "sabir-conf"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(s.dir)
	all, err := cases()
	if err != nil {
		return nil, err
	}
	return s.run(ctx, all)
}

func (s *suite) run(ctx context.Context, all []*one) (*Report, error) {
	r := &Report{Claims: s.claims}
	results := make([]*Result, len(all))
	course := newCourse(s.opts.Ended)
	var played []int
	for i, c := range all {
		if s.opts.Only != "" && !strings.Contains(c.name, s.opts.Only) || (s.claims.Tier == JSONRPC) != (c.tier == JSONRPC) {
			continue
		}
		results[i] = &Result{Name: c.name, Clauses: c.clauses, About: c.about}
		if why := s.skips(c); why != "" {
			results[i].Outcome, results[i].Reason = Skipped, why
			continue
		}
		course.add(c.name)
		played = append(played, i)
	}
	slots := make(chan struct{}, s.opts.Parallel)
	var wg sync.WaitGroup
	for _, i := range played {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			fault := course.lost(all[i].name)
			if fault == nil {
				fault = all[i].play(ctx, s)
			}
			if ctx.Err() == nil { // else that is why it failed
				results[i].judge(fault, s.opts.Known)
				course.ended(results[i])
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, result := range results {
		if result != nil {
			r.Results = append(r.Results, result)
		}
	}
	for name, why := range s.opts.Known {
		known := func(o *one) bool { return o.name == name }
		if !slices.ContainsFunc(all, known) {
			return nil, fmt.Errorf("the known failure %s (%s) is no case", name, why)
		}
	}
	if len(r.Results) == 0 {
		return nil, fmt.Errorf("no case has %q in its name", s.opts.Only)
	}
	if r.Count(Skipped) == len(r.Results) {
		return nil, fmt.Errorf("nothing was played: %s is the first of %d cases, and %s", r.Results[0].Name, len(r.Results), r.Results[0].Reason)
	}
	return r, nil
}

// skips says why a case is not played, or nothing.
func (s *suite) skips(c *one) string {
	switch {
	case s.claims.Tier == Least && c.tier != Least:
		return "is beyond the least peer"
	case !slices.Contains(s.claims.Roles, c.role):
		return "the peer is no " + c.role
	case c.enc == cborItems && !s.claims.CBOR:
		return "the peer has no CBOR"
	case c.needs == methodGiven:
		if s.opts.Method == "" {
			return "no method was named"
		}
	case c.needs != "" && !slices.Contains(s.claims.Features, c.needs):
		return "the peer does not claim " + c.needs
	}
	return ""
}

// cases are all that can be played, in the order of the report.
func cases() ([]*one, error) {
	var all []*one
	conversations, err := talks()
	if err != nil {
		return nil, err
	}
	for _, t := range conversations {
		for _, enc := range []string{jsonLines, cborItems} {
			if t.only != "" && t.only != enc {
				continue
			}
			all = append(all, &one{
				name: "service/" + enc + "/" + strings.TrimSuffix(t.file, ".talk"), clauses: t.clauses, about: t.about,
				tier: t.tier(), role: "service", enc: enc, needs: t.needs(),
				play: func(ctx context.Context, s *suite) *Fault { return s.service(ctx, t.as, enc, t.play) },
			})
		}
	}
	rows, err := frames()
	if err != nil {
		return nil, err
	}
	for _, f := range rows {
		all = append(all, &one{
			name: "frame/" + f.enc + "/" + strings.ReplaceAll(f.about, " ", "-"), clauses: f.clauses, about: f.about,
			tier: Full, role: "service", enc: f.enc,
			play: func(ctx context.Context, s *suite) *Fault { return s.service(ctx, "admin", f.enc, f.play) },
		})
	}
	for _, enc := range []string{jsonLines, cborItems} {
		all = append(all, serviceCases(enc)...)
		all = append(all, clientCases(enc)...)
	}
	all = append(all, plainCases()...)
	byName := func(a, b *one) int { return strings.Compare(a.name, b.name) }
	slices.SortStableFunc(all, byName)
	for i := range all[1:] {
		if all[i].name == all[i+1].name {
			return nil, fmt.Errorf("two cases are called %s", all[i].name)
		}
	}
	return all, nil
}

// service plays with a fresh run of the peer as the service.
func (s *suite) service(ctx context.Context, as, enc string, play func(*end) *Fault) *Fault {
	return s.serve(ctx, enc, []string{"serve", as}, play)
}

func (s *suite) serve(ctx context.Context, enc string, words []string, play func(*end) *Fault) *Fault {
	c, err := start(ctx, s.command, nil, words...)
	if err != nil {
		return &Fault{Expected: "the peer to start", Came: err.Error()}
	}
	defer c.Close()
	var rw io.ReadWriteCloser = c
	if s.opts.wrap != nil {
		rw = s.opts.wrap(c, enc)
	}
	e := newEnd(rw, enc, s.opts.Patience)
	go e.listen(false)
	if enc == cborItems {
		if err := e.write(magic); err != nil {
			return e.fault("C1", "", "D9 D9 F7", "the peer to read", err)
		}
	}
	if f := play(e); f != nil {
		select {
		case <-c.ended:
			f.Came += fmt.Sprintf(" (the peer has exited: %s%s)", c.exit(), c.said.told())
		case <-time.After(100 * time.Millisecond): // what was written to one that exits fails before that is known
			f.Came += c.said.told()
			f.silent = !c.spoke.Load()
		}
		return f
	}
	if err := c.leave(s.opts.Patience); err != nil {
		return e.fault("O6", "", "(the end of input)", "the peer to answer what is open and to exit with 0", err)
	}
	return nil
}

// wrong says that a scenario did not go as the clause says.
func (e *end) wrong(clause, sent, expected, came string) *Fault {
	return e.fault(clause, "", sent, expected, errors.New(came))
}
