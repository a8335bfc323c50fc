package wire

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	a, b := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("%s:%d differs; go test ./wire -update writes it anew\nwant %q\ngot  %q", file, i+1, a[min(i, len(a)-1)], b[min(i, len(b)-1)])
		}
	}
}

// The golden file has a line for each file of the suite: the y_ are accepted but
// for two with a key twice, the n_ refused, and of the i_, which a parser may
// choose, numbers are accepted as they are and bad text is refused. The oracle,
// which has another limit of depth, differs only there: in 500 nested lists.
//
// clause: M14
func TestJSONTestSuite(t *testing.T) {
	files, _ := filepath.Glob("testdata/third_party/JSONTestSuite/test_parsing/*.json")
	if len(files) != 318 {
		t.Fatalf("%d files, want 318", len(files))
	}
	var list strings.Builder
	p := Parser{Enc: JSON}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		verdict := "accepted"
		err = p.Check(b)
		if err != nil {
			verdict = "refused: " + strings.TrimPrefix(err.Error(), "not strict JSON: ")
		}
		fmt.Fprintf(&list, "%s %s\n", name, verdict)
		twice := strings.HasPrefix(name, "y_object_duplicated_key")
		if name[0] == 'y' && (err == nil) == twice || name[0] == 'n' && err == nil {
			t.Errorf("%s: %s", name, verdict)
		}
		if depth, valid := jsonOracle(b); (err == nil) != (valid && depth <= MaxDepth) {
			t.Errorf("%s: %s, but the oracle says %v at depth %d", name, verdict, valid, depth)
		}
	}
	golden(t, "testdata/jsontestsuite.golden", list.String())
}

// clause: C2, C5
func TestAppendixA(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "third_party", "cbor-test-vectors", "appendix_a.json"))
	if err != nil {
		t.Fatal(err)
	}
	var items []struct {
		Hex        string
		Decoded    json.RawMessage
		Diagnostic string
	}
	if err := json.Unmarshal(b, &items); err != nil || len(items) != 82 {
		t.Fatal(len(items), err)
	}
	var list strings.Builder
	p := Parser{Enc: CBOR}
	for _, item := range items {
		raw, err := hex.DecodeString(item.Hex)
		if err != nil {
			t.Fatal(err)
		}
		err = p.Check(raw)
		oracle := cborOracle(raw)
		if (err == nil) != (oracle == nil) {
			t.Errorf("%s: %v, but the oracle says %v", item.Hex, err, oracle)
		}
		verdict := ""
		if err != nil {
			verdict = "refused: " + strings.TrimPrefix(err.Error(), "not strict CBOR: ")
		} else if text, err := (Value{CBOR, raw}).Append(nil, JSON); err != nil {
			verdict = "accepted, without counterpart in JSON"
		} else {
			verdict = "accepted: " + string(text)
			if item.Decoded != nil && !sameJSON(t, text, item.Decoded) {
				t.Errorf("%s: %s, want %s", item.Hex, text, item.Decoded)
			}
		}
		fmt.Fprintf(&list, "%s %s\n", item.Hex, verdict)
	}
	golden(t, "testdata/appendix_a.golden", list.String())
}

// sameJSON compares values by a decoder that is not ours.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}
