package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Outcome is how a case went.
type Outcome string

const (
	Passed     Outcome = "passed"
	Failed     Outcome = "failed"
	Skipped    Outcome = "skipped"     // not claimed, or not asked for
	KnownFault Outcome = "known"       // failed, as it is known to
	Unexpected Outcome = "passed, but" // although it is known to fail
)

// Result is how one case went.
type Result struct {
	Name    string   `json:"name"`
	Clauses []string `json:"clauses"`
	About   string   `json:"about"`
	Outcome Outcome  `json:"outcome"`
	Reason  string   `json:"reason,omitempty"` // of skipped and known ones
	Fault   *Fault   `json:"fault,omitempty"`
}

func (r *Result) judge(f *Fault, known map[string]string) {
	reason, isKnown := known[r.Name]
	r.Fault, r.Reason, r.Outcome = f, reason, Passed
	switch {
	case f != nil && isKnown:
		r.Outcome = KnownFault
	case f != nil:
		r.Outcome = Failed
	case isKnown:
		r.Outcome = Unexpected
	}
}

// Report is how all went.
type Report struct {
	Claims  Claims    `json:"claims"`
	Results []*Result `json:"results"`
}

// Count counts the results of an outcome.
func (r *Report) Count(o Outcome) (n int) {
	for _, result := range r.Results {
		if result.Outcome == o {
			n++
		}
	}
	return n
}

// OK reports whether nothing failed that is not known to, and nothing passed
// that is.
func (r *Report) OK() bool { return r.Count(Failed) == 0 && r.Count(Unexpected) == 0 }

// Seen returns the clauses of which a case was played, sorted.
func (r *Report) Seen() []string {
	var all []string
	for _, result := range r.Results {
		if result.Outcome != Skipped {
			all = append(all, result.Clauses...)
		}
	}
	slices.SortFunc(all, compareLabels)
	return slices.Compact(all)
}

// WriteText writes what a person needs to mend the peer; all: what passed, too.
func (r *Report) WriteText(w io.Writer, all bool) error {
	var b strings.Builder
	for _, result := range r.Results {
		switch {
		case result.Outcome == Failed:
			fmt.Fprintf(&b, "FAILED %s: %s\n", result.Name, result.About)
			result.Fault.writeText(&b)
		case result.Outcome == Unexpected:
			fmt.Fprintf(&b, "PASSED %s, which is known to fail (%s): take it out of the list\n", result.Name, result.Reason)
		case result.Outcome == KnownFault:
			fmt.Fprintf(&b, "known  %s: %s\n", result.Name, result.Reason)
		case all && result.Outcome == Skipped:
			fmt.Fprintf(&b, "-      %s: %s\n", result.Name, result.Reason)
		case all:
			fmt.Fprintf(&b, "ok     %s %s\n", result.Name, strings.Join(result.Clauses, " "))
		}
	}
	fmt.Fprintf(&b, "%s, %s: %d passed, %d failed", r.Claims.Peer, r.Claims.Tier, r.Count(Passed)+r.Count(Unexpected), r.Count(Failed))
	if n := r.Count(KnownFault); n > 0 {
		fmt.Fprintf(&b, ", %d known to fail", n)
	}
	if n := r.Count(Unexpected); n > 0 {
		fmt.Fprintf(&b, ", %d of the passed known to fail", n)
	}
	if r.Claims.Tier != JSONRPC {
		fmt.Fprintf(&b, ", %d not claimed; %d clauses seen, %d more cannot be seen from outside", r.Count(Skipped), len(r.Seen()), len(Unseen))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Fault) writeText(b *strings.Builder) {
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(b, "  %-9s %s\n", what, printable(text))
		}
	}
	line("clause", f.Clause)
	line("where", f.Where)
	line("sent", f.Sent)
	line("expected", f.Expected)
	line("came", f.Came)
	for i, l := range f.Before {
		line(map[bool]string{true: "before", false: ""}[i == 0], l)
	}
}

// printable keeps what a peer said from driving the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '·'
		}
		return r
	}, s)
}

// WriteJSON writes one object in one line: claims, results, and what was seen.
func (r *Report) WriteJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(struct {
		*Report
		OK     bool              `json:"ok"`
		Seen   []string          `json:"seen"`
		Unseen map[string]string `json:"unseen"`
	}{r, r.OK(), r.Seen(), Unseen})
}

// ReadKnown reads a list of known failures: a line for each, the name of the
// case, a space and the reason; # begins a remark.
func ReadKnown(text string) (map[string]string, error) {
	known := make(map[string]string)
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, _ := strings.Cut(line, " ")
		if reason = strings.TrimSpace(reason); reason == "" {
			return nil, fmt.Errorf("line %d: expected the name of a case and a reason, got %q", number, line)
		}
		if _, twice := known[name]; twice {
			return nil, fmt.Errorf("line %d: %s is there twice", number, name)
		}
		known[name] = reason
	}
	return known, nil
}

// compareLabels sorts M2 before M10.
func compareLabels(a, b string) int {
	split := func(s string) (string, int) {
		letters := strings.TrimRight(s, "0123456789")
		n := 0
		fmt.Sscan(s[len(letters):], &n)
		return letters, n
	}
	la, na := split(a)
	lb, nb := split(b)
	if la != lb {
		return strings.Compare(la, lb)
	}
	return na - nb
}
