package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir/bench/load"
)

// testRun has one peer ahead of Sabir and a curve that ends at a limit.
func testRun() []load.Line {
	var lines []load.Line
	for rep, raw := range []float64{10, 20, 30} {
		for peer, times := range map[string]float64{"raw": 1, "sabir-cbor": 1.2, "sabir-json": 2, "netrpc": 1.5, "grpc": 5} {
			lines = append(lines, load.Line{Peer: peer, Work: "unary", Metric: "p50 µs", Value: raw * times, Rep: rep, Pinned: true})
		}
		for _, x := range []int{64, 1024, 1 << 24} {
			lines = append(lines, load.Line{Peer: "raw", Work: "scale-size", Metric: "MB/s", Value: raw * float64(x), X: x, Rep: rep})
		}
	}
	return append(lines,
		load.Line{Peer: "sabir-cbor", Work: "scale-size", Metric: "MB/s", Value: 30, X: 64},
		load.Line{Peer: "sabir-cbor", Work: "scale-size", Metric: "limit", Note: "over", X: 1 << 24},
		load.Line{Peer: "connect", Work: "unary", Metric: "error", Err: "gone"})
}

func writeRun(t *testing.T, file string) {
	t.Helper()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	e := json.NewEncoder(out)
	e.Encode(map[string]any{"machine": machine{Date: "2020-02-02", CPU: "A fine one", Without: map[string]string{"mpd": "mpd: ask for it"}}})
	for _, l := range testRun() {
		e.Encode(l)
	}
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	run, page := filepath.Join(dir, "run.jsonl"), filepath.Join(dir, "page.md")
	writeRun(t, run)
	text := "Before.\n<!-- bench:machine -->\nold\n<!-- end -->\nBetween.\n"
	for _, name := range []string{"goals", "losses", "unary", "flight", "size"} {
		text += "<!-- bench:" + name + " -->\n<!-- end -->\n"
	}
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := report(run, page, "", nil); err != nil {
		t.Fatal(err)
	}
	once, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Before.\n<!-- bench:machine -->\nMeasured on A fine one, 0 cores, Linux , . 2020-02-02, unary, scale-size: 0 × 0 s",
		"**not measured**, for it needs mpd: ask for it",
		"<!-- end -->\nBetween.\n",
		"| sabir-cbor | 24.0 (12.0–36.0) | 1.20 | - | - |",
		"| unary, p50 µs, one core | sabir-cbor | ≤ 1.3 × raw | 1.20 | yes |",
		"| unary, p50 µs, one core | sabir-json | ≤ 1.5 × raw | 2.00 | **no** |",
		"| unary, p50 µs, one core | netrpc | 30.0 (15.0–45.0) | 24.0 (12.0–36.0) | **40.0 (20.0–60.0)** |",
		"![One call at a time: p50 in µs](page/unary.svg)",
		"<!-- bench:flight -->\nNot measured in this run.\n<!-- end -->",
		"| 16 777 216 | 336M (168M–503M) | over its limit |",
	} {
		if !strings.Contains(string(once), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(once), "one core | grpc |") {
		t.Error("a peer that is behind is among those who are ahead")
	}
	if t.Failed() {
		t.Logf("%s", once)
	}
	if err := report(run, page, "", nil); err != nil {
		t.Fatal(err)
	}
	if twice, _ := os.ReadFile(page); string(twice) != string(once) {
		t.Error("the same run written again changes the page")
	}
	for _, name := range []string{"unary", "size"} {
		wellFormed(t, filepath.Join(dir, "page", name+".svg"))
	}
}

func wellFormed(t *testing.T, file string) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	shapes := 0
	for d := xml.NewDecoder(in); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			shapes++
		}
	}
	if shapes == 0 {
		t.Errorf("%s shows nothing", file)
	}
}

func TestReportRefusesUnknownSections(t *testing.T) {
	dir := t.TempDir()
	run, page := filepath.Join(dir, "run.jsonl"), filepath.Join(dir, "page.md")
	writeRun(t, run)
	os.WriteFile(page, []byte("<!-- bench:unry -->\n<!-- end -->\n"), 0o600)
	if err := report(run, page, "", nil); err == nil || !strings.Contains(err.Error(), "no section unry") {
		t.Errorf("got %v", err)
	}
}

func TestReportWritesSomeSections(t *testing.T) {
	dir := t.TempDir()
	run, page := filepath.Join(dir, "run.jsonl"), filepath.Join(dir, "page.md")
	writeRun(t, run)
	os.WriteFile(page, []byte("<!-- bench:goals -->\nold\n<!-- end -->\n<!-- bench:unary -->\nold\n<!-- end -->\n"), 0o600)
	if err := report(run, page, "", []string{"goals"}); err != nil {
		t.Fatal(err)
	}
	now, _ := os.ReadFile(page)
	if !strings.HasSuffix(string(now), "<!-- bench:unary -->\nold\n<!-- end -->\n") || strings.HasPrefix(string(now), "<!-- bench:goals -->\nold") {
		t.Errorf("got %s", now)
	}
	if _, err := os.Stat(filepath.Join(dir, "page", "unary.svg")); err == nil {
		t.Error("the picture of another section was written")
	}
}

// The page of the project has every section once.
func TestPageIsWhole(t *testing.T) {
	page, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int)
	for _, m := range section.FindAllStringSubmatch(string(page), -1) {
		found[m[2]]++
	}
	want := []string{"machine", "goals", "losses", "tls", "http", "hostile", "hub", "beside"}
	for _, c := range append(plainCharts, curves...) {
		want = append(want, c.section)
	}
	for _, name := range want {
		if found[name] != 1 {
			t.Errorf("the section %s is there %d times", name, found[name])
		}
	}
	if len(found) != len(want) {
		t.Errorf("%d sections, %d known", len(found), len(want))
	}
}
