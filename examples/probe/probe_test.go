package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/vectors"
)

// The service is what the vectors say it is.
func TestDescription(t *testing.T) {
	want, err := vectors.FS.ReadFile("probe.sabir")
	if err != nil {
		t.Fatal(err)
	}
	if got := New().Describe()[0].String(); got != string(want) {
		t.Errorf("described as\n%s\nand not as\n%s", got, want)
	}
}

// And vectors/probe.json is what it says of itself in messages.
//
// clause: D1, D2
func TestTree(t *testing.T) {
	want, err := vectors.FS.ReadFile("probe.json")
	if err != nil {
		t.Fatal(err)
	}
	c := sabir.InProcess(New(), nil)
	defer c.Close()
	got, err := sabir.Do[sabir.Body](context.Background(), c, "rpc.describe", map[string]string{"service": "probe"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := got.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var described struct{ Services []json.RawMessage }
	if err := json.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	text = described.Services[0]
	var compact bytes.Buffer
	if err := json.Compact(&compact, want); err != nil {
		t.Fatal(err)
	}
	if compact.String() != string(text) {
		t.Errorf("described as\n%s\nand not as\n%s", text, &compact)
	}
}
