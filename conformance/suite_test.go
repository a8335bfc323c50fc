package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/internal/needed"
)

// peer builds the peer program of the Go library.
func peer(t *testing.T) []string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs a program")
	}
	file := filepath.Join(t.TempDir(), "peer")
	if out, err := exec.Command("go", "build", "-o", file, "../examples/peer").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return []string{file}
}

// The Go library passes, without a known failure, and claims all there is.
func TestGo(t *testing.T) {
	r, err := Run(context.Background(), peer(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range r.Results {
		if result.Outcome == Skipped {
			t.Errorf("%s was skipped: %s", result.Name, result.Reason)
		}
	}
	var text bytes.Buffer
	r.WriteText(&text, testing.Verbose())
	if !r.OK() {
		t.Error("it fails")
	}
	t.Log(text.String())
}

// Each clause of the specification has a case, or a reason why it has none.
func TestClauses(t *testing.T) {
	files, err := filepath.Glob("../spec/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal("no specification: ", err)
	}
	all, err := cases()
	if err != nil {
		t.Fatal(err)
	}
	covered := make(map[string]bool)
	for _, c := range all {
		for _, label := range c.clauses {
			covered[label] = true
		}
	}
	defined := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\*\*\[([A-Z]{1,3}[0-9]+)\]\*\*`).FindAllSubmatch(text, -1) {
			label := string(found[1])
			defined[label] = true
			switch _, unseen := Unseen[label]; {
			case covered[label] && unseen:
				t.Errorf("[%s] has a case and is in Unseen", label)
			case !covered[label] && !unseen:
				t.Errorf("[%s] has neither a case nor a reason in Unseen", label)
			}
		}
	}
	for label := range Unseen {
		if !defined[label] {
			t.Errorf("Unseen has [%s], which is no clause", label)
		}
	}
	for label := range covered {
		if !defined[label] {
			t.Errorf("a case has [%s], which is no clause", label)
		}
	}
}

// What is known to fail is no failure, but that it passes is one.
func TestKnown(t *testing.T) {
	known, err := ReadKnown("# what is known\nservice/json/least it was never finished\n\n")
	if err != nil || known["service/json/least"] != "it was never finished" {
		t.Fatal(known, err)
	}
	command := peer(t)
	r, err := Run(t.Context(), command, &Options{Only: "service/json/least", Known: known})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	r.WriteText(&text, false)
	if r.OK() || r.Count(Unexpected) != 1 || !strings.Contains(text.String(), "PASSED service/json/least") {
		t.Errorf("an unexpected pass: ok %v\n%s", r.OK(), &text)
	}
	r, err = Run(t.Context(), command, &Options{
		Only: "service/json/least", Known: known, Patience: time.Second,
		wrap: func(rw io.ReadWriteCloser, enc string) io.ReadWriteCloser {
			return &mended{ReadWriteCloser: rw, enc: enc, change: func([]byte) []byte { return []byte("{") }}
		},
	})
	if err != nil || !r.OK() || r.Count(KnownFault) != 1 {
		t.Errorf("a known failure: ok %v, %v", r.OK(), err)
	}
	if _, err := Run(t.Context(), command, &Options{Only: "service/json/least", Known: map[string]string{"service/json/nothing": "x"}}); err == nil {
		t.Error("a known failure that is no case was taken")
	}
	for _, bad := range []string{"service/json/least", "a b\na c"} {
		if _, err := ReadKnown(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// A peer that has the least is judged by the least.
func TestLeast(t *testing.T) {
	r, err := Run(t.Context(), peer(t), &Options{Tier: Least})
	if err != nil || !r.OK() || r.Count(Passed) < 10 {
		t.Error(err, r)
	}
}

// A plain server of JSON-RPC, in Python: what it does wrong is found, and what
// is none of its business not asked for.
func TestPlainServer(t *testing.T) {
	python := needed.Tool(t, "python3")
	run := func(only string, words ...string) *Report {
		t.Helper()
		r, err := Run(t.Context(), append([]string{python, "testdata/plain.py"}, words...), &Options{
			Tier: JSONRPC, Only: only, Method: "add", Params: "[1,2]", Patience: 5 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := run(""); !r.OK() || r.Count(Passed) != 14 {
		var text bytes.Buffer
		r.WriteText(&text, true)
		t.Errorf("a good one:\n%s", &text)
	}
	for fault, name := range map[string]string{"answers-notifications": "json-rpc/notification", "text-ids": "json-rpc/ids", "no-version": "json-rpc/shape", "both": "json-rpc/shape",
		"empty-batch": "json-rpc/batch-empty", "one-of-a-batch": "json-rpc/batch", "batch-in-pieces": "json-rpc/batch-call",
		"empty-answer": "json-rpc/batch-notifications", "parse-error-in-a-list": "json-rpc/batch-parse-error",
	} {
		found := false
		for _, result := range run(name, fault).Results {
			found = found || result.Name == name && result.Outcome == Failed
		}
		if !found {
			t.Errorf("%s was not found by %s", fault, name)
		}
	}
}

// A program that is no peer is told what is expected of it.
func TestNoPeer(t *testing.T) {
	for script, want := range map[string]string{
		"exit 0":         "it printed nothing; expected a line like {",
		"echo no >&2":    "it printed nothing, and said: no; expected",
		"exit 3":         "exit status 3; it printed nothing",
		"echo hello":     `got 'h'; it printed "hello"`,
		`echo '{"x":1}'`: `got "x"`,
		`echo '{"peer":"x","tier":"full","roles":["cook"],"cbor":true}'`:           `got "cook"`,
		`echo '{"peer":"x","tier":"best","roles":["client"]}'`:                     `got "best"`,
		`echo '{"peer":"x","tier":"full","roles":["client"],"cbor":"yes"}'`:        `got "yes"`,
		`echo '{"peer":"x","tier":"full","roles":["client"],"features":["cook"]}'`: `got "cook"`,
		`echo '{"peer":"x","tier":"least","roles":["client"]}'; echo bye; exit 0`:  "bye",
		`echo '{"peer":"x","tier":"least","roles":["client"]}'; exit 4`:            "exit status 4",
	} {
		_, err := Run(t.Context(), []string{"sh", "-c", script, "peer"}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %q in it", script, err, want)
		}
	}
	if _, err := Run(t.Context(), []string{"/nonexistent/peer"}, nil); err == nil {
		t.Error("a program that is not there was run")
	}
}

// A program that does not end is not waited for, nor is what it has started.
func TestEndlessClaims(t *testing.T) {
	for _, script := range []string{"cat <&3", "cat <&3; exit 0", "cat <&3 & exit 0", "yes"} {
		r, w, err := os.Pipe() // the script's cat reads it, and ends with the test at the latest
		if err != nil {
			t.Fatal(err)
		}
		script = fmt.Sprintf("exec 3</proc/%d/fd/%d; %s", os.Getpid(), r.Fd(), script)
		_, err = Run(t.Context(), []string{"sh", "-c", script, "peer"}, &Options{Patience: 500 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "expected a line like") {
			t.Errorf("%s: %v", script, err)
		}
		w.Close()
		r.Close()
	}
}

// Peers that are broken in every case fail each, and are told how.
func TestBroken(t *testing.T) {
	const claims = `[ "$1" != claims ] || { echo '{"peer":"x","tier":"least","roles":["client","service"]}'; exit; }; `
	for _, broken := range []struct{ is, script, service, client string }{
		{"exits", "echo oh no >&2; exit 3", "exit status 3, and said: oh no", "exit status 3, and said: oh no"},
		{"has nothing in it", "exit 0", "(the peer has exited: exit status 0)", "the peer has exited: exit status 0"},
		{"is silent", "exec sleep 600", "nothing came for 300ms", "the peer did not connect"},
		{"is a script around a silent one", "sleep 600; true", "nothing came for 300ms", "the peer did not connect"},
		{"prints junk", `printf '\377\033[2J\n{"id":\n'; exec sleep 600`, "[M14]", "the peer did not connect"},
		{"answers others", `while read -r line; do echo '{"id":"other","n":99,"result":{}}'; done`, `"id":"other"`, "the peer did not connect"},
	} {
		t.Run(broken.is, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), []string{"sh", "-c", claims + broken.script, "peer"}, &Options{Patience: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			r.WriteText(&text, true)
			if r.Count(Passed) != 0 || strings.ContainsRune(text.String(), 0x1b) {
				t.Errorf("%s", &text)
			}
			for _, want := range []string{broken.service, broken.client} {
				if !strings.Contains(text.String(), want) {
					t.Errorf("expected %q in\n%s", want, &text)
				}
			}
		})
	}
}

// A part of which nothing is claimed is no success.
func TestNothingPlayed(t *testing.T) {
	_, err := Run(t.Context(), peer(t), &Options{Tier: Least, Only: "service/json/stream"})
	if err == nil || !strings.Contains(err.Error(), "is beyond the least peer") {
		t.Error(err)
	}
}

// The page that leads through the suite names cases that there are.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../docs/writing-a-binding.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := cases()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		role := ""
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			name := strings.TrimPrefix(code[1], "--only ")
			if name == "service/json" || name == "frame/json" {
				role = "service/json/"
				continue
			}
			if i := strings.LastIndexByte(name, '/'); strings.HasPrefix(name, "client/") || strings.HasPrefix(name, "service/") {
				role = name[:i+1]
			} else if name = role + name; role == "" || strings.ContainsAny(code[1], " /") {
				continue
			}
			if name == role+Least {
				continue // the tier
			}
			found++
			if !slices.ContainsFunc(all, func(c *one) bool { return c.name == name }) {
				t.Errorf("%s is no case", name)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d cases were found on the page", found)
	}
}

// The form for machines has all that the other one has.
func TestJSONReport(t *testing.T) {
	r, err := Run(t.Context(), peer(t), &Options{Only: "service/json/least"})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	v, err := parseJSON(text.Bytes())
	o, _ := v.(Object)
	if err != nil || o.at("ok") != true || !o.has("unseen") || !o.has("results") {
		t.Errorf("%v %s", err, &text)
	}
}

// A peer that hangs is given up after a few cases of a group, by name, and that is told as it happens.
func TestHangingPeer(t *testing.T) {
	const claims = `[ "$1" != claims ] || { echo '{"peer":"x","tier":"least","roles":["client","service"]}'; exit; }; `
	var told []Progress
	const patience = 200 * time.Millisecond
	began := time.Now()
	r, err := Run(t.Context(), []string{"sh", "-c", claims + "exec sleep 600", "peer"}, &Options{
		Patience: patience, Parallel: 1, Ended: func(p Progress) { told = append(told, p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	took, waited := time.Since(began), 0
	groups := make(map[string]int)
	for i, p := range told {
		if p.Ended != i+1 || p.All != len(told) || p.Failed != i+1 || p.GroupEnded && p.GroupFailed != p.GroupAll {
			t.Errorf("%+v", p)
		}
		lost := strings.Contains(p.Result.Fault.Came, "not played: the peer no longer answers")
		if groups[p.Group]++; lost != (groups[p.Group] > maxSilent) {
			t.Errorf("%s, the case %d of its group: %s", p.Result.Name, groups[p.Group], p.Result.Fault.Came)
		}
		if !lost {
			waited++
		}
	}
	if r.Count(Failed) != len(told) || len(groups) < 2 || waited > maxSilent*len(groups) {
		t.Errorf("%d of %d failed, %d were waited for in %d groups", r.Count(Failed), len(told), waited, len(groups))
	}
	if most := time.Duration(waited+1)*patience*2 + 10*time.Second; took > most {
		t.Errorf("it took %v", took)
	}
}

// One silent case here and there is that case's fault alone.
func TestSilentOnce(t *testing.T) {
	c := newCourse(nil)
	names := []string{"a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "b/1"}
	for _, name := range names {
		c.add(name)
	}
	for i, silent := range []bool{true, true, false, true, true, true} {
		if c.lost(names[i]) != nil {
			t.Errorf("%s was given up", names[i])
		}
		c.ended(&Result{Name: names[i], Outcome: Failed, Fault: &Fault{silent: silent}})
	}
	if c.lost("a/6") == nil || c.lost("b/1") != nil {
		t.Error("the group that is given up is another")
	}
}
